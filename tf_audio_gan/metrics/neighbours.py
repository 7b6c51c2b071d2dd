"""Nearest neighbours between sets of features: does a set repeat itself (D_self), does it copy its data (D_train)."""

from dataclasses import dataclass

import numpy as np

_BLOCK_VALUES = 2**22  # float64 values of a block of rows: 32 MiB
_BLOCK_ROWS = 2048  # at most, so that the distances between two blocks take no more


@dataclass(frozen=True)
class Memorisation:
    """How near generated clips come to the training data, beside held-out real clips.

    Attributes:
        nearest: int64 ``[generated]``, the index of the training clip nearest to each generated one.
        distances: float64 ``[generated]``, the distance to it.
        held_out_distances: float64 ``[held out]``, of each held-out real clip to its nearest training clip.
        share_nearer: the probability that a generated clip is nearer to the training data than a held-out one (half
            of the ties counted): 0.5 for sounds as new as the held-out ones, 1 for copies.
        share_suspicious: share of generated clips nearer than all but 5 % of the held-out ones: 0.05 by chance.
        copies: int64 indices of the generated clips nearer than every held-out one, nearest first: listen to these.
    """

    nearest: np.ndarray
    distances: np.ndarray
    held_out_distances: np.ndarray
    share_nearer: float
    share_suspicious: float
    copies: np.ndarray


def nearest_neighbours(queries, references, k=1):
    """The k nearest references of each query by Euclidean distance, in blocks: memory beyond the input is flat.

    Candidates come from ``|q|^2 - 2 q.r + |r|^2``, their distances from the differences: two equal rows are exactly
    0 apart.

    Args:
        queries: float ``[n, dim]``, or anything sliced like it (a memory map).
        references: float ``[m, dim]``, likewise.
        k: neighbours, 1 to m.

    Returns:
        ``(distances, indices)``, float64 and int64 ``[n, k]``, nearest first.

    Raises:
        ValueError: shapes that do not fit, or NaN.
    """
    dim = _checked_shapes(queries, references, k)
    rows = min(max(1, _BLOCK_VALUES // dim), _BLOCK_ROWS)
    origin = np.asarray(references[:rows], np.float64).mean(axis=0)
    blocks = [
        _block_neighbours(_block(queries, i, rows), references, k, rows, origin) for i in range(0, len(queries), rows)
    ]
    return tuple(np.concatenate(part) for part in zip(*blocks, strict=True))


def self_distances(features):
    """Distance of each row to its nearest other row: float64 ``[n]``; its mean is D_self, small for a repeated sound.

    Of two neighbours in the set itself, the first is dropped where its distance is 0: it is the row itself. A row that
    stands there twice has distance 0.

    Raises:
        ValueError: fewer than 2 rows, or as `nearest_neighbours`.
    """
    if len(features) < 2:
        raise ValueError(f"{len(features)} rows; a nearest other row expects at least 2")
    return drop_self_matches(*nearest_neighbours(features, features, k=2))[0]


def drop_self_matches(distances, indices):
    """Of two neighbours ``[n, 2]``, the second where the first is at distance 0, else the first: ``[n]`` each."""
    column = (distances[:, 0] == 0).astype(int)
    rows = np.arange(len(distances))
    return distances[rows, column], indices[rows, column]


def memorisation(generated, training, held_out):
    """Are generated clips nearer to the training data than new real clips are?

    Args:
        generated: features ``[n, dim]``.
        training: features ``[m, dim]``.
        held_out: features ``[h, dim]`` of real clips that are not in the training data.

    Returns:
        A `Memorisation`.

    Raises:
        ValueError: as `nearest_neighbours`.
    """
    distances, nearest = (x[:, 0] for x in nearest_neighbours(generated, training))
    real = np.sort(nearest_neighbours(held_out, training)[0][:, 0])
    farther = len(real) - (np.searchsorted(real, distances, "left") + np.searchsorted(real, distances, "right")) / 2
    order = np.argsort(distances, kind="stable")
    return Memorisation(
        nearest,
        distances,
        real,
        float(farther.mean() / len(real)),
        float(np.mean(distances < np.quantile(real, 0.05))),
        order[distances[order] < real[0]],
    )


def _checked_shapes(queries, references, k):
    shapes = np.shape(queries), np.shape(references)
    if any(len(shape) != 2 or not all(shape) for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"features of shapes {shapes[0]} and {shapes[1]}; expected [n, dim] and [m, dim], none of them 0"
        )
    if not 1 <= k <= len(references):
        raise ValueError(f"k = {k} neighbours among {len(references)} rows; expected 1 to as many as there are")
    return shapes[0][1]


def _block(rows, start, count):
    block = np.asarray(rows[start : start + count], np.float64)
    if not np.isfinite(block).all():
        bad = start + np.flatnonzero(~np.isfinite(block).all(axis=1))
        raise ValueError(f"rows {bad[:8].tolist()} hold NaN or infinity; expected finite features")
    return block


def _block_neighbours(queries, references, k, rows, origin):
    """Neighbours of one block of queries among all references: ``[block, k]`` each."""
    best = np.full((len(queries), k), np.inf)
    found = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(references), rows):
        block = _block(references, start, rows) - origin
        squared = np.sum(block**2, axis=1) - 2 * (queries - origin) @ block.T
        near = np.argpartition(squared, min(k, len(block)) - 1, axis=1)[:, :k]
        best = np.concatenate([best, np.take_along_axis(squared, near, axis=1)], axis=1)
        found = np.concatenate([found, near + start], axis=1)
        keep = np.argsort(best, axis=1, kind="stable")[:, :k]
        best, found = np.take_along_axis(best, keep, axis=1), np.take_along_axis(found, keep, axis=1)
    exact = np.stack([_distances(queries, references, found[:, i]) for i in range(k)], axis=1)
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(found, order, axis=1)


def _distances(queries, references, indices):
    return np.array(
        [np.linalg.norm(q - np.asarray(references[i], np.float64)) for q, i in zip(queries, indices, strict=True)]
    )
