"""What a classifier's probabilities say about a set of sounds: Inception score, entropies, accuracy, confusions.

For one group of clips ``ln(score) + mean prediction entropy = entropy of the mean prediction``: a set scores high when
each clip is told with confidence and the classes are evenly used. The score is blind to copies of the training data.
"""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.metrics.statistics import Interval, wilson_interval


@dataclass(frozen=True)
class InceptionScore:
    """An Inception score over groups of clips.

    Attributes:
        value: mean over the groups, from 1 to the number of classes.
        std: population standard deviation over the groups, as published tables give it.
        groups: float64 ``[splits]``, the score of each group.
    """

    value: float
    std: float
    groups: np.ndarray


def inception_score(probabilities, splits=10, *, seed=0):
    """``exp(mean_x sum_y p(y|x) (ln p(y|x) - ln p(y)))`` for each of `splits` groups, ``p(y)`` being the group's mean.

    Salimans et al. (2016, section 4), with WaveGAN's protocol: clips shuffled with a seed, 10 equal groups. A group
    needs many times more clips than there are classes, or its ``p(y)`` is rough and its score low.

    Args:
        probabilities: ``[clips, classes]``, each row adding up to 1.
        splits: groups; the first ``clips % splits`` of them hold one clip more.
        seed: of the shuffling; None keeps the order.

    Returns:
        An `InceptionScore`.

    Raises:
        ValueError: rows that are no probabilities, or fewer clips than groups.
    """
    probabilities = checked_probabilities(probabilities)
    if not 1 <= splits <= len(probabilities):
        raise ValueError(f"splits = {splits} for {len(probabilities)} clips; expected 1 to as many as there are clips")
    if seed is not None:
        probabilities = np.random.default_rng(seed).permutation(probabilities)
    groups = np.array([_score(group) for group in np.array_split(probabilities, splits)])
    return InceptionScore(float(groups.mean()), float(groups.std()), groups)


def prediction_entropies(probabilities):
    """Entropy of each clip's prediction in nats, float64 ``[clips]``: 0 = certain, ln(classes) = a guess.

    Its mean is GANSynth's PE (Engel et al. 2019, table 1).
    """
    return entropy(checked_probabilities(probabilities))


def label_entropy(probabilities):
    """Entropy of the mean prediction in nats: ln(classes) when all classes are used alike, 0 when there is one."""
    return float(entropy(checked_probabilities(probabilities).mean(axis=0)))


def label_histogram(probabilities):
    """How many clips have each class as their most probable one: int64 ``[classes]``."""
    probabilities = checked_probabilities(probabilities)
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])


def accuracy(probabilities, labels):
    """Share of clips whose most probable class is their label, with Wilson's interval.

    Args:
        probabilities: ``[clips, classes]``, each row adding up to 1.
        labels: int ``[clips]``, 0 ... classes - 1.

    Returns:
        An `Interval`.

    Raises:
        ValueError: rows that are no probabilities, or labels that do not belong to them.
    """
    matrix = confusion_matrix(probabilities, labels)
    return wilson_interval(int(np.trace(matrix)), int(matrix.sum()))


def class_accuracies(probabilities, labels):
    """`accuracy` of each class: a list of `Interval`, NaN for a class without clips."""
    matrix = confusion_matrix(probabilities, labels)
    return [
        wilson_interval(int(row[i]), int(row.sum())) if row.sum() else Interval(np.nan, np.nan, np.nan)
        for i, row in enumerate(matrix)
    ]


def confusion_matrix(probabilities, labels):
    """How many clips of each label (row) have each class (column) as their most probable one.

    Args:
        probabilities: ``[clips, classes]``, each row adding up to 1.
        labels: int ``[clips]``, 0 ... classes - 1.

    Returns:
        int64 ``[classes, classes]``.

    Raises:
        ValueError: as `accuracy`.
    """
    probabilities = checked_probabilities(probabilities)
    classes, labels = probabilities.shape[1], np.asarray(labels)
    if labels.shape != probabilities.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; expected integers [{len(probabilities)}], one a clip"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()}; expected 0 to {classes - 1}: {classes} classes"
        )
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    return matrix


def entropy(probabilities):
    """``-sum p ln p`` over the last axis in nats, with ``0 ln 0 = 0``."""
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return -np.sum(probabilities * logarithms, axis=-1)


def checked_probabilities(probabilities):
    """Probabilities as float64 whose rows add up to 1 exactly, or a ValueError."""
    rows = np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"probabilities have shape {rows.shape}; expected [clips, classes], neither of them 0")
    sums = rows.sum(axis=1)
    bad = np.flatnonzero(~(np.abs(sums - 1) < 1e-3) | (rows < 0).any(axis=1))
    if len(bad):
        raise ValueError(
            f"rows {bad[:8].tolist()} are no probabilities; expected numbers in [0, 1] that add up to 1, received "
            f"a sum of {sums[bad[0]]:.4g} and a minimum of {rows[bad[0]].min():.4g}. Logits need a softmax first"
        )
    return rows / sums[:, None]


def _score(group):
    return np.exp(entropy(group.mean(axis=0)) - entropy(group).mean())
