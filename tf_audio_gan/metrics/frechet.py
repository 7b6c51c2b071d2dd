"""The Frechet distance between two sets of features: of the normal distributions with their means and covariances."""

from dataclasses import dataclass

import numpy as np

INFINITY_ROWS = 2  # rows to a feature dimension that frechet_infinity needs
_SMALLEST = 1.1  # rows to a dimension in its smallest subsets
_ENOUGH = 10  # rows to a feature dimension from which the covariance is trusted


@dataclass(frozen=True)
class Frechet:
    """A Frechet distance and what it was computed from.

    Attributes:
        value: the distance (squared units of the features), >= 0.
        n_a: rows of the first set.
        n_b: rows of the second set.
        dim: feature dimension.
        shrinkage_a: weight of the scaled identity in the first covariance; 0 = the sample covariance.
        shrinkage_b: of the second.
    """

    value: float
    n_a: int
    n_b: int
    dim: int
    shrinkage_a: float
    shrinkage_b: float

    @property
    def note(self):
        """What a reader of the number should know; empty if there is nothing."""
        n = min(self.n_a, self.n_b)
        if self.shrinkage_a or self.shrinkage_b:
            return (
                f"{n} rows for {self.dim} dimensions: covariances shrunk by {self.shrinkage_a:.2f} and "
                f"{self.shrinkage_b:.2f}; rank sets of equal n only"
            )
        return f"{n} rows for {self.dim} dimensions: biased upwards" if n < _ENOUGH * self.dim else ""


@dataclass(frozen=True)
class FrechetInfinity:
    """A Frechet distance extrapolated to infinitely many rows.

    Attributes:
        value: the intercept of the fit; may be slightly negative.
        slope: of the fit against the reciprocal of the share of rows.
        shares: float64 ``[points]``, the shares of the rows in the subsets.
        distances: float64 ``[points]``, the mean distance at each.
    """

    value: float
    slope: float
    shares: np.ndarray
    distances: np.ndarray


def frechet_distance(a, b, *, shrinkage="auto"):
    """``|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1^.5 C2 C1^.5)^.5)`` of the features of two sets (Heusel et al. 2017, eq. 6).

    The trace of the root is the sum of the roots of the eigenvalues of the symmetric ``C1^.5 C2 C1^.5``: no matrix
    square root of a product, no complex remainder. The sample estimate is biased upwards by about 1/n: compare sets
    of one n, at least 10 rows to a dimension.

    Args:
        a: features ``[n_a, dim]``.
        b: features ``[n_b, dim]``.
        shrinkage: ``"auto"``: sample covariances if both sets have more rows than dimensions, else both shrunk to a
            multiple of the identity by Ledoit and Wolf's (2004) weight; or a weight in [0, 1], 0 for none.

    Returns:
        A `Frechet`.

    Raises:
        ValueError: other shapes, different dimensions, NaN, fewer than 2 rows, or a shrinkage out of range.
    """
    a, b = checked_features(a, "a"), checked_features(b, "b")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions; expected two sets from one extractor")
    dim = a.shape[1]
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - mean_a, b - mean_b
    weights = [_shrinkage(x, dim, shrinkage, min(len(a), len(b)) <= dim) for x in (a, b)]
    if dim > len(a) + len(b):
        a, b = _in_their_span(a, b)
    (cov_a, rest_a), (cov_b, rest_b) = (_covariance(x, dim, w) for x, w in zip((a, b), weights, strict=True))
    outside = (dim - a.shape[1]) * (np.sqrt(rest_a) - np.sqrt(rest_b)) ** 2
    value = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a) + np.trace(cov_b) - 2 * _trace_of_root(cov_a, cov_b)
    return Frechet(max(0.0, float(value + outside)), len(a), len(b), dim, *weights)


