"""The matrices between linear and mel frequencies of GANSynth: as many bands as bins, no band narrower than a bin.

Magenta keeps the lower, middle and upper edges of all bands in one array, of which the three are views, and widens
bands in place: a widened band moves the edges of the next, which is widened in turn. So below 5 kHz its "mel" is
linear, three quarters of a bin apart, and true only above. Networks trained on it need the same matrix; "true" widens
copies.
"""

from functools import lru_cache

import numpy as np

MEL_VARIANTS = ("magenta", "true")
_LEAST_WIDTH = 1.5  # bins between the lower and the upper edge of a band
_EMPTY = 1e-8  # a column with a smaller sum is not divided by it


def _mel(hertz):
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _hertz(mel):
    return 700.0 * np.expm1(np.asarray(mel) / 1127.0)


def band_edges(bins, sample_rate=16000, variant="magenta"):
    """Lower edge, middle and upper edge of every band, and how many were widened.

    Args:
        bins: how many bins there are, and bands.
        sample_rate: Hz; bands reach to half of it.
        variant: one of `MEL_VARIANTS`.

    Returns:
        (float64 [3, bins] in Hz, number of widened bands).

    Raises:
        ValueError: an unknown variant.
    """
    if variant not in MEL_VARIANTS:
        raise ValueError(f"mel_variant must be one of {', '.join(MEL_VARIANTS)}. Received: mel_variant={variant!r}")
    edges = np.linspace(0.0, _mel(sample_rate / 2), bins + 2)
    views = [edges[i : i + bins] for i in range(3)]
    lower, middle, upper = views if variant == "magenta" else [view.copy() for view in views]
    bin_width, widened = sample_rate / 2 / bins, 0
    for i in range(bins):
        if _hertz(upper[i]) - _hertz(lower[i]) < _LEAST_WIDTH * bin_width:
            reach = 1127.0 * np.arcsinh(_LEAST_WIDTH / 2 * bin_width / (_hertz(middle[i]) + 700.0))
            lower[i], upper[i] = middle[i] - reach, middle[i] + reach
            widened += 1
    return _hertz(np.stack([lower, middle, upper])), widened


@lru_cache(maxsize=8)
def mel_matrices(bins, sample_rate=16000, variant="magenta"):
    """The projection to mel bands, and the way back.

    Triangles in Hz of height 1, over bins taken to lie at linspace(0, sample_rate / 2, bins), of which the lowest
    counts nothing. Back: the transposed matrix, every bin divided by the sum of what it gets; not an inverse.

    Args:
        bins: how many bins there are, and bands.
        sample_rate: Hz.
        variant: one of `MEL_VARIANTS`.

    Returns:
        (float64 [bins, bands], float64 [bands, bins]), not to be written to.
    """
    (lower, middle, upper), _ = band_edges(bins, sample_rate, variant)
    hertz = np.linspace(0.0, sample_rate / 2, bins)[:, None]
    rising, falling = (hertz - lower) / (middle - lower), (upper - hertz) / (upper - middle)
    to_mel = np.maximum(0.0, np.minimum(rising, falling))
    to_mel[0] = 0.0
    sums = (to_mel @ to_mel.T).sum(axis=0)
    to_linear = to_mel.T / np.where(sums > _EMPTY, sums, 1.0)
    for matrix in (to_mel, to_linear):
        matrix.setflags(write=False)
    return to_mel, to_linear
