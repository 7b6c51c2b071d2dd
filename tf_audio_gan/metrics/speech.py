"""Perceived quality and intelligibility of speech against its reference: PESQ, STOI and extended STOI.

The standards' own programs do the work: PESQ needs the extra ``pesq``, STOI the extra ``eval``. Audio is float
``[samples]`` in [-1, 1]; other rates than the standard's are resampled by soxr.
"""

import threading
import warnings

import numpy as np

from tf_audio_gan.metrics.pair_rules import Undefined, optional, pair_metric, resample

LONGEST_PESQ_S = 25.0  # the standard's program has room for 50 utterances, which never come faster than 2 a second
_SHORTEST_STOI_S = 0.3968  # 30 frames of 256 samples every 128 at 10 kHz
_RANDOM_STATE = threading.Lock()


@pair_metric()
def pesq_wb(reference, estimate, sample_rate):
    """Wideband PESQ (ITU-T P.862.2) at 16 kHz: a predicted opinion score, MOS-LQO.

    Computed by the package ``pesq`` 0.0.4, without Corrigendum 2 of 2018, as all published tables are: a corrected
    program gives up to 0.8 more for the same pair. Gain does not matter.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced, vocoded or noisy speech, as long.
        sample_rate: in Hz; higher rates are resampled to 16 kHz.

    Returns:
        A float from about 1.04 to 4.644 (equal signals). NaN with a warning, never 0: under 16 kHz, for clips under
        0.25 s or over 25 s (longer ones can overrun the standard's program and end the process), for a silent
        estimate, and where the program finds no utterance.

    Raises:
        ValueError: signals that are not a pair.
        ImportError: pesq is not installed.
    """
    if sample_rate < 16000:
        raise Undefined(f"the wideband scale starts at 16000 Hz and the clip has {sample_rate}; pesq_nb is for 8000")
    return _pesq(reference, estimate, sample_rate, 16000, "wb")


@pair_metric()
def pesq_nb(reference, estimate, sample_rate):
    """Narrowband PESQ (ITU-T P.862 with the mapping of P.862.1) at 8 kHz: a predicted opinion score, MOS-LQO.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced, vocoded or noisy speech, as long.
        sample_rate: in Hz; other rates are resampled to 8 kHz.

    Returns:
        A float from about 1.02 to 4.549 (equal signals). NaN with a warning as for `pesq_wb`, and under 8 kHz.

    Raises:
        ValueError: signals that are not a pair.
        ImportError: pesq is not installed.
    """
    if sample_rate < 8000:
        raise Undefined(f"the narrowband scale starts at 8000 Hz and the clip has {sample_rate}")
    return _pesq(reference, estimate, sample_rate, 8000, "nb")


@pair_metric()
def stoi(reference, estimate, sample_rate):
    """Short-time objective intelligibility (Taal et al. 2011) at 16 kHz, by the package ``pystoi``.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced, vocoded or noisy speech, as long.
        sample_rate: in Hz; other rates are resampled to 16 kHz (and all to the measure's own 10 kHz).

    Returns:
        A float, 1 for equal signals, about 0 for unrelated ones. NaN with a warning if fewer than 30 frames (0.4 s)
        of the reference are within 40 dB of its loudest one.

    Raises:
        ValueError: signals that are not a pair.
        ImportError: pystoi is not installed.
    """
    return _stoi(reference, estimate, sample_rate, extended=False)


@pair_metric()
def estoi(reference, estimate, sample_rate):
    """Extended STOI (Jensen and Taal 2016) at 16 kHz, by the package ``pystoi``: lower than `stoi` for the same pair.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced, vocoded or noisy speech, as long.
        sample_rate: in Hz; other rates are resampled to 16 kHz (and all to the measure's own 10 kHz).

    Returns:
        A float, 1 for equal signals, about 0 for unrelated ones; NaN as for `stoi`.

    Raises:
        ValueError: signals that are not a pair.
        ImportError: pystoi is not installed.
    """
    return _stoi(reference, estimate, sample_rate, extended=True)


def _pesq(reference, estimate, sample_rate, wanted, mode):
    pesq = optional("pesq", "PESQ", "pesq")
    seconds = len(reference) / sample_rate
    if seconds > LONGEST_PESQ_S:
        raise Undefined(f"the clip has {seconds:.1f} s; PESQ takes up to {LONGEST_PESQ_S:.0f}, cut it into utterances")
    if not estimate.any():
        raise Undefined("the estimate is digital silence")
    reference, estimate = (resample(x, sample_rate, wanted) for x in (reference, estimate))
    try:
        score = pesq.pesq(wanted, reference, estimate, mode)
    except pesq.BufferTooShortError:
        raise Undefined(f"the clip has {seconds:.3f} s; PESQ needs 0.25") from None
    except pesq.NoUtterancesError:
        raise Undefined("PESQ finds no utterance in the reference or the estimate") from None
    except ValueError:  # the wrapper cannot convert the program's NaN
        raise Undefined("the estimate is too faint for PESQ") from None
    return float(score)


def _stoi(reference, estimate, sample_rate, extended):
    pystoi = optional("pystoi", "STOI", "eval")
    short = Undefined("fewer than 30 frames (0.4 s) of the reference are within 40 dB of its loudest")
    if len(reference) < _SHORTEST_STOI_S * sample_rate:
        raise short
    reference, estimate = (resample(x, sample_rate, 16000) for x in (reference, estimate))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = _repeatable(lambda: pystoi.stoi(reference, estimate, 16000, extended=extended))
    if any("Not enough STFT frames" in str(w.message) for w in caught):
        raise short
    return float(score)


def _repeatable(function):
    """Calls a function that draws from numpy's global generator (pystoi's dither) as if freshly seeded.

    The generator is left as it was found.
    """
    with _RANDOM_STATE:
        state = np.random.get_state()
        np.random.seed(0)
        try:
            return function()
        finally:
            np.random.set_state(state)
