"""Number of statistically different bins: which kinds of sound are made too often or too seldom."""

import math
from dataclasses import dataclass

import numpy as np

from tf_audio_gan.metrics.frechet import checked_features
from tf_audio_gan.metrics.inception import entropy
from tf_audio_gan.metrics.statistics import two_proportion_test

_QUERIES_A_CELL = 10


@dataclass(frozen=True)
class Bins:
    """Shares of two sets in the cells of the first.

    Attributes:
        ndb: cells whose shares differ.
        k: cells.
        n: rows of the reference, which made the cells.
        m: rows of the queries.
        alpha: two-sided level of each cell's test, so that chance alone gives ``alpha * k`` different cells.
        reference_shares: float64 ``[k]``.
        query_shares: float64 ``[k]``.
        z: float64 ``[k]``, of query against reference: above 0 where a kind of sound is made too often.
        p_values: float64 ``[k]``.
        js: Jensen-Shannon divergence of the shares in nats, 0 to ln 2.
        warning: what makes the numbers weak; empty if nothing.
    """

    ndb: int
    k: int
    n: int
    m: int
    alpha: float
    reference_shares: np.ndarray
    query_shares: np.ndarray
    z: np.ndarray
    p_values: np.ndarray
    js: float
    warning: str

    @property
    def share(self):
        """``ndb / k``; about `alpha` for two sets of one distribution."""
        return self.ndb / self.k


def ndb(reference, queries, k=50, *, alpha=0.05, seed=0):
    """Cells of the reference by k-means, and the cells in which the queries' share differs (Richardson and Weiss 2018).

    Each cell has a two-sided two-proportion z test with pooled share. Give about 500 reference rows and at least 10
    queries to a cell. Differences are found the better, the more queries there are: compare at equal m.

    Args:
        reference: features ``[n, dim]`` of the training data, of few dimensions (see `features.Pca`).
        queries: features ``[m, dim]``.
        k: cells; Richardson and Weiss take 100, GANSynth 50.
        alpha: two-sided level of each test.
        seed: of the k-means.

    Returns:
        A `Bins`.

    Raises:
        ValueError: shapes that do not fit, NaN, or more cells than reference rows.
    """
    reference, queries = checked_features(reference, "reference"), checked_features(queries, "queries")
    return compare_cells(kmeans(reference, k, seed=seed), reference, queries, alpha=alpha)


def compare_cells(centres, reference, queries, *, alpha=0.05):
    """`ndb` with given cells: `centres` ``[k, dim]``, as of `kmeans` on the training data."""
    k, n, m = len(centres), len(reference), len(queries)
    ours, theirs = (np.bincount(nearest_centre(rows, centres)[0], minlength=k) for rows in (reference, queries))
    z, p_values = two_proportion_test(theirs, m, ours, n)
    few = m < _QUERIES_A_CELL * k
    warning = (
        f"{m} queries for {k} cells: fewer than {_QUERIES_A_CELL} to a cell, small differences pass" if few else ""
    )
    shares = ours / n, theirs / m
    different = int(np.count_nonzero(p_values < alpha))
    return Bins(different, k, n, m, alpha, *shares, z, p_values, jensen_shannon(*shares), warning)


def jensen_shannon(p, q):
    """Jensen-Shannon divergence of two distributions ``[k]`` in nats: 0 if they are equal, ln 2 if disjoint."""
    p, q = (np.asarray(x, np.float64) for x in (p, q))
    return max(0.0, float(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2))


def kmeans(rows, k, *, restarts=3, iterations=100, seed=0):
    """Centres of k cells by Lloyd's iteration from greedy k-means++ starts (Arthur and Vassilvitskii 2007).

    `scipy.cluster.vq.kmeans2` neither stops when it has converged nor fills an empty cell, and starts once.

    Args:
        rows: float ``[n, dim]``.
        k: cells, 1 to n.
        restarts: starts, of which the one with the least sum of squared distances is kept.
        iterations: of each start, at most.
        seed: of the starts.

    Returns:
        float64 ``[k, dim]``, no two equal unless there are fewer than k different rows.

    Raises:
        ValueError: shapes, NaN, or more cells than rows.
    """
    rows = checked_features(rows, "rows")
    if not 1 <= k <= len(rows) or restarts < 1:
        raise ValueError(f"k = {k} cells of {len(rows)} rows in {restarts} starts; expected 1 <= k <= rows, 1 start")
    rng = np.random.default_rng(seed)
    runs = [_lloyd(rows, _spread_start(rows, k, rng), iterations) for _ in range(restarts)]
    return min(runs, key=lambda run: run[1])[0]


def nearest_centre(rows, centres):
    """Index of the nearest centre to each row, int64 ``[n]``, and the squared distance to it, float64 ``[n]``."""
    squared = np.sum(centres**2, axis=1) - 2 * rows @ centres.T
    cells = squared.argmin(axis=1)
    return cells, np.maximum(squared[np.arange(len(rows)), cells] + np.sum(rows**2, axis=1), 0)


def _spread_start(rows, k, rng):
    """Greedy k-means++: each next centre is the best of ``2 + ln k`` rows drawn by their squared distances."""
    centres = [rows[rng.integers(len(rows))]]
    nearest = np.sum((rows - centres[0]) ** 2, axis=1)
    while len(centres) < k:
        total = nearest.sum()
        drawn = rng.choice(len(rows), 2 + int(math.log(k)), p=nearest / total if total > 0 else None)
        left = [np.minimum(nearest, np.sum((rows - rows[i]) ** 2, axis=1)) for i in drawn]
        best = int(np.argmin([distances.sum() for distances in left]))
        centres.append(rows[drawn[best]])
        nearest = left[best]
    return np.array(centres)


def _lloyd(rows, centres, iterations):
    """Centres and their sum of squared distances; an empty cell takes the row farthest from its centre."""
    cells, squared = nearest_centre(rows, centres)
    for _ in range(iterations):
        counts = np.bincount(cells, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, cells, rows)
        centres = sums / np.maximum(counts, 1)[:, None]
        empty = np.flatnonzero(counts == 0)
        centres[empty] = rows[np.argsort(squared)[::-1][: len(empty)]]
        before, (cells, squared) = cells, nearest_centre(rows, centres)
        if np.array_equal(before, cells):
            break
    return centres, float(squared.sum())
