"""Distances between a recording and its vocoded copy: of the spectra, and of the pitch contours.

Audio is float ``[samples]`` in [-1, 1], the copy aligned with the recording to the sample, as a vocoder's is. Values
compare only within one sample rate and one set of the options.
"""

import numpy as np

from tf_audio_gan.audio.analysis import mel_filters, power_spectrogram
from tf_audio_gan.metrics.pair_rules import Undefined, optional, pair_metric, warn_undefined
from tf_audio_gan.metrics.pitch import VOICED_BELOW, yin

RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # n_fft, hop, window: Parallel WaveGAN, table 1
F0_RANGE_HZ = (40.0, 800.0)


@pair_metric()
def mel_l1(reference, estimate, sample_rate, *, n_fft=1024, hop_length=256, n_mels=80):
    """Mean absolute difference of the log-mel spectrograms, in nats: the distance that HiFi-GAN trains on and reports.

    Magnitudes (not powers) with a periodic Hann window and centred, zero-padded frames, Slaney's area-normalised mel
    bands from 0 Hz to half the sample rate, natural logarithm, floor 1e-5. A gain of 2 is ln 2 = 0.69 away.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled.
        n_fft: window and FFT length in samples.
        hop_length: samples between frames.
        n_mels: number of bands.

    Returns:
        A float, 0 for equal signals.

    Raises:
        ValueError: signals that are not a pair.
    """
    bands = mel_filters(sample_rate, n_fft, n_mels)
    a, b = (
        np.log(np.maximum(np.sqrt(power_spectrogram(x, n_fft, hop_length)) @ bands, 1e-5))
        for x in (reference, estimate)
    )
    return float(np.abs(a - b).mean(dtype=np.float64))


@pair_metric("spectral_convergence", "log_magnitude")
def multi_resolution_stft(reference, estimate, sample_rate):
    """Spectral convergence and log-magnitude distance over three STFT resolutions (Parallel WaveGAN, eqs. 4 to 6).

    The figures of the reference implementation's training loss, for one clip: `RESOLUTIONS` in samples whatever the
    sample rate, see `stft_magnitude`.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled, and the resolutions do not follow it.

    Returns:
        ``{"spectral_convergence": float, "log_magnitude": float}``: a ratio, and nats; 0 for equal signals. NaN with a
        warning for clips of 1024 samples or fewer.

    Raises:
        ValueError: signals that are not a pair.
    """
    if len(reference) <= max(n_fft for n_fft, _, _ in RESOLUTIONS) // 2:
        raise Undefined(f"the clip has {len(reference)} samples; the longest window needs more than 1024")
    pairs = [[stft_magnitude(x, *r) for x in (reference, estimate)] for r in RESOLUTIONS]
    return {
        "spectral_convergence": float(np.mean([spectral_convergence(a, b) for a, b in pairs])),
        "log_magnitude": float(np.mean([log_magnitude(a, b) for a, b in pairs])),
    }


