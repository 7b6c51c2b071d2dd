"""Does a model copy its training data? Distances to the nearest training sound, beside those of new real sounds."""

import numpy as np

from tf_audio_gan.metrics.features import neighbour_features
from tf_audio_gan.metrics.neighbours import nearest_neighbours
from tf_audio_gan.metrics.sets import Measured, SetMetric
from tf_audio_gan.metrics.statistics import bootstrap_interval

NAME = "nearer_than_real"
ABOUT = "does it copy: how often a sound is nearer to the training data than a new real one, 0.5 by chance"


def nearest_training(training, clips):
    """Distance of each clip to its nearest training sound, float64 [clips], and that sound's number, int64 [clips]."""

    def features(sounds):  # under the name by which d_train keeps the same
        key = "neighbour_features audible"
        return sounds.cached(key, lambda: neighbour_features(sounds.audio, sounds.sample_rate, floor="audible"))

    def compute():
        distances, indices = nearest_neighbours(features(clips), features(training))
        return distances[:, 0], indices[:, 0]

    return clips.cached("nearest_training", compute, training)


def metric(held_out):
    """The `SetMetric` of copies, for real sounds that are not in the training data.

    Its value is the probability that a clip is nearer to the training data than one of `held_out` is, half of the ties
    counted: 0.5 for sounds as new as those, 1 for copies. Both sets are resampled for the interval.
    """

    def measure(training, clips, *, seed):
        mine, new = (nearest_training(training, sounds)[0] for sounds in (clips, held_out))
        found = bootstrap_interval((mine, new), share_nearer, seed=seed)
        return {NAME: Measured(found.value, found.low, found.high, len(mine), f"of {len(training)} training sounds")}

    return SetMetric(NAME, "", None, "audio", measure, ABOUT)


def share_nearer(mine, new):
    """P(mine < new) + P(mine = new) / 2 over all pairs."""
    new = np.sort(new)
    nearer = len(new) - (np.searchsorted(new, mine, "left") + np.searchsorted(new, mine, "right")) / 2
    return float(nearer.mean() / len(new))
