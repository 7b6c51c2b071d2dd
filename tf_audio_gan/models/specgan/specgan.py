"""SpecGAN: spectrograms from noise, sounds from them (Donahue, McAuley and Puckette, ICLR 2019, section 3.1)."""

import keras
import numpy as np
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.audio import log_spectrogram
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import Sounds
from tf_audio_gan.losses.adversarial import objective as find_objective
from tf_audio_gan.losses.gradient_penalty import gradient_penalty
from tf_audio_gan.models.gan import AudioGAN, Signature
from tf_audio_gan.models.specgan.networks import Discriminator, Generator

_AT_ONCE = 64  # examples that `adapt` looks at together


@keras.saving.register_keras_serializable("tf_audio_gan")
class SpecGAN(AudioGAN):
    """Generates sounds of a fixed length from latents uniform in [-1, 1], by way of log-magnitude spectrograms.

    The networks see pictures [batch, frames, bins, 1] in [-1, 1]: each bin normalised by its mean and standard
    deviation over the training data, clipped at three of the latter. `adapt` measures them (`train` calls it; before
    `fit`, call it yourself); they are weights of the generator, so checkpoints, .keras files and presets have them.
    Sounds are made from pictures by Griffin-Lim, in an exported graph too; their first hop (8 ms) fades in, and a sound
    whose peak would pass 1 is made quieter.

    The defaults are the paper's: 16384 samples at 16 kHz as 128 frames of 128 bins, d = 64, kernel 5 x 5, stride 2 x 2,
    WGAN-GP with lambda 10, five discriminator steps a generator step, no phase shuffle. Train on
    [critic_steps x batch, length, 1]. What is healthy: as WaveGAN, docs/training.md.

    Args:
        sample_rate: Hz; stored with the preset, used when audio is written.
        length: samples of a sound, a multiple of n_fft / 2. 128, 256 and 512 frames of that many samples have strides
            of their own (16384, 32768 and 65536 samples with the default `n_fft`), any other number needs `strides`.
        n_fft: FFT and window length in samples, even; frames are half of it apart, half as many bins are generated.
        latent_dim: numbers in a latent vector.
        dim: model size d. d = 64 has 19,065,345 + 17,427,969 parameters at 16384 samples, nearly four times as many at
            32768 and 65536; 8 to 16 train on a CPU.
        kernel_size: frames and bins of every kernel.
        strides: in time, from the slowest layer to the spectrogram; start x product of strides = frames. In frequency
            the five last layers have stride 2 and those before 1, so a longer sound is a deeper network.
        upsampling: "zeros" (transposed convolution) or "nearest".
        batch_norm: in both networks, see `WaveGAN`.
        phase_shuffle: radius in frames; 0: off. The paper found 1 to harm (Inception score 3.71 instead of 6.03).
        phase_shuffle_mode: "batch", "example" or "channel"; all bins shift together.
        griffin_lim: iterations.
        synthesis_window: "dual"; or "hann", the authors' code, whose sounds pulse (`log_spectrogram.to_audio`).
        objective: "wgan_gp", "wgan", "non_saturating" (DCGAN's), "minimax", "lsgan" or "hinge".
        gradient_penalty: lambda, the weight of the penalty, in the space of pictures; used by "wgan_gp" alone.
        critic_steps: discriminator steps a generator step, each on real examples of its own.
        ema: decay of the generator's moving average, from which sounds are generated.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    channels = 1

    def __init__(
        self, sample_rate=16000, length=16384, n_fft=256, latent_dim=100, dim=64, kernel_size=5, strides=None,
        upsampling="zeros", batch_norm=False, phase_shuffle=0, phase_shuffle_mode="batch", griffin_lim=16,
        synthesis_window="dual", objective="wgan_gp", gradient_penalty=10.0, critic_steps=5, ema=0.999, seed=0,
        **kwargs,
    ):  # fmt: skip
        self.objective = find_objective(objective)
        self._check_settings(length, n_fft, griffin_lim, synthesis_window)
        shared = {"dim": dim, "kernel_size": kernel_size, "strides": strides, "batch_norm": batch_norm, "seed": seed}
        g_keywords = {"latent_dim": latent_dim, "upsampling": upsampling}
        d_keywords = {"phase_shuffle": phase_shuffle, "phase_shuffle_mode": phase_shuffle_mode}
        size = {"frames": length // (n_fft // 2), "bins": n_fft // 2}
        super().__init__(
            make_generator=lambda: Generator(**size, **shared, **g_keywords),
            make_discriminator=lambda: Discriminator(**size, **shared, **d_keywords),
            sample_rate=sample_rate, critic_steps=critic_steps, ema=ema, seed=seed,
            weight_clip=self.objective.weight_clip, loss_weights=self._loss_weights(gradient_penalty), **kwargs,
        )  # fmt: skip
        self.length, self.n_fft, self.latent_dim = length, n_fft, latent_dim
        self.griffin_lim, self.synthesis_window = griffin_lim, synthesis_window
        self.config = {
            "sample_rate": sample_rate, "length": length, "n_fft": n_fft, **shared, **g_keywords, **d_keywords,
            "griffin_lim": griffin_lim, "synthesis_window": synthesis_window, "objective": objective,
            "gradient_penalty": gradient_penalty, "critic_steps": critic_steps, "ema": ema,
        }  # fmt: skip

    def _check_settings(self, length, n_fft, griffin_lim, synthesis_window):
        if not isinstance(n_fft, int) or n_fft < 4 or n_fft % 2:
            raise ValueError(f"n_fft must be an even number of samples from 4. Received: n_fft={n_fft!r}")
        hop = n_fft // 2
        if length < n_fft or length % hop:
            raise ValueError(f"length must be a multiple of the hop, {hop} samples. Received: length={length}")
        if not isinstance(griffin_lim, int) or griffin_lim < 0:
            raise ValueError(f"griffin_lim must be a whole number of iterations from 0. Received: {griffin_lim!r}")
        if synthesis_window not in log_spectrogram.SYNTHESIS_WINDOWS:
            known = ", ".join(log_spectrogram.SYNTHESIS_WINDOWS)
            raise ValueError(f"synthesis_window must be one of {known}. Received: {synthesis_window!r}")

    def _loss_weights(self, penalty_weight):
        weights = {"d/adversarial": 1.0, "d/real": 0.0, "d/fake": 0.0, "g/adversarial": 1.0}
        if self.objective.penalty:
            weights |= {"d/gradient_penalty": penalty_weight, "d/gradient_norm": 0.0}
        return weights

    def default_optimizer(self):
        """A fresh optimizer with the objective's published settings; both networks use the same."""
        return self.objective.optimizer()

    def adapt(self, sounds, progress=None):
        """Measures every bin's mean and standard deviation over all frames of the training data, in one pass.

        To be called once, before the first step of training: `train` does, `fit` refuses to begin without it. Memory is
        that of 64 examples. A bin that never changes counts as having a standard deviation of 1.

        Args:
            sounds: `Sounds` with this model's sample rate, length and one channel: one pass, with its crops; or float
                audio [n, length, 1].
            progress: show a bar; None = on a terminal.

        Raises:
            ValueError: the data does not fit the model, or holds what is not a number.
        """
        moments = log_spectrogram.Moments(self.n_fft // 2 + 1)
        analysed = backend.compiled(lambda audio: log_spectrogram.log_magnitudes(audio, self.n_fft))
        batches, count = self._parts(sounds)
        for audio in bar(batches, -(-count // _AT_ONCE), "Measuring spectrograms", progress):
            moments.update(analysed(audio))
        for network in (self.generator, self.ema_generator):
            network.moments.assign(moments.mean, moments.std, moments.count)

    def _parts(self, sounds):
        """(iterable of audio [up to 64, length, 1], how many examples there are)."""
        if isinstance(sounds, Sounds):
            for name in ("sample_rate", "length", "channels"):
                found, wanted = getattr(sounds, name), getattr(self, name)
                if found != wanted:
                    raise ValueError(f"the sounds must have the model's {name}, {wanted}. Received: {found}")
            return sounds.one_pass(_AT_ONCE), sounds.examples
        audio = np.asarray(sounds)
        if audio.dtype.kind != "f" or audio.shape[1:] != (self.length, 1) or not len(audio):
            raise ValueError(
                f"adapt takes `Sounds` or float audio [n, {self.length}, 1]. "
                f"Received: {type(sounds).__name__}, {audio.dtype} {list(audio.shape)}"
            )
        if not np.isfinite(audio).all():
            raise ValueError("adapt received NaN or infinite samples. Remove the examples that hold them.")
        starts = range(0, len(audio), _AT_ONCE)
        return (audio[i : i + _AT_ONCE].astype("float32") for i in starts), len(audio)

    def make_train_function(self, force=False):
        """As the base class's; ValueError for a model that has not seen its data (`adapt`)."""
        if backend.whole(self.generator.moments.frames) == 0:
            raise ValueError(
                "a SpecGAN needs every bin's mean and standard deviation over the training data before it trains. Call "
                "model.adapt(sounds) with the `Sounds`, or the audio [n, length, 1], that it is to be trained on."
            )
        super().make_train_function(force)

    def spectrograms(self, audio):
        """What the discriminator sees of audio [batch, length, 1]: [batch, frames, bins, 1] in [-1, 1]."""
        return self.generator.moments.normalise(log_spectrogram.log_magnitudes(audio, self.n_fft))

    def to_audio(self, spectrograms):
        """Sounds of normalised spectrograms [batch, frames, bins, 1]: audio [batch, length, 1] in [-1, 1]."""
        magnitudes = self.ema_generator.moments.denormalise(spectrograms)
        return log_spectrogram.to_audio(magnitudes, self.griffin_lim, self.synthesis_window)

    def call(self, latents, training=False):
        """Latents [batch, latent_dim] -> audio [batch, length, 1], by the generator's moving average."""
        return self.to_audio(self.ema_generator(latents, training=False))

    def latents(self, seeds):
        """Latents by seed: integers [batch] -> [batch, latent_dim], uniform in [-1, 1); the same on every machine."""
        return backend.seeded_uniform(seeds, self.latent_dim) * 2 - 1

    def _fake(self, real, draws, training=True):
        latents = draws.fold("latents").uniform((ops.shape(real)[0], self.latent_dim)) * 2 - 1
        return self.generator(latents, training=training)

    def discriminator_loss(self, real, draws):
        """Terms of the discriminator's loss for real audio [batch, length, 1]; names in `loss_weights`."""
        real = ops.stop_gradient(self.spectrograms(real))
        fake = ops.stop_gradient(self._fake(real, draws))
        real_logits, _ = self.discriminator(real, draws=draws.fold("real"))
        fake_logits, _ = self.discriminator(fake, draws=draws.fold("fake"))
        terms = {
            "d/adversarial": self.objective.discriminator(real_logits, fake_logits),
            "d/real": ops.mean(real_logits[0]),
            "d/fake": ops.mean(fake_logits[0]),
        }
        if self.objective.penalty:
            alpha = draws.fold("alpha").uniform((ops.shape(real)[0], 1, 1, 1))
            between = draws.fold("between")
            terms["d/gradient_penalty"], terms["d/gradient_norm"] = gradient_penalty(
                lambda x: self.discriminator(x, draws=between)[0][0], real, fake, alpha
            )
        return terms

    def generator_loss(self, real, draws):
        """Terms of the generator's loss; `real` only says how many sounds."""
        fake_logits, _ = self.discriminator(self._fake(real, draws), draws=draws.fold("fake"))
        return {"g/adversarial": self.objective.generator(fake_logits)}

    def audio_settings(self):
        """As every model's, and how spectrograms are made."""
        settings = {"n_fft": self.n_fft, "hop_length": self.n_fft // 2, "window": "hann", "padding": "end"}
        settings |= {"floor": log_spectrogram.FLOOR, "clip": log_spectrogram.CLIP}
        return {**super().audio_settings(), "spectrogram": settings}

    def signatures(self):
        """Signatures for serving: latents to audio, and one integer a row to audio."""
        return {
            "serving_default": Signature(
                {"latents": ((None, self.latent_dim), "float32")}, lambda latents: {"audio": self(latents)}
            ),
            "from_seed": Signature(
                {"seed": ((None,), "int64")}, lambda seed: {"audio": self(self.latents(seed))}, wav="wav"
            ),
        }
