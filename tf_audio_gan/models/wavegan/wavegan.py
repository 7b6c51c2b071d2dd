"""WaveGAN: raw audio from noise (Donahue, McAuley and Puckette, "Adversarial Audio Synthesis", ICLR 2019)."""

import keras
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.losses.adversarial import objective as find_objective
from tf_audio_gan.losses.gradient_penalty import gradient_penalty
from tf_audio_gan.models.gan import AudioGAN, Signature
from tf_audio_gan.models.wavegan.networks import Discriminator, Generator


@keras.saving.register_keras_serializable("tf_audio_gan")
class WaveGAN(AudioGAN):
    """Generates sounds of a fixed length from latents uniform in [-1, 1].

    The defaults are the paper's: 16384 samples at 16 kHz, d = 64, kernel 25, WGAN-GP with lambda 10, five discriminator
    steps a generator step, phase shuffle 2. Train on [critic_steps x batch, length, channels].

    What is healthy (WGAN-GP): `d/adversarial` is minus the estimated distance between real and generated sound; it
    falls fast, then rises slowly towards 0 as the generator improves and stays negative. `d/gradient_norm` stays near
    1. `g/adversarial` wanders and means little by itself. Values in the thousands are divergence.

    Args:
        sample_rate: Hz; stored with the preset, used when audio is written.
        length: samples of a sound; 16384, 32768 or 65536 have published strides, any other needs `strides`.
        channels: audio channels, 1 or 2 (any number works).
        latent_dim: numbers in a latent vector.
        dim: model size d. d = 64 has 19,065,345 + 17,427,969 parameters at 16384 samples; the authors advise 32 for
            longer sounds; 8 to 16 train on a CPU.
        kernel_size: time steps of every kernel.
        strides: from the slowest layer to the audio; start x product of strides = length.
        upsampling: "zeros" (transposed convolution) or "nearest".
        post_filter: taps of the learned post-processing filter (the paper's has 512); 0: none.
        batch_norm: in both networks. Of DCGAN/LSGAN/WGAN/WGAN-GP with or without, the paper's first version found only
            DCGAN with it and WGAN-GP without it usable.
        phase_shuffle: radius in steps; 0: off.
        phase_shuffle_mode: "batch" (the authors' code), "channel" (the paper) or "example".
        objective: "wgan_gp", "wgan", "non_saturating" (DCGAN's), "minimax", "lsgan" or "hinge".
        gradient_penalty: lambda, the weight of the penalty; used by "wgan_gp" alone.
        critic_steps: discriminator steps a generator step, each on real examples of its own.
        ema: decay of the generator's moving average, from which sounds are generated.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    def __init__(
        self, sample_rate=16000, length=16384, channels=1, latent_dim=100, dim=64, kernel_size=25, strides=None,
        upsampling="zeros", post_filter=0, batch_norm=False, phase_shuffle=2, phase_shuffle_mode="batch",
        objective="wgan_gp", gradient_penalty=10.0, critic_steps=5, ema=0.999, seed=0, **kwargs,
    ):  # fmt: skip
        self.objective = find_objective(objective)
        shared = {"length": length, "channels": channels, "dim": dim, "kernel_size": kernel_size, "strides": strides}
        g_keywords = {"latent_dim": latent_dim, "upsampling": upsampling, "post_filter": post_filter}
        d_keywords = {"phase_shuffle": phase_shuffle, "phase_shuffle_mode": phase_shuffle_mode}
        networks = {"batch_norm": batch_norm, "seed": seed, **shared}
        super().__init__(
            make_generator=lambda: Generator(**networks, **g_keywords),
            make_discriminator=lambda: Discriminator(**networks, **d_keywords),
            sample_rate=sample_rate, critic_steps=critic_steps, ema=ema, seed=seed,
            weight_clip=self.objective.weight_clip, loss_weights=self._loss_weights(gradient_penalty), **kwargs,
        )  # fmt: skip
        self.length, self.channels, self.latent_dim = length, channels, latent_dim
        self.config = {
            "sample_rate": sample_rate, **shared, **g_keywords, "batch_norm": batch_norm, **d_keywords,
            "objective": objective, "gradient_penalty": gradient_penalty, "critic_steps": critic_steps, "ema": ema,
            "seed": seed,
        }  # fmt: skip

    def _loss_weights(self, penalty_weight):
        weights = {"d/adversarial": 1.0, "d/real": 0.0, "d/fake": 0.0, "g/adversarial": 1.0}
        if self.objective.penalty:
            weights |= {"d/gradient_penalty": penalty_weight, "d/gradient_norm": 0.0}
        return weights

    def default_optimizer(self):
        """A fresh optimizer with the objective's published settings; both networks use the same."""
        return self.objective.optimizer()

    def latents(self, seeds):
        """Latents by seed: integers [batch] -> [batch, latent_dim], uniform in [-1, 1); the same on every machine."""
        return backend.seeded_uniform(seeds, self.latent_dim) * 2 - 1

    def _fake(self, real, draws, training=True):
        latents = draws.fold("latents").uniform((ops.shape(real)[0], self.latent_dim)) * 2 - 1
        return self.generator(latents, training=training)

    def discriminator_loss(self, real, draws):
        """Terms of the discriminator's loss for real audio [batch, length, channels]; names in `loss_weights`."""
        fake = ops.stop_gradient(self._fake(real, draws))
        real_logits, _ = self.discriminator(real, draws=draws.fold("real"))
        fake_logits, _ = self.discriminator(fake, draws=draws.fold("fake"))
        terms = {
            "d/adversarial": self.objective.discriminator(real_logits, fake_logits),
            "d/real": ops.mean(real_logits[0]),
            "d/fake": ops.mean(fake_logits[0]),
        }
        if self.objective.penalty:
            alpha = draws.fold("alpha").uniform((ops.shape(real)[0], 1, 1))
            between = draws.fold("between")
            terms["d/gradient_penalty"], terms["d/gradient_norm"] = gradient_penalty(
                lambda x: self.discriminator(x, draws=between)[0][0], real, fake, alpha
            )
        return terms

    def generator_loss(self, real, draws):
        """Terms of the generator's loss; `real` only says how many sounds."""
        fake_logits, _ = self.discriminator(self._fake(real, draws), draws=draws.fold("fake"))
        return {"g/adversarial": self.objective.generator(fake_logits)}

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
