"""The statistics of listening tests that scipy does not have: Bradley-Terry, Holm, d' of ABX, a bootstrap."""

import math
from statistics import NormalDist

import numpy as np

_CDF = NormalDist().cdf


def bradley_terry(wins, prior=0.0, tolerance=1e-9, max_iterations=2000):
    """Bradley-Terry strengths of most likelihood, for many tables at once.

    System i beats j with probability ``1 / (1 + exp(s_j - s_i))``. The iteration is that of Newman (2023), "Efficient
    computation of rankings from pairwise comparisons", eq. 9: Zermelo's (1929) takes some hundred times as many steps
    where a system hardly ever loses.

    Args:
        wins: ``[..., systems, systems]``: how often the row beat the column, halves allowed; the diagonal is ignored.
        prior: wins added each way to each pair. Without it a system that never lost has no finite strength; for two
            systems 0.5 gives ``log((wins_1 + 0.5) / (wins_2 + 0.5))``.
        tolerance: change of a logarithm at which to stop.
        max_iterations: at most.

    Returns:
        float64 ``[..., systems]``: natural logarithms of the strengths, their mean 0.

    Raises:
        ValueError: for another shape, negative counts, or (without a prior) strengths that do not converge.
    """
    wins = np.asarray(wins, np.float64)
    if wins.ndim < 2 or wins.shape[-1] != wins.shape[-2] or not np.all(wins >= 0):
        raise ValueError(f"wins has shape {wins.shape}; expected square tables of counts that are not negative")
    wins = (wins + prior) * (1 - np.eye(wins.shape[-1]))
    strength = np.zeros(wins.shape[:-1])
    for _ in range(max_iterations):
        before = strength.copy()
        with np.errstate(all="ignore"):
            for i in range(wins.shape[-1]):
                strength[..., i] = _step(wins, np.exp(strength), i)
            strength -= strength.mean(axis=-1, keepdims=True)
        if not np.isfinite(strength).all():
            break
        if np.abs(strength - before).max(initial=0.0) < tolerance:
            return strength
    raise ValueError("the strengths do not converge: a system won or lost every comparison; give a prior, such as 0.5")


def _step(wins, p, i):
    """The next logarithm of system i's strength, from the strengths `p` as they are."""
    total = p + p[..., i : i + 1]
    return np.log(np.sum(wins[..., i, :] * p / total, axis=-1)) - np.log(np.sum(wins[..., :, i] / total, axis=-1))


def holm(p):
    """p-values corrected for their number by Holm (1979): never smaller, in the given order, at most 1."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1.0)
    return corrected.tolist()


def abx_d_prime(share):
    """Sensitivity d' from the share of right answers in an ABX test.

    The differencing model (Macmillan and Creelman 2005, ch. 9), where A and B change from trial to trial: the listener
    says which of the two X is closer to, right with ``F(d/sqrt 2) F(d/sqrt 6) + F(-d/sqrt 2) F(-d/sqrt 6)``.

    Args:
        share: of right answers; 0.5 is guessing.

    Returns:
        d' >= 0: 0 up to a share of 0.5, 1 at 0.59, 2 at 0.76, infinite at 1.
    """
    if share >= 1:
        return math.inf
    low, high = 0.0, 40.0
    while high - low > 1e-9:
        d = (low + high) / 2
        a, b = _CDF(d / math.sqrt(2)), _CDF(d / math.sqrt(6))
        low, high = (d, high) if a * b + (1 - a) * (1 - b) < share else (low, d)
    return low


def pigeonhole_weights(listener, item, draws, rng):
    """Weights of answers in a bootstrap that draws listeners and items with replacement, each on its own.

    An answer counts as often as its listener was drawn times as often as its item was (Owen 2007).

    Args:
        listener: int ``[answers]``, from 0.
        item: int ``[answers]``, from 0.
        draws: how many.
        rng: a ``numpy.random.Generator``.

    Returns:
        float64 ``[draws, answers]``. Where there is one listener (or item) only, it is always drawn once.
    """
    weights = np.ones((draws, len(listener)))
    for group in (listener, item):
        size = int(np.max(group)) + 1
        weights *= rng.multinomial(size, np.full(size, 1 / size), draws)[:, group]
    return weights
