"""How often a classifier is right: a confusion matrix as numbers for a file, with an interval, and as a picture."""

import numpy as np

from tf_audio_gan import durable
from tf_audio_gan.metrics.statistics import wilson_interval

_WRITTEN = 20  # classes up to which the counts are written into the cells


def accuracy_facts(matrix, names):
    """What a confusion matrix says, for a JSON file.

    Args:
        matrix: counts [classes, classes], rows true.
        names: of the classes.

    Returns:
        dict: accuracy, low and high (Wilson, 95 %), n, right, per_class ({name: {"n", "right", "accuracy"}}, accuracy
        None where a class has no sound), confusion (the matrix as lists).
    """
    right, n = int(np.trace(matrix)), int(matrix.sum())
    interval = wilson_interval(right, n)
    per_class = {}
    for name, row, hits in zip(names, matrix, np.diag(matrix), strict=True):
        count = int(row.sum())
        per_class[name] = {"n": count, "right": int(hits), "accuracy": round(hits / count, 6) if count else None}
    facts = {"accuracy": interval.value, "low": interval.low, "high": interval.high}
    facts = {name: round(value, 6) for name, value in facts.items()} | {"n": n, "right": right}
    return {**facts, "per_class": per_class, "confusion": matrix.tolist()}


def confusion_picture(path, matrix, names, title):
    """Draws a confusion matrix: rows are true classes, shaded by their share; counts are written where there is room.

    Args:
        path: the PNG file to write.
        matrix: counts [classes, classes].
        names: of the classes.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    side = min(12.0, 1.8 + 0.42 * len(names))
    figure = Figure((side, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks, size = np.arange(len(names)), 9 if len(names) <= _WRITTEN else 6
    shown = [name if len(name) <= 14 else f"{name[:13]}…" for name in names]
    axes.set_xticks(ticks, shown, rotation=90, fontsize=size, parse_math=False)
    axes.set_yticks(ticks, shown, fontsize=size, parse_math=False)
    axes.set(xlabel="heard by the judge", ylabel="true")
    axes.set_title(title, fontsize=9, parse_math=False)
    for row, column in np.argwhere(matrix) if len(names) <= _WRITTEN else ():
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=8)
    with durable.whole(path) as new:
        figure.savefig(new, format="png")
