"""Intervals and tests for figures of merit: bootstrap over files, group jackknife, Wilson's interval, two proportions.

Which interval for what:

* a mean over files, or any function that repeated rows do not disturb: `bootstrap_interval`;
* a distance between two sets (Frechet, kernel, Jensen-Shannon): `jackknife_interval`. A resample with replacement
  holds a third of its rows twice or more, which such a distance takes for a narrower distribution, and it comes out
  beside the estimate; leaving groups out repeats nothing;
* a share: `wilson_interval`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

RESAMPLES = 1000
_BLOCK = 2_000_000  # indices drawn at once


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval; `low` and `high` are NaN where there is too little to tell."""

    value: float
    low: float
    high: float


def bootstrap_interval(samples, statistic=None, *, resamples=RESAMPLES, confidence=0.95, seed=0, centred=False):
    """Percentile bootstrap over rows, widened for small samples.

    The percentiles are those of Hesterberg (2015, "What Teachers Should Know about the Bootstrap", section 5.3): taken
    at ``Phi(-t sqrt(n / (n - 1)))`` with Student's ``t`` for ``n - 1``, so that on normal data a mean has the
    t-interval, and 10 files are enough. BCa is not used: it needs the statistic once more for each row, and breaks
    down where a statistic is biased and all resamples lie on one side of the estimate.

    Args:
        samples: array ``[n]`` or ``[n, ...]`` whose rows (files, clips) are drawn with replacement, or a tuple of
            such arrays, drawn independently: two-sample statistics.
        statistic: function of as many arrays as there are samples, returning a number; None = the mean over rows,
            computed for all resamples at once, of one sample ``[n]``.
        resamples: how many.
        confidence: between 0 and 1.
        seed: of the draws.
        centred: move the resampled values so that their mean is the estimate: for statistics with a bias that
            depends on n, whose value is compared at equal n.

    Returns:
        An `Interval`; of one row alone, the value and NaN.

    Raises:
        ValueError: no rows, NaN in the rows, or numbers out of range.
    """
    samples = _rows(samples)
    _check_confidence(confidence)
    if resamples < 100:
        raise ValueError(f"resamples = {resamples}; expected at least 100, for the ends of the interval")
    value = float(np.mean(samples[0]) if statistic is None else statistic(*samples))
    n = min(map(len, samples))
    if n < 2:
        return Interval(value, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    draws = _means(samples, resamples, rng) if statistic is None else _resampled(samples, statistic, resamples, rng)
    if centred:
        draws = draws + (value - draws.mean())
    tail = NormalDist().cdf(-_t_quantile(n - 1, confidence) * math.sqrt(n / (n - 1)))
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high))


def jackknife_interval(samples, statistic, *, groups=20, confidence=0.95, seed=0):
    """Delete-a-group jackknife: the statistic without each of `groups` random parts of every sample.

    The standard error is ``sqrt((g - 1) / g * sum((v - mean(v))^2))``, the interval ``value +- t_(g-1) * error``
    (Shao and Tu 1995, section 2.3). It describes the value at this n: a bias that shrinks with n stays in both.

    Args:
        samples: array ``[n, ...]`` or a tuple of such arrays; part i of each is left out together, which for
            independent samples adds up their variances.
        statistic: function of as many arrays, returning a number.
        groups: parts; fewer where a sample has fewer rows.
        confidence: between 0 and 1.
        seed: of the partition.

    Returns:
        An `Interval`; its ends are NaN where a sample has fewer than 4 rows.

    Raises:
        ValueError: no rows, NaN in the rows, or numbers out of range.
    """
    samples = _rows(samples)
    _check_confidence(confidence)
    value = float(statistic(*samples))
    groups = min(groups, *map(len, samples))
    if groups < 4:
        return Interval(value, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    part = [rng.permutation(np.arange(len(rows)) % groups) for rows in samples]
    left = [float(statistic(*(rows[p != g] for rows, p in zip(samples, part, strict=True)))) for g in range(groups)]
    error = math.sqrt((groups - 1) * np.var(left))
    reach = _t_quantile(groups - 1, confidence) * error
    return Interval(value, value - reach, value + reach)


def t_interval(values, confidence=0.95):
    """Student's interval of the mean of independent `values` ``[n]``; NaN ends for fewer than 2."""
    values = _rows(values)[0]
    _check_confidence(confidence)
    value = float(values.mean())
    if len(values) < 2:
        return Interval(value, math.nan, math.nan)
    reach = _t_quantile(len(values) - 1, confidence) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(value, value - reach, value + reach)


def wilson_interval(successes, n, confidence=0.95):
    """Wilson's score interval of a proportion, which stays within [0, 1] and works at 0 and n successes.

    Args:
        successes: how many of `n`.
        n: trials, at least 1.
        confidence: between 0 and 1.

    Returns:
        An `Interval` whose value is ``successes / n``.

    Raises:
        ValueError: no trials, or successes outside 0 ... n.
    """
    _check_confidence(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials; expected 0 <= successes <= n and n >= 1")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return Interval(share, max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach)))


def two_proportion_test(successes_a, n_a, successes_b, n_b):
    """Two-sided z test of two proportions with the pooled share: ``(p - q) / sqrt(P (1 - P) (1 / n_a + 1 / n_b))``.

    Args:
        successes_a: int, or array of them (one test each).
        n_a: trials of the first sample.
        successes_b: as `successes_a`.
        n_b: trials of the second sample.

    Returns:
        ``(z, p_value)``, float64 of the successes' shape; z is 0 where both samples are all successes or all
        failures.

    Raises:
        ValueError: no trials, or successes outside 0 ... n.
    """
    a, b = np.asarray(successes_a), np.asarray(successes_b)
    for successes, n in ((a, n_a), (b, n_b)):
        if n < 1 or np.any((successes < 0) | (successes > n)):
            raise ValueError(f"{successes} successes of {n} trials; expected 0 <= successes <= n and n >= 1")
    pooled = (a + b) / (n_a + n_b)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    difference = a / n_a - b / n_b
    z = np.divide(difference, error, out=np.zeros_like(error), where=error > 0)
    p_value = np.vectorize(math.erfc, otypes=[np.float64])(np.abs(z) / math.sqrt(2))
    return (float(z), float(p_value)) if z.ndim == 0 else (z, p_value)


def _rows(samples):
    """The samples as a tuple of arrays with rows, or a ValueError."""
    samples = tuple(np.asarray(s) for s in (samples if isinstance(samples, tuple) else (samples,)))
    for rows in samples:
        if rows.ndim < 1 or not rows.size:
            raise ValueError(f"rows of shape {rows.shape}; expected at least one row")
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise ValueError("NaN or infinite values among the rows; leave them out, and count them, before")
    return samples


def _check_confidence(confidence):
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}; expected a number between 0 and 1, e.g. 0.95")


def _means(samples, resamples, rng):
    """Means of `resamples` resamples of the one sample ``[n]``, drawn in blocks."""
    if len(samples) != 1 or samples[0].ndim != 1:
        shapes = [s.shape for s in samples]
        raise ValueError(f"samples of shapes {shapes}; without a `statistic`, expected one sample of shape [n]")
    values, n = samples[0], len(samples[0])
    step = max(1, _BLOCK // n)
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([values[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])


def _resampled(samples, statistic, resamples, rng):
    return np.array(
        [statistic(*(rows[rng.integers(0, len(rows), len(rows))] for rows in samples)) for _ in range(resamples)],
        np.float64,
    )


def _t_quantile(degrees, confidence):
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))
