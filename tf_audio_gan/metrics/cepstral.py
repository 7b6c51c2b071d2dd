"""Mel-cepstral distortion between a recording and its copy, by SPTK's mel-cepstrum (extra ``eval``)."""

import numpy as np

from tf_audio_gan.metrics.pair_rules import Undefined, optional, pair_metric

# order and all-pass constant of the mel-cepstrum by sample rate, those of Parallel WaveGAN's evaluation
MEL_CEPSTRUM = {16000: (23, 0.42), 22050: (34, 0.45), 24000: (34, 0.46), 44100: (39, 0.53), 48000: (39, 0.55)}
_N_FFT, _HOP = 1024, 256
_DB = 10 / np.log(10) * np.sqrt(2)


@pair_metric()
def mcd(reference, estimate, sample_rate, *, variant="aligned", order=None, alpha=None):
    """Mel-cepstral distortion in dB: ``10 / ln 10 sqrt(2 sum_d (c_d - c'_d)^2)``, averaged over frames (Kubichek 1993).

    Mel-cepstra by ``pysptk.mcep`` (1e-6 added to the periodogram) of 1024-sample Hamming windows (SPTK's, of unit
    power) every 256 samples, from the first whole window to the last, of samples scaled to 16 bits.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled.
        variant: ``"aligned"``: frame by frame and without c_0, the level: the classical measure, for the output of a
            vocoder, which is in time with its input. ``"pwg"``: c_0 included, and the frames paired by dynamic time
            warping, as Parallel WaveGAN's evaluation does (whose search for the best pairing is approximate where this
            one is exact).
        order: of the mel-cepstrum; None takes `MEL_CEPSTRUM`'s for the rate.
        alpha: all-pass constant; None takes `MEL_CEPSTRUM`'s for the rate.

    Returns:
        A float, 0 for equal signals. NaN with a warning for clips under 1024 samples, and for a rate without an entry
        in `MEL_CEPSTRUM` unless order and alpha are given.

    Raises:
        ValueError: signals that are not a pair, or another variant.
        ImportError: pysptk is not installed.
    """
    if variant not in ("aligned", "pwg"):
        raise ValueError(f"variant is {variant!r}; expected 'aligned' or 'pwg'")
    if (order is None or alpha is None) and sample_rate not in MEL_CEPSTRUM:
        known = ", ".join(map(str, MEL_CEPSTRUM))
        raise Undefined(f"no order and alpha are agreed on for {sample_rate} Hz (known: {known}); give both")
    if len(reference) < _N_FFT:
        raise Undefined(f"the clip has {len(reference)} samples; one window needs {_N_FFT}")
    usual = MEL_CEPSTRUM.get(sample_rate)
    order, alpha = usual[0] if order is None else order, usual[1] if alpha is None else alpha
    a, b = (mel_cepstra(x, order, alpha) for x in (reference, estimate))
    if variant == "pwg":
        a, b = _warped(a, b)
    else:
        a, b = a[:, 1:], b[:, 1:]
    return float(_DB * np.linalg.norm(a - b, axis=1).mean())


def mel_cepstra(audio, order, alpha):
    """Mel-cepstra of one signal: float64 ``[frames, order + 1]``, c_0 first; see `mcd`."""
    pysptk = optional("pysptk", "MCD", "eval")
    frames = np.lib.stride_tricks.sliding_window_view(audio * 32768.0, _N_FFT)[::_HOP]
    return pysptk.mcep(frames * pysptk.hamming(_N_FFT), order, alpha, eps=1e-6, etype=1)


def _warped(a, b):
    """Both sequences along the path of least total Euclidean distance that steps by 1 in either or both."""
    from librosa.sequence import dtw

    _, path = dtw(a.T, b.T, metric="euclidean")
    return a[path[:, 0]], b[path[:, 1]]
