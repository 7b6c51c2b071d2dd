"""WaveGAN: raw audio from noise (Donahue, McAuley and Puckette, ICLR 2019, arXiv 1802.04208)."""

import keras

from tf_audio_gan.models.latent_gan import LatentGAN
from tf_audio_gan.models.wavegan.networks import Discriminator, Generator


@keras.saving.register_keras_serializable("tf_audio_gan")
class WaveGAN(LatentGAN):
    """Generates sounds of a fixed length from latents uniform in [-1, 1].

    The defaults are the paper's: 16384 samples at 16 kHz, d = 64, kernel 25, WGAN-GP with lambda 10, five discriminator
    steps a generator step, phase shuffle 2. Train on [critic_steps x batch, length, channels];
    with `labels` (conditional WaveGAN) on pairs of that and labels, whole numbers or soft.

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
        labels: names of the classes, in the order of their numbers; empty: no labels. `train` takes those of the data.
        conditioning: how labels enter: "concat" (cGAN's: one-hot beside the latents, and as four channels
            beside what the discriminator sees), "projection" (the discriminator's by Miyato and Koyama 2018), "film"
            (scales and shifts of every generator map; projection) or "auxiliary" (the discriminator does not see but
            guesses them, AC-GAN; under "wgan_gp" either side may win, watch `d/label_accuracy`).
        label_weights: of the auxiliary classifier's cross-entropy in the discriminator's and the generator's loss.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    def __init__(
        self, sample_rate=16000, length=16384, channels=1, latent_dim=100, dim=64, kernel_size=25, strides=None,
        upsampling="zeros", post_filter=0, batch_norm=False, phase_shuffle=2, phase_shuffle_mode="batch",
        objective="wgan_gp", gradient_penalty=10.0, critic_steps=5, ema=0.999, labels=(),
        conditioning="concat", label_weights=(1.0, 0.1), seed=0, **kwargs,
    ):  # fmt: skip
        shared = {"length": length, "channels": channels, "dim": dim, "kernel_size": kernel_size, "strides": strides}
        g_keywords = {"latent_dim": latent_dim, "upsampling": upsampling, "post_filter": post_filter}
        d_keywords = {"phase_shuffle": phase_shuffle, "phase_shuffle_mode": phase_shuffle_mode}
        networks = {"batch_norm": batch_norm, "seed": seed, **shared}
        g_labels, d_labels = self.injection(labels, conditioning)
        condition = {"labels": list(labels), "conditioning": conditioning, "label_weights": list(label_weights)}
        training = {"objective": objective, "gradient_penalty": gradient_penalty, "critic_steps": critic_steps}
        training |= {"sample_rate": sample_rate, "ema": ema, "seed": seed}
        super().__init__(
            make_generator=lambda: Generator(**networks, **g_keywords, **g_labels),
            make_discriminator=lambda: Discriminator(**networks, **d_keywords, **d_labels),
            **training, **condition, **kwargs,
        )  # fmt: skip
        self.length, self.channels, self.latent_dim = length, channels, latent_dim
        self.config = {**networks, **g_keywords, **d_keywords, **training, **condition}
