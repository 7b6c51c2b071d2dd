"""The kernel distance between two sets of features (KID): unbiased at any number of clips."""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.metrics.frechet import checked_features

_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance over random subsets.

    Attributes:
        value: mean over the subsets; around 0, and as often below, for two sets of one distribution.
        std: population standard deviation over the subsets. It is that of one subset, not the error of `value`.
        subsets: how many.
        subset_size: rows of each.
    """

    value: float
    std: float
    subsets: int
    subset_size: int


def kernel_distance(a, b, *, subsets=100, subset_size=None, seed=0):
    """Mean of `squared_mmd` over random subsets, as KID is reported (Binkowski et al. 2018, section 4).

    Args:
        a: features ``[n_a, dim]``.
        b: features ``[n_b, dim]``.
        subsets: pairs of subsets, each drawn without replacement.
        subset_size: rows of each; None = half of the smaller set, 1000 at most.
        seed: of the subsets.

    Returns:
        A `KernelDistance`.

    Raises:
        ValueError: other shapes, different dimensions, NaN, or a subset larger than a set.
    """
    a, b = _pair(a, b)
    smaller = min(len(a), len(b))
    size = max(2, min(1000, smaller // 2)) if subset_size is None else subset_size
    if not 2 <= size <= smaller or subsets < 1:
        raise ValueError(f"{subsets} subsets of {size} rows; expected at least 1, of 2 to {smaller} rows")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        values.append(squared_mmd(a[rng.permutation(len(a))[:size]], b[rng.permutation(len(b))[:size]]))
    return KernelDistance(float(np.mean(values)), float(np.std(values)), subsets, size)


def squared_mmd(a, b):
    """Unbiased squared maximum mean discrepancy with the kernel ``k(x, y) = (x . y / dim + 1)^3``.

    The mean of k over pairs within each set, without a row's pair with itself, less twice the mean across (Gretton et
    al. 2012, eq. 3).

    Args:
        a: features ``[n_a, dim]``.
        b: features ``[n_b, dim]``.

    Returns:
        A float, expected to be 0 for two samples of one distribution; may be negative.
    """
    a, b = _pair(a, b)
    return _within(a) + _within(b) - 2 * _sum_of_kernel(a, b) / (len(a) * len(b))


def _within(rows):
    own = np.sum((np.sum(rows**2, axis=1) / rows.shape[1] + 1.0) ** 3)
    return (_sum_of_kernel(rows, rows) - own) / (len(rows) * (len(rows) - 1))


def _sum_of_kernel(a, b):
    """Sum of k over all pairs, some rows of `a` at a time."""
    total = 0.0
    for start in range(0, len(a), _BLOCK_ROWS):
        kernel = a[start : start + _BLOCK_ROWS] @ b.T / a.shape[1] + 1.0
        total += float(np.sum(kernel * kernel * kernel))
    return total


def _pair(a, b):
    a, b = checked_features(a, "a"), checked_features(b, "b")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions; expected two sets from one extractor")
    return a, b
