"""The metrics of sets of sounds, by name: what an evaluation of generated sounds asks.

The real set is what the generated one is compared with: held-out sounds for how alike the two are, the training set
for `d_train` and the cells of `ndb`. Distances fall and differences are found more easily as sets grow: compare rows
of equal n, and with the row of other real sounds.
"""

from contextlib import nullcontext

from tf_audio_gan.metrics import set_measures
from tf_audio_gan.metrics.sound_set import Measured, SetMetric, SoundSet, unmeasured

__all__ = ["SET_METRICS", "Measured", "SetMetric", "SoundSet", "measure_sets", "missing_input"]

_BOTH = ("real.judge_features", "fake.judge_features")
_PREDICTED = ("fake.probabilities",)
_LABELLED = ("fake.probabilities", "fake.labels")
_PITCHED = ("fake.pitches",)
_OF_THE_FAKE = ("is_clf", "label_entropy", "d_self", "abs_d_self")  # it alone needs enough clips
_ROWS = (  # name, unit, better, needs, inputs, fewest clips, what it asks
    ("level_db", "dBFS", None, "audio", (), 1, "how loud: RMS level"),
    ("peak_db", "dBFS", None, "audio", (), 1, "is it clipped or silent: peak level"),
    ("flatness", "", None, "audio", (), 1, "is it noise: spectral flatness, white noise 0.56, a tone 0"),
    ("centroid_s", "s", None, "audio", (), 1, "does it decay: the time around which the energy lies"),
    ("mel_distance", "dB", "lower", "audio", (), 1, "how real is each clip: log-mel distance to the nearest real one"),
    (
        "covered",
        "dB",
        "lower",
        "audio",
        (),
        1,
        "is every real sound made: log-mel distance to the nearest generated one",
    ),
    ("fd_mel", "dB^2", "lower", "audio", (), 2, "are the spectra spread alike: Frechet distance of log-mel statistics"),
    (
        "fd_mel_infinity",
        "dB^2",
        "lower",
        "audio",
        (),
        2,
        "fd_mel without its bias, extrapolated to infinitely many clips",
    ),
    ("kd_mel", "", "lower", "audio", (), 4, "as fd_mel, without bias for few clips: kernel distance"),
    (
        "fd_clf",
        "",
        "lower",
        "judge",
        _BOTH,
        2,
        "are the sounds spread alike to a judge: Frechet distance of its features",
    ),
    ("kd_clf", "", "lower", "judge", _BOTH, 4, "as fd_clf, without bias for few clips: kernel distance"),
    ("is_clf", "", "higher", "judge", _PREDICTED, 20, "is each clip one class, and are all used: Inception score"),
    ("accuracy", "", "higher", "labels", _LABELLED, 1, "does the judge hear the class that was asked for"),
    ("prediction_entropy", "nats", "lower", "judge", _PREDICTED, 1, "is the judge in doubt about each clip"),
    (
        "label_entropy",
        "nats",
        "higher",
        "judge",
        _PREDICTED,
        2,
        "are all classes used alike: entropy of the mean prediction",
    ),
    (
        "ndb",
        "cells",
        "lower",
        "audio",
        (),
        20,
        "which kinds of sound are made too often or too seldom: different cells",
    ),
    ("ndb_share", "", "lower", "audio", (), 20, "ndb as a share of the cells, 0.05 by chance"),
    ("js", "nats", "lower", "audio", (), 20, "how unevenly: Jensen-Shannon divergence of the cells' shares"),
    ("d_self", "nats", "higher", "audio", (), 2, "does the set repeat itself: distance to its nearest other clip"),
    ("d_train", "nats", None, "audio", (), 1, "does it copy (0) or stray: distance to the nearest real clip"),
    ("abs_d_self", "nats", "higher", "audio", (), 2, "d_self as WaveGAN published it; digital silence dominates"),
    ("abs_d_train", "nats", None, "audio", (), 1, "d_train as WaveGAN published it; digital silence dominates"),
    ("f0_cents", "cents", "lower", "pitch", _PITCHED, 1, "is the pitch right: deviation of the fundamental"),
    ("f0_within_50_cents", "", "higher", "pitch", _PITCHED, 1, "how often it is: share of clips within 50 cents"),
    ("f0_octave_errors", "", "lower", "pitch", _PITCHED, 1, "how often it is the right note in another octave"),
)


def measure_sets(real, fake, metrics=None, *, seed=0):
    """Measures a generated set against a real one.

    Args:
        real: `SoundSet` to compare with.
        fake: `SoundSet` that is measured.
        metrics: names from `SET_METRICS`; None = all whose inputs the sets have.
        seed: of resampling, subsets and cells. The same seed gives the same numbers.

    Returns:
        A dict from column to `Measured`.

    Raises:
        ValueError: an unknown name, a metric asked for whose input is missing, or sets of other rates or lengths.
    """
    unknown = sorted(set(metrics or ()) - set(SET_METRICS))
    if unknown:
        raise ValueError(f"unknown metrics {', '.join(unknown)}; expected some of {', '.join(SET_METRICS)}")
    _check_alike(real, fake)
    columns = {}
    for name in SET_METRICS if metrics is None else metrics:
        reason = missing_input(SET_METRICS[name], real, fake)
        if reason and metrics is not None:
            raise ValueError(f"{name}: {reason}")
        if not reason:
            columns.update(SET_METRICS[name].function(real, fake, seed=seed))
    return columns


def missing_input(metric, real, fake):
    """Why a metric cannot be measured on these sets, in a few words; empty if it can."""
    sets = {"real": real, "fake": fake}
    absent = [name for name in metric.inputs if getattr(sets[name.split(".")[0]], name.split(".")[1]) is None]
    if not absent:
        return ""
    hint = {"judge": "give a judge", "labels": "give labels and a judge", "pitch": "give pitches"}[metric.needs]
    return f"the sets lack {', '.join(absent)}: {hint}"


def _check_alike(real, fake):
    if real.sample_rate != fake.sample_rate or real.audio.shape[1:] != fake.audio.shape[1:]:
        received = ", ".join(f"{s.audio.shape[1:]} at {s.sample_rate} Hz" for s in (real, fake))
        raise ValueError(f"sets of {received} (samples, channels); expected two of one length, channel count and rate")


def _one_blas_thread():
    """Keeps numpy's matrix products to one thread, while in force.

    Many of them are small: on a busy machine, two threads that waited for each other made a table of 176 clips take
    thirteen times the processor time. threadpoolctl comes with librosa; without it nothing happens.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1, user_api="blas")


def _metric(name, unit, better, needs, inputs, fewest, about):
    measure = getattr(set_measures, name)

    def function(real, fake, *, seed):
        n = len(fake) if name in _OF_THE_FAKE else min(len(real), len(fake))
        if n < fewest:
            return {name: unmeasured(n, f"needs {fewest} clips, has {n}")}
        with _one_blas_thread():
            return {name: measure(real, fake, seed=seed)}

    return SetMetric(name, unit, better, needs, function, about, inputs, fewest)


SET_METRICS = {row[0]: _metric(*row) for row in _ROWS}