def stft_magnitude(audio, n_fft, hop_length, win_length):
    """Magnitudes ``sqrt(max(|STFT|^2, 1e-7))`` with a periodic Hann window and centred, reflected frames.

    Args:
        audio: float ``[..., samples]``, more than ``n_fft / 2`` samples.
        n_fft: FFT length in samples.
        hop_length: samples between frames.
        win_length: window length in samples, in the middle of the FFT's.

    Returns:
        float64 ``[..., frames, n_fft // 2 + 1]``.
    """
    audio = np.pad(audio, [(0, 0)] * (np.ndim(audio) - 1) + [(n_fft // 2, n_fft // 2)], mode="reflect")
    before = (n_fft - win_length) // 2
    window = np.pad(np.hanning(win_length + 1)[:-1], (before, n_fft - win_length - before))
    frames = np.lib.stride_tricks.sliding_window_view(audio, n_fft, axis=-1)[..., ::hop_length, :]
    spectrum = np.fft.rfft(frames * window, axis=-1)
    return np.sqrt(np.maximum(spectrum.real**2 + spectrum.imag**2, 1e-7))


def spectral_convergence(reference, estimate):
    """Frobenius norm of the difference of magnitudes over that of the reference's (Parallel WaveGAN, eq. 5)."""
    return float(np.sqrt(((reference - estimate) ** 2).sum() / (reference**2).sum()))


def log_magnitude(reference, estimate):
    """Mean absolute difference of log magnitudes, in nats (Parallel WaveGAN, eq. 6)."""
    return float(np.abs(np.log(reference) - np.log(estimate)).mean())


@pair_metric()
def log_spectral_distance(reference, estimate, sample_rate, *, n_fft=2048, hop_length=512):
    """Log-spectral distance in dB: over frames, the mean of the root mean square difference of the bins' levels.

    Powers with a periodic Hann window and centred, zero-padded frames, never below 1e-10. Papers on bandwidth
    extension print a tenth of it: their logarithm is not in decibels.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled.
        n_fft: window and FFT length in samples.
        hop_length: samples between frames.

    Returns:
        A float, 0 for equal signals.

    Raises:
        ValueError: signals that are not a pair.
    """
    a, b = (
        10 * np.log10(np.maximum(power_spectrogram(x, n_fft, hop_length), 1e-10).astype(np.float64))
        for x in (reference, estimate)
    )
    return float(np.sqrt(((a - b) ** 2).mean(axis=1)).mean())


@pair_metric("log_f0_rmse_harvest", "vuv_error_harvest", "voiced_overlap_harvest")
def f0_harvest(reference, estimate, sample_rate, *, hop_length=256):
    """Distances of the pitch contours by WORLD's Harvest, 40 to 800 Hz (Morise 2017). Needs the extra ``eval``.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled.
        hop_length: samples between frames.

    Returns:
        ``{"log_f0_rmse_harvest", "vuv_error_harvest", "voiced_overlap_harvest"}``: root mean square difference of
        ln f0 over the frames that are voiced in both (0.058 is a semitone; NaN with a warning if there are none); share
        of all frames that are voiced in one only; share of the reference's voiced frames that are voiced in both, on
        which the first figure rests (NaN if it has none).

    Raises:
        ValueError: signals that are not a pair.
        ImportError: pyworld is not installed.
    """
    pyworld = optional("pyworld", "Harvest", "eval")
    low, high = F0_RANGE_HZ
    period = 1000 * hop_length / sample_rate
    contours = [
        pyworld.harvest(x, sample_rate, f0_floor=low, f0_ceil=high, frame_period=period)[0]
        for x in (reference, estimate)
    ]
    return _contour_distances(*contours, "harvest")


@pair_metric("log_f0_rmse_yin", "vuv_error_yin", "voiced_overlap_yin")
def f0_yin(reference, estimate, sample_rate, *, hop_length=256):
    """Distances of the pitch contours by the `yin` of this package, 40 to 800 Hz: needs no optional package.

    The same figures as `f0_harvest`'s, under names of their own: the two estimators call different frames voiced.

    Args:
        reference: the recording, float ``[samples]``.
        estimate: its copy, as long.
        sample_rate: in Hz; nothing is resampled.
        hop_length: samples between frames.

    Returns:
        ``{"log_f0_rmse_yin", "vuv_error_yin", "voiced_overlap_yin"}``, as `f0_harvest`.

    Raises:
        ValueError: signals that are not a pair.
    """
    analysed = [yin(x, sample_rate, *F0_RANGE_HZ, hop_length) for x in (reference, estimate)]
    return _contour_distances(*(np.where(a < VOICED_BELOW, f0, 0.0) for f0, a in analysed), "yin")


def _contour_distances(a, b, estimator):
    """The three figures of two contours in Hz, 0 where unvoiced."""
    both = (a > 0) & (b > 0)
    if not both.any():
        warn_undefined(f"log_f0_rmse_{estimator}", "no frame is voiced in both signals", stacklevel=4)
    difference = np.log(a[both] / b[both])
    return {
        f"log_f0_rmse_{estimator}": float(np.sqrt(np.mean(difference**2))) if both.any() else float("nan"),
        f"vuv_error_{estimator}": float(np.mean((a > 0) != (b > 0))),
        f"voiced_overlap_{estimator}": float(both.sum() / (a > 0).sum()) if (a > 0).any() else float("nan"),
    }
