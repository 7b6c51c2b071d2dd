"""SpecGAN: spectrograms from noise, sounds from them (Donahue, McAuley and Puckette, ICLR 2019, section 3.1)."""

import warnings

import keras
import numpy as np

from tf_audio_gan import backend
from tf_audio_gan.audio import log_spectrogram
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import Sounds
from tf_audio_gan.models.latent_gan import LatentGAN
from tf_audio_gan.models.specgan.networks import Discriminator, Generator

_AT_ONCE = 64  # examples that `adapt` looks at together
_MOSTLY_SILENCE = 3.5  # nats: a mean deviation beyond, of recordings that stay above digital silence they are 2 to 3


@keras.saving.register_keras_serializable("tf_audio_gan")
class SpecGAN(LatentGAN):
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
        floor: added to magnitudes before the logarithm and taken away after it, 0 to 1. The paper's, 1e-6, is 156 dB
            below a full-scale sine with the default `n_fft`: where recordings end in digital silence, as cut words and
            one-shots do, they share a tenth of the pictures' range. With 1e-2, 76 dB below, they have a third.
        griffin_lim: iterations.
        synthesis_window: "dual"; or "hann", the authors' code, whose sounds pulse (`log_spectrogram.to_audio`).
        objective: "wgan_gp", "wgan", "non_saturating" (DCGAN's), "minimax", "lsgan" or "hinge".
        gradient_penalty: lambda, the weight of the penalty, in the space of pictures; used by "wgan_gp" alone.
        critic_steps: discriminator steps a generator step, each on real examples of its own.
        ema: decay of the generator's moving average, from which sounds are generated.
        labels: names of the classes, in the order of their numbers; empty: no labels. `train` takes those of the data.
        conditioning: how labels enter: "concat" (cGAN's: one-hot beside the latents, and as four channels
            beside what the discriminator sees), "projection" (the discriminator's by Miyato and Koyama 2018), "film"
            (scales and shifts of every generator map; projection) or "auxiliary" (the discriminator does not see but
            guesses them, AC-GAN; under "wgan_gp" either side may win, watch `d/label_accuracy`).
        label_weights: of the auxiliary classifier's cross-entropy in the discriminator's and the generator's loss.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    channels = 1

    def __init__(
        self, sample_rate=16000, length=16384, n_fft=256, latent_dim=100, dim=64, kernel_size=5, strides=None,
        upsampling="zeros", batch_norm=False, phase_shuffle=0, phase_shuffle_mode="batch", floor=log_spectrogram.FLOOR,
        griffin_lim=16, synthesis_window="dual", objective="wgan_gp", gradient_penalty=10.0, critic_steps=5, ema=0.999,
        labels=(), conditioning="concat", label_weights=(1.0, 0.1), seed=0, **kwargs,
    ):  # fmt: skip
        self._check_settings(length, n_fft, floor, griffin_lim, synthesis_window)
        shared = {"dim": dim, "kernel_size": kernel_size, "strides": strides, "batch_norm": batch_norm, "seed": seed}
        g_keywords = {"latent_dim": latent_dim, "upsampling": upsampling}
        d_keywords = {"phase_shuffle": phase_shuffle, "phase_shuffle_mode": phase_shuffle_mode}
        size = {"frames": length // (n_fft // 2), "bins": n_fft // 2}
        g_labels, d_labels = self.injection(labels, conditioning)
        condition = {"labels": list(labels), "conditioning": conditioning, "label_weights": list(label_weights)}
        training = {"objective": objective, "gradient_penalty": gradient_penalty, "critic_steps": critic_steps}
        training |= {"sample_rate": sample_rate, "ema": ema, "seed": seed}
        super().__init__(
            make_generator=lambda: Generator(**size, **shared, **g_keywords, **g_labels),
            make_discriminator=lambda: Discriminator(**size, **shared, **d_keywords, **d_labels),
            **training, **condition, **kwargs,
        )  # fmt: skip
        self.length, self.n_fft, self.latent_dim = length, n_fft, latent_dim
        self.floor, self.griffin_lim, self.synthesis_window = floor, griffin_lim, synthesis_window
        self.config = {
            "length": length, "n_fft": n_fft, **shared, **g_keywords, **d_keywords, "floor": floor,
            "griffin_lim": griffin_lim, "synthesis_window": synthesis_window, **training, **condition,
        }  # fmt: skip

    def _check_settings(self, length, n_fft, floor, griffin_lim, synthesis_window):
        if not isinstance(n_fft, int) or n_fft < 4 or n_fft % 2:
            raise ValueError(f"n_fft must be an even number of samples from 4. Received: n_fft={n_fft!r}")
        hop = n_fft // 2
        if length < n_fft or length % hop:
            raise ValueError(f"length must be a multiple of the hop, {hop} samples. Received: length={length}")
        if not isinstance(floor, (int, float)) or not 0 < floor < 1:
            raise ValueError(f"floor must be above 0 and below 1, e.g. 1e-6 or 1e-2. Received: floor={floor!r}")
        if not isinstance(griffin_lim, int) or griffin_lim < 0:
            raise ValueError(f"griffin_lim must be a whole number of iterations from 0. Received: {griffin_lim!r}")
        if synthesis_window not in log_spectrogram.SYNTHESIS_WINDOWS:
            known = ", ".join(log_spectrogram.SYNTHESIS_WINDOWS)
            raise ValueError(f"synthesis_window must be one of {known}. Received: {synthesis_window!r}")

    def adapt(self, sounds, progress=None):
        """Measures every bin's mean and standard deviation over all frames of the training data, in one pass.

        To be called once, before the first step of training: `train` does, `fit` refuses to begin without it. Memory is
        that of 64 examples. A bin that never changes counts as having a standard deviation of 1.

        Args:
            sounds: `Sounds` with this model's sample rate, length and one channel: one pass, with its crops; or float
                audio [n, length, 1].
            progress: show a bar; None = on a terminal.

        Warns:
            UserWarning: digital silence takes most of the pictures' range, and a higher `floor` would help.

        Raises:
            ValueError: the data does not fit the model, or holds what is not a number.
        """
        moments = log_spectrogram.Moments(self.n_fft // 2 + 1)
        analysed = backend.compiled(lambda audio: log_spectrogram.log_magnitudes(audio, self.n_fft, self.floor))
        batches, count = self._parts(sounds)
        for audio in bar(batches, -(-count // _AT_ONCE), "Measuring spectrograms", progress):
            moments.update(analysed(audio))
        if moments.std.mean() > _MOSTLY_SILENCE:
            warnings.warn(
                "digital silence in the sounds takes most of the pictures' range: "
                f"floor = {self.floor:g} is too low for them, 1e-2 leaves sounds three times as much (docs/specgan.md)",
                stacklevel=2,
            )
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

    def seen(self, audio):
        """What the discriminator sees of audio [batch, length, 1]: spectrograms [batch, frames, bins, 1] in [-1, 1]."""
        return self.generator.moments.normalise(log_spectrogram.log_magnitudes(audio, self.n_fft, self.floor))

    spectrograms = seen

    def heard(self, made):
        """Sounds of normalised spectrograms [batch, frames, bins, 1]: audio [batch, length, 1] in [-1, 1]."""
        magnitudes = self.ema_generator.moments.denormalise(made, self.floor)
        return log_spectrogram.to_audio(magnitudes, self.griffin_lim, self.synthesis_window)

    to_audio = heard

    def audio_settings(self):
        """As every model's, and how spectrograms are made."""
        settings = {"n_fft": self.n_fft, "hop_length": self.n_fft // 2, "window": "hann", "padding": "end"}
        settings |= {"floor": self.floor, "clip": log_spectrogram.CLIP}
        return {**super().audio_settings(), "spectrogram": settings}