def frechet_infinity(a, b, *, points=10, repeats=4, seed=0):
    """The Frechet distance at infinitely many rows: the intercept of a line through the distances of subsets.

    Chong and Forsyth (2020, "Effectively Unbiased FID", section 4) with both sets reduced: their bias goes with the
    reciprocal of the number of rows, so the distance of random subsets, the same share of both sets, is fitted against
    the reciprocal of that share.

    Args:
        a: features ``[n_a, dim]``, at least 2 rows to a dimension.
        b: features ``[n_b, dim]``, likewise.
        points: shares, evenly spaced in their reciprocal, from the one that leaves 1.1 rows to a dimension (a fifth of
            the rows at least) to all rows.
        repeats: subsets drawn at each share.
        seed: of the subsets.

    Returns:
        A `FrechetInfinity`.

    Raises:
        ValueError: as `frechet_distance`, or too few rows for the fit.
    """
    a, b = checked_features(a, "a"), checked_features(b, "b")
    n, needed = min(len(a), len(b)), INFINITY_ROWS * a.shape[1]
    if n < needed:
        raise ValueError(
            f"{n} rows of {a.shape[1]} dimensions; the extrapolation expects at least {needed} of each set"
        )
    if points < 3 or repeats < 1:
        raise ValueError(f"points = {points}, repeats = {repeats}; expected at least 3 and 1")
    rng = np.random.default_rng(seed)
    smallest = max(_SMALLEST * a.shape[1] / n, 0.2)
    reciprocals = np.linspace(1 / smallest, 1, points)
    distances = [np.mean([_of_subsets(a, b, 1 / r, rng) for _ in range(repeats)]) for r in reciprocals]
    slope, value = np.polyfit(reciprocals, distances, 1)
    return FrechetInfinity(float(value), float(slope), 1 / reciprocals, np.array(distances))


def checked_features(features, name):
    """Features as float64 ``[n, dim]`` with n >= 2, or a ValueError that names them."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2 or not features.shape[1]:
        raise ValueError(f"features {name} have shape {features.shape}; expected [n, dim] with n >= 2")
    if not np.isfinite(features).all():
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise ValueError(f"rows {bad[:8].tolist()} of features {name} hold NaN or infinity; expected finite numbers")
    return features


def ledoit_wolf_weight(centred, dim=None):
    """Ledoit and Wolf's (2004, Lemma 3.5) optimal weight of the scaled identity in a covariance.

    Args:
        centred: float64 ``[n, d]`` without its mean.
        dim: the dimension; None = d. The rows may be given in a basis of their span.

    Returns:
        A float in [0, 1].
    """
    n, d = len(centred), centred.shape[1]
    dim = d if dim is None else dim
    product = centred.T @ centred / n if d <= n else centred @ centred.T / n
    total = np.trace(product)
    size = np.sum(product**2)
    distance = size - total**2 / dim
    if distance <= 0:
        return 0.0
    noise = (np.sum(np.sum(centred**2, axis=1) ** 2) / n - size) / n
    return float(np.clip(noise / distance, 0.0, 1.0))


def _shrinkage(centred, dim, shrinkage, too_few):
    if shrinkage == "auto":
        return ledoit_wolf_weight(centred, dim) if too_few else 0.0
    if isinstance(shrinkage, str) or not 0 <= shrinkage <= 1:
        raise ValueError(f'shrinkage = {shrinkage!r}; expected "auto" or a weight between 0 and 1')
    return float(shrinkage)


def _in_their_span(a, b):
    """Both centred sets in one orthonormal basis of their span: all distances are kept."""
    basis, _ = np.linalg.qr(np.concatenate([a, b]).T)
    return a @ basis, b @ basis


def _covariance(centred, dim, weight):
    """The shrunk covariance, and the variance that it has in each direction outside the given basis."""
    covariance = centred.T @ centred / (len(centred) - 1)
    rest = weight * np.trace(covariance) / dim
    return (1 - weight) * covariance + rest * np.eye(len(covariance)), rest


def _trace_of_root(cov_a, cov_b):
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.sum(np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)))


def _of_subsets(a, b, share, rng):
    parts = (x[rng.permutation(len(x))[: round(share * len(x))]] for x in (a, b))
    return frechet_distance(*parts, shrinkage=0.0).value
