"""MelGAN (Kumar et al. 2019, arXiv 1910.06711) and Multi-band MelGAN (Yang et al. 2020, arXiv 2005.05106)."""

import math

import keras

from tf_audio_gan.audio.pqmf import PQMF
from tf_audio_gan.models.melgan.networks import Discriminator, Generator, MelDiscriminator
from tf_audio_gan.models.vocoder import Vocoder, front_end_of


@keras.saving.register_keras_serializable("tf_audio_gan")
class MelGAN(Vocoder):
    """Mel spectrograms to audio, without noise: 4,260,257 + 16,913,859 parameters (5,793 + 10,227 gains in training).

    The defaults are the authors' code: hinge objective, feature matching times 10, 16 examples of 8192 samples, Adam
    1e-4. Options beyond the paper are off: spectral losses, a discriminator of mels, a discriminator that starts later.

    What is healthy: `d/adversarial` (hinge, summed over three scales) starts at 6 and stays between 4 and 6; near 0 the
    discriminator has won. `g/feature_matching` falls at first and may rise again as the discriminator learns to see
    more. `g/log_magnitude` and `g/mel_l1` fall all the way: watch these for convergence.

    Args:
        front_end: mel settings: "melgan", "kan_bayashi", "kan_bayashi_24k", "hifigan", or keywords of `MelFrontEnd`.
        segment_length: samples of audio that a training step compares.
        context: mel frames on either side of it, from a longer crop; 0: mels of the segment alone, as the authors.
        channels, upsample_scales, stacks: of the generator (`networks.Generator`); scales x bands make the hop.
        bands: sub-bands of the generator's output, joined by PQMF; 1: none.
        pqmf_cutoff: of its filters, as a fraction of half the sample rate; None: the best there is (`audio.pqmf`). Old
            checkpoints of kan-bayashi's have 0.15.
        d_scales, d_channels, d_max_channels, downsample_scales: of the discriminator (`networks.Discriminator`).
        d_init: its initial weights, "uniform" or "normal".
        mel_discriminator: None, "1d" or "2d": one more discriminator, of log-mels (`networks.MelDiscriminator`).
        objective: "hinge" (the authors') or "lsgan" (the paper's text), summed over scales.
        adversarial: weight of the generator's adversarial term. kan-bayashi's code averages over scales: divide by
            their number.
        feature_matching: its weight; 0: none.
        feature_matching_reduction: "official_code", "paper" or "mean" (`losses.feature_matching.REDUCTIONS`).
        stft_loss: weight of the multi-resolution STFT loss; 0: none.
        subband_stft_loss: the same of the sub-bands.
        mel_l1, mel_l2: weights of log-mel distances; HiFi-GAN's is 45 for L1 in natural logarithms.
        discriminator_start: generator steps on the spectral losses alone, before the discriminator takes part.
        gain: an example is multiplied by a number drawn from this range; of recordings normalised to a peak of 1,
            (0.285, 0.95) is the MelGAN authors' augmentation.
        ema: decay of the generator's moving average, from which audio is made; 0: none, as the authors.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    least_frames = 4

    def __init__(
        self, front_end="melgan", segment_length=8192, context=0, channels=512, upsample_scales=(8, 8, 2, 2), stacks=3,
        bands=1, pqmf_cutoff=None, d_scales=3, d_channels=16, d_max_channels=1024, downsample_scales=(4, 4, 4, 4),
        d_init="uniform", mel_discriminator=None, objective="hinge", adversarial=1.0, feature_matching=10.0,
        feature_matching_reduction="official_code", stft_loss=0.0, subband_stft_loss=0.0, mel_l1=0.0, mel_l2=0.0,
        discriminator_start=0, gain=(0.285, 0.95), ema=0.999, seed=0, **kwargs,
    ):  # fmt: skip
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        mels = front_end_of(front_end)
        upsample_scales = tuple(upsample_scales)
        if math.prod(upsample_scales) * bands != mels.hop_length:
            raise ValueError(
                f"the product of upsample_scales times bands must be the hop, {mels.hop_length} samples. "
                f"Received: upsample_scales={upsample_scales}, bands={bands}: {math.prod(upsample_scales) * bands}"
            )
        if subband_stft_loss and bands == 1:
            raise ValueError(f"subband_stft_loss needs bands. Received: {subband_stft_loss=}, {bands=}")
        if pqmf_cutoff is not None and bands == 1:
            raise ValueError(f"pqmf_cutoff needs bands. Received: {pqmf_cutoff=}, {bands=}")
        pqmf = PQMF(bands, cutoff=pqmf_cutoff) if bands > 1 else None
        self.receptive_frames = reach(upsample_scales, stacks, pqmf)
        scales = {"scales": d_scales, "channels": d_channels, "max_channels": d_max_channels, "init": d_init}
        super().__init__(
            make_generator=lambda weight_norm: Generator(
                mels.n_mels, channels, upsample_scales, stacks, out_channels=bands, weight_norm=weight_norm, seed=seed
            ),
            make_discriminator=lambda: _discriminator(
                mels, mel_discriminator, seed, downsample_scales=tuple(downsample_scales), **scales
            ),
            front_end=mels, segment_length=segment_length, context=context, pqmf=pqmf, objective=objective,
            adversarial=adversarial, matching=feature_matching, matching_reduction=feature_matching_reduction,
            stft=stft_loss, subband_stft=subband_stft_loss, mel=(mel_l1, mel_l2),
            discriminator_start=discriminator_start, gain=gain, ema=ema, seed=seed, **kwargs,
        )  # fmt: skip
        self.config = {**given, "front_end": mels.get_config()}

    def default_optimizer(self):
        """Adam as in the authors' code, for both networks."""
        return keras.optimizers.Adam(1e-4, beta_1=0.5, beta_2=0.9, epsilon=1e-8)


