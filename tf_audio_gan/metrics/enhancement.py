"""Metrics of speech enhancement against the clean reference: SI-SDR, segmental SNR, LLR, WSS and the composites.

Segmental SNR, LLR, WSS and the composites follow the recipe behind the published tables of VoiceBank-DEMAND (Loizou,
"Speech Enhancement: Theory and Practice", composite measure; SEGAN, Pascual et al. 2017, table 1): frames of 30 ms
every 7.5 ms, no voice activity detection, and no level alignment, so gain counts in segmental SNR and in CBAK.

Audio is float ``[samples]`` in [-1, 1]. The recipe is defined at 16 kHz, and at 8 kHz with a shorter predictor:
signals of 16 kHz and more are resampled to 16 kHz by soxr, those of 8 kHz up to that to 8 kHz. Scores at 8 kHz do not
compare with scores at 16 kHz.
"""

import numpy as np

from tf_audio_gan.metrics.pair_rules import Undefined, pair_metric, resample
from tf_audio_gan.metrics.speech import pesq_wb

SI_SDR_LIMIT_DB = 100.0
_CENTRES_HZ = (
    50.0, 120.0, 190.0, 260.0, 330.0, 400.0, 470.0, 540.0, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30,
    1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63,
)  # fmt: skip
_WIDTHS_HZ = (
    *(70.0,) * 7, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154, 183.457, 199.776,
    217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136,
)  # fmt: skip
_K_MAX, _K_LOCAL = 20.0, 1.0  # dB, Klatt (1982), "Prediction of perceived phonetic distance"
_KEPT = 0.95  # share of frames, the best ones, that LLR and WSS average


