"""What every metric of a reference and an estimate shares: the check of the pair, NaN with its reason, resampling."""

import functools
import importlib
import warnings

import numpy as np


class UndefinedMetric(UserWarning):
    """A metric has no value for this pair and returned NaN; the message says why."""


class Undefined(Exception):
    """Raised inside a metric that has no value for a pair; `pair_metric` makes it NaN and an `UndefinedMetric`."""


def pair_metric(*columns):
    """Makes a metric out of a function of two checked signals.

    The decorated function's options are keywords. It takes any two 1-D float signals of one length, raises ValueError
    for others, and returns NaN with an `UndefinedMetric` warning where the metric has no value. A reference of digital
    silence (every sample 0) is such a case for every metric: nothing is left to be compared with.

    Args:
        columns: keys of the dict that the function returns; none if it returns one float.
    """

    def decorate(function):
        """The metric has the function's name and docstring; what reaches the function is float64, and not silent."""

        @functools.wraps(function)
        def measured(reference, estimate, sample_rate, **options):
            reference, estimate = checked_pair(reference, estimate, sample_rate)
            try:
                if not reference.any():
                    raise Undefined("the reference is digital silence")
                return function(reference, estimate, int(sample_rate), **options)
            except Undefined as reason:
                warn_undefined(function.__name__, reason, stacklevel=3)
                return dict.fromkeys(columns, float("nan")) if columns else float("nan")

        return measured

    return decorate


def warn_undefined(metric, reason, stacklevel=2):
    """Warns that a metric is NaN for a pair, and why."""
    warnings.warn(f"{metric} is NaN: {reason}", UndefinedMetric, stacklevel=stacklevel)


def checked_signal(audio, name):
    """One signal as float64 ``[samples]``.

    Raises:
        ValueError: another rank, no samples, integers (metrics with absolute floors expect [-1, 1]), NaN or infinity.
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or not audio.size:
        raise ValueError(f"the {name} has shape {audio.shape}; expected [samples], at least one, of one channel")
    if not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(f"the {name} holds {audio.dtype}; expected floats in [-1, 1] (divide 16-bit samples by 32768)")
    if not np.isfinite(audio).all():
        bad = int(np.flatnonzero(~np.isfinite(audio))[0])
        raise ValueError(f"the {name} holds {audio[bad]} at sample {bad}; expected finite numbers")
    return audio.astype(np.float64)


def checked_rate(sample_rate):
    """The sample rate as an int of Hz.

    Raises:
        ValueError: it is not a positive whole number.
    """
    if sample_rate != int(sample_rate) or sample_rate <= 0:
        raise ValueError(f"sample_rate is {sample_rate!r}; expected a positive whole number of Hz")
    return int(sample_rate)


def checked_pair(reference, estimate, sample_rate):
    """Both signals as float64 ``[samples]``.

    Raises:
        ValueError: as `checked_signal` and `checked_rate`, or two lengths.
    """
    checked_rate(sample_rate)
    reference, estimate = checked_signal(reference, "reference"), checked_signal(estimate, "estimate")
    if len(reference) != len(estimate):
        raise ValueError(
            f"the reference has {len(reference)} samples, the estimate {len(estimate)}; expected one length "
            "(align trims a small difference)"
        )
    return reference, estimate


def resample(audio, sample_rate, wanted):
    """One signal at another rate by soxr at its high quality; the same array if the rates are equal."""
    if sample_rate == wanted:
        return audio
    import soxr

    return soxr.resample(audio, sample_rate, wanted, "HQ")


def optional(module, metric, extra):
    """Imports an optional package.

    Raises:
        ImportError: it is absent or cannot be loaded; the message names the extra.
    """
    try:
        with warnings.catch_warnings():  # pyworld and pysptk load pkg_resources, which warns about itself
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{metric} needs {module} ({error}): pip install 'tf-audio-gan[{extra}]'") from error
