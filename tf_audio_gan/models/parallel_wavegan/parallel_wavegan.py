"""Parallel WaveGAN (Yamamoto, Song and Kim 2020, arXiv 1910.11480)."""

import math

import keras

from tf_audio_gan.models.parallel_wavegan.networks import CONTEXT, Discriminator, Generator
from tf_audio_gan.models.vocoder import Vocoder, front_end_of
from tf_audio_gan.optimizers import RAdam


@keras.saving.register_keras_serializable("tf_audio_gan")
class ParallelWaveGAN(Vocoder):
    """Noise and a mel spectrogram to audio, by a WaveNet without recurrence: 1,330,149 + 99,265 parameters.

    The defaults are kan-bayashi's v1: least squares objective with weight 4, multi-resolution STFT loss, the
    discriminator from step 100,000 on, RAdam. The noise comes from a seed, so a mel and a seed name one sound.

    What is healthy: `g/spectral_convergence` and `g/log_magnitude` fall all the way; `d/adversarial` (least squares,
    halved) is 0.25 where the discriminator is undecided and falls a little below it.

    Args:
        front_end: mel settings, see `MelGAN`.
        segment_length: samples of audio that a training step compares.
        context: mel frames on either side of it that are read from the recording, 2 or more.
        blocks, stacks, residual_channels, gate_channels, skip_channels, kernel_size, upsample_scales: of the generator
            (`networks.Generator`); the product of the scales is the hop.
        d_layers, d_channels: of the discriminator (`networks.Discriminator`).
        init: initial weights of the generator: "he", the authors', whose first sounds are some 50 dB too loud and which
            takes hundreds of steps to unlearn that; with "uniform" small trainings come further. See `initial_weights`.
        objective: "lsgan" or "hinge".
        adversarial: weight of the generator's adversarial term (lambda).
        stft_loss: weight of the multi-resolution STFT loss.
        mel_l1, mel_l2: weights of log-mel distances, beyond the paper.
        discriminator_start: generator steps on the spectral losses alone, before the discriminator takes part.
        gain: an example is multiplied by a number drawn from this range; of recordings normalised to a peak of 1,
            (0.285, 0.95) is the MelGAN authors' augmentation.
        ema: decay of the generator's moving average, from which audio is made; 0: none, as the authors.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    aux_context, takes_noise = CONTEXT, True

    def __init__(
        self, front_end="kan_bayashi", segment_length=25600, context=4, blocks=30, stacks=3, residual_channels=64,
        gate_channels=128, skip_channels=64, kernel_size=3, upsample_scales=(4, 4, 4, 4), d_layers=10, d_channels=64,
        init="he", objective="lsgan", adversarial=4.0, stft_loss=1.0, mel_l1=0.0, mel_l2=0.0,
        discriminator_start=100_000, gain=(1.0, 1.0), ema=0.999, seed=0, **kwargs,
    ):  # fmt: skip
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        mels = front_end_of(front_end)
        upsample_scales = tuple(upsample_scales)
        if math.prod(upsample_scales) != mels.hop_length:
            raise ValueError(
                f"the product of upsample_scales must be the hop, {mels.hop_length} samples. "
                f"Received: upsample_scales={upsample_scales}: {math.prod(upsample_scales)}"
            )
        sizes = {"residual_channels": residual_channels, "gate_channels": gate_channels, "skip_channels": skip_channels}
        sizes |= {"blocks": blocks, "stacks": stacks, "kernel_size": kernel_size, "upsample_scales": upsample_scales}
        sizes |= {"init": init}
        cycle = sum(2**i for i in range(blocks // stacks))
        samples = kernel_size // 2 * cycle * stacks
        self.receptive_frames = math.ceil(samples / mels.hop_length) + 2 * CONTEXT
        super().__init__(
            make_generator=lambda weight_norm: Generator(mels.n_mels, weight_norm=weight_norm, seed=seed, **sizes),
            make_discriminator=lambda: Discriminator(d_layers, d_channels, seed=seed),
            front_end=mels, segment_length=segment_length, context=context, pqmf=None, objective=objective,
            adversarial=adversarial, matching=0.0, matching_reduction="mean", stft=stft_loss, subband_stft=0.0,
            mel=(mel_l1, mel_l2), discriminator_start=discriminator_start, gain=gain, ema=ema, seed=seed, **kwargs,
        )  # fmt: skip
        self.config = {**given, "front_end": mels.get_config()}

    def synthesise(self, generator, mel, noise, with_context=False):
        """Audio for mel [batch, frames, n_mels]; in training with two true frames more at either end."""
        frames = mel.shape[1] if mel.shape[1] is not None else keras.ops.shape(mel)[1]
        frames = frames - 2 * CONTEXT if with_context else frames
        return generator(mel, noise(frames * self.hop_length), with_context=with_context)

    def default_optimizer(self):
        """The generator's: RAdam, 1e-4 halved every 200,000 steps, gradients clipped to norm 10 (on each replica)."""
        return RAdam(_halving(1e-4), epsilon=1e-6, global_clipnorm=10.0)

    def default_d_optimizer(self):
        """The discriminator's: RAdam, 5e-5 halved every 200,000 of its own steps, gradients clipped to norm 1."""
        return RAdam(_halving(5e-5), epsilon=1e-6, global_clipnorm=1.0)


def _halving(rate):
    return keras.optimizers.schedules.ExponentialDecay(rate, 200_000, 0.5, staircase=True)
