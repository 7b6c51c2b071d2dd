"""Pseudo-QMF filter banks: a sound as a few critically sampled sub-bands, and back (Nguyen 1994).

The low-pass is a Kaiser-windowed sinc (Lin and Vaidyanathan 1998).
"""

import functools

import numpy as np
from keras import ops

from tf_audio_gan.device import constant

# Cut-offs of the published banks and of the sizes that other band counts need, all for beta 9. The optimum is sharp:
# 0.15 instead of 0.142 costs 45 dB.
CUTOFFS = {(2, 62): 0.2670, (4, 62): 0.142, (8, 62): 0.0795, (8, 126): 0.07087, (16, 256): 0.03537}


class PQMF:
    """A bank of cosine-modulated filters from one Kaiser-windowed low-pass.

    Audio passed through `analysis` and `synthesis` comes back without delay, with an error of -64 dB for 4 bands and 62
    taps, -67 dB for (2, 62), -64 dB for (8, 126) and (16, 256); (8, 62) is too short for 8 bands and stays at -50 dB.
    `reconstruction_snr` computes it for any bank.

    Multi-band MelGAN (Yang et al. 2020) uses 4 bands. The checkpoints of kan-bayashi's project have the
    same bank with cut-off 0.142, those of its versions up to 0.4.2 with 0.15 (19 dB): pass `cutoff` for these.

    Args:
        bands: number of sub-bands, each of width sample_rate / (2 bands).
        taps: filter order, even: filters have taps + 1 coefficients.
        cutoff: of the low-pass, as a fraction of half the sample rate; None: the best there is (`best_cutoff`).
        beta: of the Kaiser window.

    Attributes:
        analysis_filters: float32 numpy ``[bands, taps + 1]``.
        synthesis_filters: the same.

    Raises:
        ValueError: for odd or too few taps, fewer than 2 bands, or a cut-off outside (0, 1).
    """

    def __init__(self, bands=4, taps=62, cutoff=None, beta=9.0):
        if bands < 2 or taps < 2 * bands or taps % 2:
            raise ValueError(f"expected bands >= 2 and even taps >= 2 bands. Received: bands={bands}, taps={taps}")
        self.bands, self.taps, self.beta = int(bands), int(taps), float(beta)
        self.cutoff = float(best_cutoff(self.bands, self.taps, self.beta) if cutoff is None else cutoff)
        if not 0 < self.cutoff < 1:
            raise ValueError(f"cutoff must be between 0 and 1. Received: cutoff={cutoff}")
        filters = _filters(self.bands, self.taps, self.cutoff, self.beta)
        self.analysis_filters, self.synthesis_filters = (f.astype("float32") for f in filters)
        self._analysis_kernel = self.analysis_filters.T[:, None]
        self._synthesis_kernel = self.bands * self.synthesis_filters.T[::-1, None]

    def get_config(self):
        return {"bands": self.bands, "taps": self.taps, "cutoff": self.cutoff, "beta": self.beta}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def analysis(self, audio):
        """Sub-bands of audio.

        Args:
            audio: float ``[batch, samples, 1]``.

        Returns:
            float32 ``[batch, ceil(samples / bands), bands]``, lowest band first.
        """
        _check_channels(audio, 1)
        half = self.taps // 2
        padded = ops.pad(ops.cast(audio, "float32"), ((0, 0), (half, half), (0, 0)))
        return ops.conv(padded, constant(self._analysis_kernel), self.bands, "valid", "channels_last")

    def synthesis(self, subbands):
        """Audio of sub-bands.

        Args:
            subbands: float ``[batch, frames, bands]``.

        Returns:
            float32 ``[batch, frames * bands, 1]``.
        """
        _check_channels(subbands, self.bands)
        half, samples = self.taps // 2, ops.shape(subbands)[1] * self.bands
        kernel, subbands = constant(self._synthesis_kernel), ops.cast(subbands, "float32")
        audio = ops.conv_transpose(subbands, kernel, self.bands, "valid", data_format="channels_last")
        return audio[:, half : half + samples]

    def reconstruction_snr(self):
        """Signal-to-error ratio of synthesis(analysis(white noise)), in dB."""
        return -10 * np.log10(_error(self.bands, self.taps, self.cutoff, self.beta))


@functools.lru_cache(maxsize=32)
def best_cutoff(bands, taps, beta=9.0):
    """The cut-off with the least reconstruction error: from `CUTOFFS`, or searched for (under a second)."""
    if beta == 9.0 and (bands, taps) in CUTOFFS:
        return CUTOFFS[bands, taps]
    low, high = 0.5 / bands, min(1.0 / bands, 0.99)
    for _ in range(8):  # each round looks at 17 points and keeps the two intervals around the best
        grid = np.linspace(low, high, 17)
        best = int(np.argmin([_error(bands, taps, c, beta) for c in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 16)]
    return round(float(low + high) / 2, 7)


def _filters(bands, taps, cutoff, beta):
    n = np.arange(taps + 1) - taps / 2
    prototype = cutoff * np.sinc(cutoff * n) * np.kaiser(taps + 1, beta)
    k = np.arange(bands)[:, None]
    angle, phase = (2 * k + 1) * np.pi / (2 * bands) * n, (-1.0) ** k * np.pi / 4
    return 2 * prototype * np.cos(angle + phase), 2 * prototype * np.cos(angle - phase)


def _error(bands, taps, cutoff, beta):
    """Mean squared error for white noise of variance 1: of the transfer function, plus the aliases' power.

    Output(w) = sum over l of T_l(w) input(w - 2 pi l / bands), with T_l(w) = sum over k of
    synthesis_k(w) analysis_k(w - 2 pi l / bands). The grid is fine enough for the means to be exact (Parseval).
    """
    size = bands * (1 << (-(-(2 * taps + 1) // bands) - 1).bit_length())
    delay = np.exp(2j * np.pi * np.arange(size) / size * (taps // 2))
    analysis, synthesis = (np.fft.fft(f, size) * delay for f in _filters(bands, taps, cutoff, beta))
    analysis, synthesis = analysis.conj(), synthesis.conj()  # both are cross-correlations
    transfers = np.stack([(np.roll(analysis, i * size // bands, 1) * synthesis).sum(0) for i in range(bands)])
    transfers[0] -= 1
    return np.sum(np.abs(transfers) ** 2) / size


def _check_channels(x, channels):
    if len(x.shape) != 3 or x.shape[-1] != channels:
        raise ValueError(f"expected [batch, time, {channels}]. Received: shape {tuple(x.shape)}")