@pair_metric()
def si_sdr(reference, estimate, sample_rate):
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, eq. 2), of the zero-mean signals.

    ``10 log10(|a r|^2 / |e - a r|^2)`` with ``a = <e, r> / <r, r>``. Any gain of the estimate, also a negative one,
    leaves it as it is. Limited to +-100 dB, so that equal signals give 100 and a silent estimate -100.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced or noisy speech, as long.
        sample_rate: in Hz; see the module for the rate at which it is computed.

    Returns:
        A float in [-100, 100]; NaN with a warning if the reference is constant.

    Raises:
        ValueError: signals that are not a pair, or a rate under 8 kHz.
    """
    reference, estimate, _ = _at_speech_rate(reference, estimate, sample_rate)
    with_mean = reference @ reference
    reference, estimate = reference - reference.mean(), estimate - estimate.mean()
    energy = reference @ reference
    if energy <= 1e-20 * with_mean:
        raise Undefined("the reference is constant")
    target = (estimate @ reference) / energy * reference
    kept, lost = target @ target, (estimate - target) @ (estimate - target)
    if kept == 0:
        return -SI_SDR_LIMIT_DB
    with np.errstate(divide="ignore"):
        return float(np.clip(10 * np.log10(kept) - 10 * np.log10(lost), -SI_SDR_LIMIT_DB, SI_SDR_LIMIT_DB))


@pair_metric()
def segmental_snr(reference, estimate, sample_rate):
    """Segmental signal-to-noise ratio in dB: the mean over frames of each frame's SNR, limited to [-10, 35].

    Frames of digital silence in the reference count -10 even where the estimate is silent too, as in the published
    recipe; equal signals give 35 where there are none. A silent estimate gives about 0.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced or noisy speech, as long.
        sample_rate: in Hz; see the module for the rate at which it is computed.

    Returns:
        A float in [-10, 35]; NaN with a warning for a clip under 37.5 ms.

    Raises:
        ValueError: signals that are not a pair, or a rate under 8 kHz.
    """
    clean, processed, _ = _frames(reference, estimate, sample_rate)
    signal, noise = (clean**2).sum(axis=1), ((clean - processed) ** 2).sum(axis=1)
    return float(np.clip(10 * np.log10(signal / (noise + 1e-10) + 1e-10), -10, 35).mean())


@pair_metric()
def llr(reference, estimate, sample_rate):
    """Log-likelihood ratio of linear predictors: how much worse the estimate's predicts the reference, in nats.

    ``ln(a_e R_r a_e' / a_r R_r a_r')`` of each frame, with predictors of order 16 (10 at 8 kHz) by the autocorrelation
    method; the mean of the lowest 95 % of the frames. Not limited to 2, as the composites need it. The machine epsilon
    is added to the samples, so that frames that are silent in both signals count 0.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced or noisy speech, as long.
        sample_rate: in Hz; see the module for the rate at which it is computed.

    Returns:
        A float, 0 for equal signals; NaN with a warning for a clip under 37.5 ms.

    Raises:
        ValueError: signals that are not a pair, or a rate under 8 kHz.
    """
    eps = np.finfo(np.float64).eps
    clean, processed, rate = _frames(reference, estimate, sample_rate, eps)
    order = 10 if rate < 10000 else 16
    lags = _autocorrelation(clean, order)
    least = 1e-12 * lags[:, 0]  # a pure tone is predicted without error: rounding decides below this
    ratio = [
        np.maximum(_predicted_error(_predictor(x), lags), least) for x in (_autocorrelation(processed, order), lags)
    ]
    return _lowest(np.log(ratio[0] / ratio[1]))


@pair_metric()
def wss(reference, estimate, sample_rate):
    """Weighted spectral slope distance (Klatt 1982) over 25 critical bands up to 3.6 kHz, at any rate.

    Squared differences of the slopes from band to band in dB, weighted towards bands near the largest and the nearest
    peak, and divided by the sum of the weights; the mean of the lowest 95 % of the frames. Where a slope rises, the
    published recipe takes the band below the next peak for the peak, and so does this.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced or noisy speech, as long.
        sample_rate: in Hz; see the module for the rate at which it is computed.

    Returns:
        A float in dB^2, 0 for equal signals; NaN with a warning for a clip under 37.5 ms.

    Raises:
        ValueError: signals that are not a pair, or a rate under 8 kHz.
    """
    clean, processed, rate = _frames(reference, estimate, sample_rate)
    filters = _critical_bands(rate, 1 << (2 * clean.shape[1] - 1).bit_length())
    bands = [_band_levels(x, filters) for x in (clean, processed)]
    weights = sum(_slope_weights(x) for x in bands) / 2
    difference = (np.diff(bands[0], axis=1) - np.diff(bands[1], axis=1)) ** 2
    return _lowest((weights * difference).sum(axis=1) / weights.sum(axis=1))


@pair_metric("csig", "cbak", "covl")
def composite(reference, estimate, sample_rate):
    """Composite measures: predicted opinions of the speech, of the background and overall (Hu and Loizou 2008).

    Linear in wideband PESQ, LLR, WSS and segmental SNR, with the coefficients of Loizou's published program, which all
    tables use (those of the paper's table differ), and limited to [1, 5]. Needs the extra ``pesq``.

    Args:
        reference: clean speech, float ``[samples]``.
        estimate: enhanced or noisy speech, as long.
        sample_rate: in Hz, at least 16000 for numbers; computed at 16 kHz.

    Returns:
        ``{"csig": float, "cbak": float, "covl": float}``, each in [1, 5], 5 for equal signals. NaN with a warning
        wherever `pesq_wb` is.

    Raises:
        ValueError: signals that are not a pair, or a rate under 8 kHz.
        ImportError: pesq is not installed.
    """
    pesq = pesq_wb(reference, estimate, sample_rate)
    if np.isnan(pesq):
        raise Undefined("wideband PESQ is")
    ratio, slope = llr(reference, estimate, sample_rate), wss(reference, estimate, sample_rate)
    snr = segmental_snr(reference, estimate, sample_rate)
    scores = {
        "csig": 3.093 - 1.029 * ratio + 0.603 * pesq - 0.009 * slope,
        "cbak": 1.634 + 0.478 * pesq - 0.007 * slope + 0.063 * snr,
        "covl": 1.594 + 0.805 * pesq - 0.512 * ratio - 0.007 * slope,
    }
    return {name: float(np.clip(score, 1, 5)) for name, score in scores.items()}


def _at_speech_rate(reference, estimate, sample_rate):
    """Both signals at 16 or 8 kHz, and that rate."""
    if sample_rate < 8000:
        raise ValueError(f"a sample rate of {sample_rate} Hz; the metrics of enhanced speech expect at least 8000")
    rate = 16000 if sample_rate >= 16000 else 8000
    return resample(reference, sample_rate, rate), resample(estimate, sample_rate, rate), rate


def _frames(reference, estimate, sample_rate, offset=0.0):
    """Windowed frames of both signals ``[frames, 30 ms]``, and the rate: as many as the published recipe takes."""
    reference, estimate, rate = _at_speech_rate(reference, estimate, sample_rate)
    length, hop = rate * 30 // 1000, rate * 30 // 4000
    count = int(len(reference) / hop - length / hop)
    if count < 1:
        raise Undefined(f"the clip has {len(reference) / rate * 1e3:.1f} ms; one frame needs 37.5")
    window = np.hanning(length + 2)[1:-1]
    frames = [
        np.lib.stride_tricks.sliding_window_view(x + offset, length)[::hop][:count] * window
        for x in (reference, estimate)
    ]
    return *frames, rate


def _lowest(values):
    return float(np.sort(values)[: max(1, round(len(values) * _KEPT))].mean())


def _autocorrelation(frames, order):
    """Lags 0 to `order` of each frame: ``[frames, order + 1]``."""
    length = frames.shape[1]
    return np.stack([np.einsum("ij,ij->i", frames[:, : length - k], frames[:, k:]) for k in range(order + 1)], axis=1)


def _predictor(lags):
    """Prediction error filters ``[frames, order + 1]`` from autocorrelations, by Levinson's recursion."""
    order = lags.shape[1] - 1
    filters = np.zeros_like(lags)
    filters[:, 0] = 1.0
    error = lags[:, 0].copy()
    for i in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :i], lags[:, i:0:-1]) / error
        filters[:, : i + 1] += reflection[:, None] * filters[:, i::-1]
        error *= 1 - reflection**2
        error = np.maximum(error, 1e-15 * lags[:, 0])
    return filters