@keras.saving.register_keras_serializable("tf_audio_gan")
class MultiBandMelGAN(MelGAN):
    """MelGAN that makes four sub-bands at a quarter of the rate: 2,534,356 parameters, 2.5 times less computation.

    The defaults are kan-bayashi's v2 at 22.05 kHz: least squares objective, spectral losses of the audio and of the
    sub-bands, no feature matching, the discriminator from step 200,000 on. At 24 kHz: front_end="kan_bayashi_24k",
    upsample_scales=(5, 5, 3). For rates up to 16 kHz TensorFlowTTS advises (2, 4, 8).

    What is healthy: all spectral terms fall, with a small step up where the discriminator begins; then `d/adversarial`
    (least squares, three scales, halved) settles a little below its equilibrium, 0.75. Clicks and tones that appear
    with the discriminator take hundreds of thousands of steps to leave.

    Args:
        **kwargs: as `MelGAN`.
    """

    def __init__(
        self, front_end="kan_bayashi", segment_length=16384, context=2, channels=384, upsample_scales=(8, 4, 2),
        stacks=4, bands=4, d_max_channels=512, downsample_scales=(4, 4, 4), d_init="normal", objective="lsgan",
        adversarial=2.5 / 3, feature_matching=0.0, stft_loss=0.5, subband_stft_loss=0.5, discriminator_start=200_000,
        gain=(1.0, 1.0),        **kwargs,
    ):  # fmt: skip
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        super().__init__(**given, **kwargs)

    def default_optimizer(self):
        """Adam with AMSGrad for both networks, 1e-3, halved after each of the first six 100,000 steps of its own."""
        halvings = range(1, 7)
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            [n * 100_000 for n in halvings], [1e-3 / 2**n for n in (0, *halvings)]
        )
        return keras.optimizers.Adam(rate, amsgrad=True, epsilon=1e-7)


@keras.saving.register_keras_serializable("tf_audio_gan")
class WaveformAndMel(keras.Model):
    """The waveform's discriminators, and one that sees the log-mels of the same audio.

    Args:
        waveform: `networks.Discriminator`.
        mel: `networks.MelDiscriminator`.
        front_end: `MelFrontEnd`.
    """

    def __init__(self, waveform, mel, front_end, **kwargs):
        super().__init__(**kwargs)
        self.waveform, self.mel, self.front_end = waveform, mel, front_end
        self.built = True

    def call(self, audio):
        """Audio [batch, samples, 1] -> (logits, feature maps): the scales', then those of the mels."""
        parts = self.waveform(audio), self.mel(self.front_end(audio))
        return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]


def _discriminator(front_end, mel_discriminator, seed, **waveform):
    network = Discriminator(seed=seed, **waveform)
    if mel_discriminator is None:
        return network
    return WaveformAndMel(network, MelDiscriminator(front_end.n_mels, mel_discriminator, seed=seed), front_end)


def reach(upsample_scales, stacks, pqmf, kernel_size=7):
    """Mel frames on either side that an output sample may depend on, rounded up (MelGAN: 7, of which it needs 6)."""
    steps = kernel_size // 2 + (math.ceil(pqmf.taps / 2 / pqmf.bands) if pqmf else 0)
    for scale in reversed(upsample_scales):
        steps += sum(3**j for j in range(stacks))
        steps = math.ceil(steps / scale) + 1
    return steps + kernel_size // 2
