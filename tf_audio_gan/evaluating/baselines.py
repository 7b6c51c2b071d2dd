"""What a model must beat: noise, noise that knows more, silence; for pairs Griffin-Lim and the noisy input."""

import numpy as np

from tf_audio_gan.audio.analysis import window_length
from tf_audio_gan.metrics.spectral import level_db, time_centroid

GRIFFIN_LIM = {"n_mels": 80, "iterations": 32, "momentum": 0.99}


def steady_noise(real, rng):
    """White noise with the level (RMS) of each real clip: float32 of the shape of `real`, clipped to [-1, 1]."""
    return _at_levels(rng.standard_normal(real.shape), real)


def shaped_noise(real, sample_rate, rng):
    """White noise with each real clip's level and an exponential decay of the same time centroid.

    It knows everything of the real sounds but their spectra. A silent clip gives silence.

    Args:
        real: float32 [clips, samples, channels].
        sample_rate: in Hz.
        rng: `numpy.random.Generator`.

    Returns:
        float32 of the shape of `real`, clipped to [-1, 1].
    """
    t = np.arange(real.shape[1])[None, :, None] / sample_rate
    tau = 2.0 * np.nan_to_num(time_centroid(real, sample_rate), nan=1.0)[:, None, None]
    return _at_levels(rng.standard_normal(real.shape) * np.exp(-t / np.maximum(tau, 1e-4)), real)


def _at_levels(noise, real):
    wanted = level_db(real)
    gain = np.where(wanted > -120.0, 10.0 ** ((wanted - level_db(noise)) / 20.0), 0.0)
    return np.clip(noise * gain[:, None, None], -1.0, 1.0).astype(np.float32)


def griffin_lim_settings(sample_rate, mel=None):
    """The mel spectrogram that the Griffin-Lim baseline starts from: samples, bands, Hz, iterations.

    Args:
        sample_rate: in Hz.
        mel: a `MelFrontEnd`'s config, for a vocoder's own mels; None: 80 bands up to half the rate.
    """
    n_fft = window_length(sample_rate)
    known = {"n_fft": n_fft, "hop_length": n_fft // 4, "win_length": n_fft, "fmin": 0.0, "fmax": None, "floor": 0.0}
    chosen = {key: value for key, value in (mel or {}).items() if key in (*known, "n_mels")}
    return {"sample_rate": sample_rate, **known, **GRIFFIN_LIM, **chosen}


def griffin_lim(reference, sample_rate, seed=0, mel=None):
    """A vocoder without training: the reference's mel spectrogram, its pseudo-inverse, then fast Griffin-Lim.

    The mel spectrogram is of amplitudes by Slaney's filters, `griffin_lim_settings`.

    Args:
        reference: float [samples].
        sample_rate: in Hz.
        seed: of the phases it starts from.
        mel: see `griffin_lim_settings`.

    Returns:
        float32 [samples], clipped to [-1, 1].
    """
    import librosa

    known = griffin_lim_settings(sample_rate, mel)
    frames = {key: known[key] for key in ("n_fft", "hop_length", "win_length")}
    bands = {key: known[key] for key in ("n_fft", "n_mels", "fmin", "fmax")}
    filters = librosa.filters.mel(sr=sample_rate, **bands)
    padded = np.pad(np.asarray(reference, np.float32), (0, max(0, known["n_fft"] - len(reference))))
    amplitude = np.maximum(filters @ np.abs(librosa.stft(padded, **frames)), known["floor"])
    guess = np.maximum(np.linalg.pinv(filters) @ amplitude, 0)
    options = {"n_iter": known["iterations"], "momentum": known["momentum"], "random_state": seed}
    audio = librosa.griffinlim(guess, length=len(padded), **frames, **options)
    return np.clip(audio[: len(reference)], -1, 1).astype(np.float32)


def noisy(reference, rng):
    """The reference with white noise of its own level (0 dB) added, scaled down where it would clip."""
    reference = np.asarray(reference, np.float64)
    sum_ = reference + rng.standard_normal(reference.shape) * np.sqrt(np.mean(reference**2))
    return (sum_ / max(1.0, np.abs(sum_).max())).astype(np.float32)