def _predicted_error(filters, lags):
    """Energy that each filter leaves of the frame with these autocorrelations: ``[frames]``."""
    order = lags.shape[1] - 1
    toeplitz = lags[:, np.abs(np.arange(order + 1)[:, None] - np.arange(order + 1))]
    return np.einsum("fi,fij,fj->f", filters, toeplitz, filters)


def _critical_bands(rate, n_fft):
    """Gaussian filters ``[25, n_fft // 2]`` of equal area over the bins below half the rate, cut off at -30 dB."""
    bins = n_fft // 2
    centre = np.floor(np.array(_CENTRES_HZ) * 2 / rate * bins)[:, None]
    width = np.array(_WIDTHS_HZ)[:, None] * 2 / rate * bins
    filters = np.exp(
        -11 * ((np.arange(bins) - centre) / width) ** 2 + np.log(_WIDTHS_HZ[0] / np.array(_WIDTHS_HZ)[:, None])
    )
    return filters * (filters > np.exp(-30 / (2 * 2.303)))


def _band_levels(frames, filters):
    """Level of each frame in each band in dB: ``[frames, 25]``, at least -100."""
    bins = filters.shape[1]
    power = np.abs(np.fft.rfft(frames, 2 * bins, axis=1)[:, :bins]) ** 2
    return 10 * np.log10(np.maximum(power @ filters.T, 1e-10))


def _slope_weights(levels):
    """Klatt's weights of the slopes ``[frames, 24]``: high where a band is near the largest and the nearest peak."""
    to_largest = levels.max(axis=1, keepdims=True) - levels[:, :-1]
    to_nearest = _nearest_peak(levels) - levels[:, :-1]
    return _K_MAX / (_K_MAX + to_largest) * _K_LOCAL / (_K_LOCAL + to_nearest)


def _nearest_peak(levels):
    """Level of the peak that each slope leads to ``[frames, 24]``: rightwards if it rises, else leftwards."""
    rises = np.diff(levels, axis=1) > 0
    left, right = levels[:, :-1].copy(), levels[:, :-1].copy()
    for i in range(1, rises.shape[1]):
        left[:, i] = np.where(rises[:, i - 1], levels[:, i], left[:, i - 1])
    for i in range(rises.shape[1] - 2, -1, -1):
        right[:, i] = np.where(rises[:, i + 1], right[:, i + 1], levels[:, i])
    return np.where(rises, right, left)
