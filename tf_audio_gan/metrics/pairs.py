"""The metrics of a reference and an estimate by name: of which task, in which unit, which way is better, what it needs.

Every function takes ``(reference, estimate, sample_rate)``, two float ``[samples]`` in [-1, 1] of one length, and gives
``{column: float}``. A metric that has no value for a pair gives NaN and says why; a mean over clips should leave those
out and count them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf_audio_gan.metrics import cepstral, enhancement, speech, vocoding
from tf_audio_gan.metrics.pair_rules import UndefinedMetric, checked_pair, optional


@dataclass(frozen=True, eq=False)
class PairMetric:
    """One analysis of a pair and the columns that it fills.

    Attributes:
        name: key in `PAIR_METRICS`.
        columns: ``{column: (unit, "higher" or "lower" is better)}``, in a table's order.
        tasks: "vocoding", "enhancement" or both.
        function: ``(reference, estimate, sample_rate) -> {column: float}``.
        module: optional package that it imports; None if it needs none.
        extra: the extra of this package that brings it; None if it needs none.
    """

    name: str
    columns: dict
    tasks: tuple
    function: Callable
    module: str | None = None
    extra: str | None = None

    @property
    def unit(self):
        """Unit of the first column; "" for a bare number."""
        return next(iter(self.columns.values()))[0]

    @property
    def better(self):
        """Of the first column: "higher" or "lower"."""
        return next(iter(self.columns.values()))[1]


def _named(column, function):
    """A function of one float as one of a column."""
    return lambda reference, estimate, sample_rate: {column: function(reference, estimate, sample_rate)}


def _pesq(reference, estimate, sample_rate):
    return {
        "pesq_wb": speech.pesq_wb(reference, estimate, sample_rate),
        "pesq_nb": speech.pesq_nb(reference, estimate, sample_rate),
    }


_BOTH, _VOCODING, _ENHANCEMENT = ("vocoding", "enhancement"), ("vocoding",), ("enhancement",)
_MOS, _SHARE = ("MOS", "higher"), ("share", "lower")


def _single(name, function, unit, better, tasks, module=None, extra=None):
    return PairMetric(name, {name: (unit, better)}, tasks, _named(name, function), module, extra)


def _contours(estimator, function, module=None, extra=None):
    columns = {
        f"log_f0_rmse_{estimator}": ("ln Hz", "lower"),
        f"vuv_error_{estimator}": _SHARE,
        f"voiced_overlap_{estimator}": ("share", "higher"),
    }
    return PairMetric(f"f0_{estimator}", columns, _VOCODING, function, module, extra)


_ALL = (
    PairMetric("pesq", {"pesq_wb": _MOS, "pesq_nb": _MOS}, _BOTH, _pesq, "pesq", "pesq"),
    PairMetric(
        "composite", {"csig": _MOS, "cbak": _MOS, "covl": _MOS}, _ENHANCEMENT, enhancement.composite, "pesq", "pesq"
    ),
    _single("segmental_snr", enhancement.segmental_snr, "dB", "higher", _ENHANCEMENT),
    _single("si_sdr", enhancement.si_sdr, "dB", "higher", _ENHANCEMENT),
    _single("stoi", speech.stoi, "", "higher", _BOTH, "pystoi", "eval"),
    _single("estoi", speech.estoi, "", "higher", _BOTH, "pystoi", "eval"),
    _single("llr", enhancement.llr, "nats", "lower", _ENHANCEMENT),
    _single("wss", enhancement.wss, "dB^2", "lower", _ENHANCEMENT),
    _single("mel_l1", vocoding.mel_l1, "nats", "lower", _VOCODING),
    PairMetric(
        "multi_resolution_stft",
        {"spectral_convergence": ("", "lower"), "log_magnitude": ("nats", "lower")},
        _VOCODING,
        vocoding.multi_resolution_stft,
    ),
    _single("log_spectral_distance", vocoding.log_spectral_distance, "dB", "lower", _VOCODING),
    _single("mcd", cepstral.mcd, "dB", "lower", _VOCODING, "pysptk", "eval"),
    _contours("harvest", vocoding.f0_harvest, "pyworld", "eval"),
    _contours("yin", vocoding.f0_yin),
)
PAIR_METRICS = {metric.name: metric for metric in _ALL}


def missing_extra(metric):
    """One line about what a metric needs and this machine lacks; None if it can be computed.

    Args:
        metric: a `PairMetric` or the name of one.

    Returns:
        As in ``"pesq: skipped, needs pip install 'tf-audio-gan[pesq]'"``.

    Raises:
        ValueError: no such name.
    """
    metric = _lookup(metric)
    if metric.module is None:
        return None
    try:
        optional(metric.module, metric.name, metric.extra)
    except ImportError:
        return f"{metric.name}: skipped, needs pip install 'tf-audio-gan[{metric.extra}]'"
    return None


def measure_pair(reference, estimate, sample_rate, metrics, reasons=None):
    """All columns of some metrics for one pair.

    Args:
        reference: float ``[samples]``.
        estimate: float ``[samples]``, as long (see `align`).
        sample_rate: in Hz.
        metrics: `PairMetric`s or names of `PAIR_METRICS`; leave out those with a `missing_extra`.
        reasons: a list that takes a line for each NaN and why; None issues them as `UndefinedMetric` warnings.

    Returns:
        ``{column: float}`` in the order of `metrics`.

    Raises:
        ValueError: signals that are not a pair, a rate that a metric refuses, or no such name.
        ImportError: a metric's optional package is not installed.
    """
    reference, estimate = checked_pair(reference, estimate, sample_rate)
    row = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for metric in map(_lookup, metrics):
            row.update(metric.function(reference, estimate, sample_rate))
    for warning in caught:
        if reasons is not None and issubclass(warning.category, UndefinedMetric):
            reasons.append(str(warning.message))
        else:
            warnings.warn(warning.message, stacklevel=2)
    return row


def align(reference, estimate, tolerance):
    """Trims both signals to the shorter: models that work in windows or hops return a few samples more or fewer.

    Args:
        reference: float ``[samples]``.
        estimate: float ``[samples]``.
        tolerance: largest difference in samples: one window or hop of the model.

    Returns:
        ``(reference, estimate)`` of one length.

    Raises:
        ValueError: the lengths differ by more; the message names both.
    """
    longer = abs(len(reference) - len(estimate))
    if longer > tolerance:
        raise ValueError(
            f"the reference has {len(reference)} samples, the estimate {len(estimate)}; expected a difference of at "
            f"most {tolerance}. Are they the same sound at the same sample rate?"
        )
    length = min(len(reference), len(estimate))
    return np.asarray(reference)[:length], np.asarray(estimate)[:length]


def _lookup(metric):
    if isinstance(metric, PairMetric):
        return metric
    if metric not in PAIR_METRICS:
        raise ValueError(f"no metric {metric!r}; there are {', '.join(PAIR_METRICS)}")
    return PAIR_METRICS[metric]
