"""Spectral measures of sets of clips: flatness, level, time centroid, and the mel distance between two sets.

Audio is ``[clips, samples, channels]`` float in [-1, 1]. Each measure answers one question about generated sounds
that can be asked without a trained judge: is it noise (flatness near 1), is it silent or clipped (level, peak), does
it decay (centroid), and does it resemble the data (mel distance)?
"""

import numpy as np

from tf_audio_gan.audio.analysis import mel_db, power_spectrogram

FLOOR_DB = -40.0  # of log_mel: 70 dB below a full-scale sine, which reads 30 at 16 kHz; below counts as silence
_SILENCE_DB = -120.0


def spectral_flatness(audio, n_fft=2048, hop_length=512):
    """Spectral flatness: geometric over arithmetic mean of the power spectrum, averaged over time.

    Averaged over the frames within 60 dB of the clip's loudest frame; over those it is the mean of
    ``librosa.feature.spectral_flatness``, of channels averaged to one. White noise gives 0.56, a sine below 0.001:
    the periodogram of noise is not itself flat, so 1 is reached by a click alone.

    Args:
        audio: float ``[clips, samples, channels]``.
        n_fft: window length in samples.
        hop_length: samples between frames.

    Returns:
        float64 ``[clips]`` in [0, 1]; NaN for a silent clip.
    """
    values = []
    for clip in _checked(audio).mean(axis=-1):
        power = np.maximum(power_spectrogram(clip, n_fft, hop_length).astype(np.float64), 1e-10)
        energy = power.sum(axis=1)
        audible = energy > max(energy.max() * 1e-6, 1e-10 * power.shape[1] * 1.001)
        flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
        values.append(flatness[audible].mean() if audible.any() else np.nan)
    return np.array(values)


def level_db(audio):
    """Root-mean-square level of each clip in dBFS (a full-scale sine is -3.01): float64 ``[clips]``, >= -120."""
    return _db(np.sqrt(np.mean(_checked(audio).astype(np.float64) ** 2, axis=(1, 2))))


def peak_db(audio):
    """Largest absolute sample of each clip in dBFS (0 is full scale): float64 ``[clips]``, >= -120."""
    return _db(np.abs(_checked(audio)).max(axis=(1, 2)))


def time_centroid(audio, sample_rate):
    """Time around which each clip's energy lies, in seconds.

    Half the clip's length for a steady sound, much less for a hit that decays: the energy ``exp(-2 t / tau)`` has its
    centroid at ``tau / 2``.

    Args:
        audio: float ``[clips, samples, channels]``.
        sample_rate: in Hz.

    Returns:
        float64 ``[clips]``; NaN for a silent clip.
    """
    energy = np.sum(_checked(audio).astype(np.float64) ** 2, axis=-1)
    total = energy.sum(axis=1)
    moment = energy @ np.arange(energy.shape[1]) / sample_rate
    return np.divide(moment, total, out=np.full(len(total), np.nan), where=total > 0)


def log_mel(audio, sample_rate, n_fft=1024, hop_length=256, n_mels=64):
    """Mel spectrograms in decibels of power: Slaney filters with area normalisation, Hann window, centred frames.

    It is ``librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)``.

    Args:
        audio: float ``[clips, samples, channels]``; the power of several channels is averaged.
        sample_rate: in Hz.
        n_fft: window length in samples.
        hop_length: samples between frames.
        n_mels: number of bands from 0 Hz to half the sample rate.

    Returns:
        float32 ``[clips, frames, n_mels]`` in dB (ten times the base-10 logarithm), never below -100.
    """
    return np.stack([mel_db(clip, sample_rate, n_fft, hop_length, n_mels) for clip in _checked(audio)])


def mel_distances(a, b, sample_rate):
    """Mean absolute log-mel difference in dB of each clip in `a` to each in `b`.

    Levels are cut off at -40 dB of `log_mel` (some 70 dB under a full-scale sine), and the mean is over the
    time-frequency cells where at least one of the two clips is above it. So the silence around one-shot hits neither
    dilutes the distance nor makes silence the nearest neighbour of every short sound. Clips are compared where they
    stand, without alignment: 16 ms of shift counts.

    Args:
        a: float ``[clips_a, samples, channels]``.
        b: float ``[clips_b, samples, channels]``, as long as `a`.
        sample_rate: in Hz.

    Returns:
        float32 ``[clips_a, clips_b]`` in dB; 0 between two silent clips.

    Raises:
        ValueError: for another rank, no clips, NaN, or clips of different lengths.
    """
    a, b = _checked(a), _checked(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"clips of {a.shape[1]} and {b.shape[1]} samples; expected two sets of one length. Crop or pad them first"
        )
    mel_a, mel_b = (np.maximum(log_mel(x, sample_rate), FLOOR_DB).reshape(len(x), -1) for x in (a, b))
    sounds_b = mel_b > FLOOR_DB
    rows = []
    for mel in mel_a:
        cells = np.count_nonzero(sounds_b | (mel > FLOOR_DB), axis=1)
        rows.append(np.abs(mel_b - mel).sum(axis=1) / np.maximum(cells, 1))
    return np.stack(rows)


def mel_distance(a, b, sample_rate):
    """Mean over the clips of `a` of the `mel_distances` to the nearest clip of `b`, in dB.

    From generated to real it says how real each generated clip is; from real to generated how much of the data is
    covered, so a generator that repeats one good sound is found out. It falls as `b` grows: compare figures against
    sets of one size only, and with the figure between two halves of the real data.

    Args:
        a: float ``[clips_a, samples, channels]``.
        b: float ``[clips_b, samples, channels]``, as long as `a`.
        sample_rate: in Hz.

    Returns:
        A float; 0 if each clip of `a` is also in `b`.
    """
    return float(mel_distances(a, b, sample_rate).min(axis=1).mean())


def _db(amplitude):
    return np.maximum(20.0 * np.log10(np.maximum(amplitude, 1e-10)), _SILENCE_DB)


def _checked(audio):
    """The clips as float32, or a ValueError that says what was wrong with them."""
    audio = np.asarray(audio, np.float32)
    if audio.ndim != 3 or not audio.size:
        raise ValueError(f"audio has shape {audio.shape}; expected [clips, samples, channels], none of them 0")
    if not np.isfinite(audio).all():
        bad = np.flatnonzero(~np.isfinite(audio).all(axis=(1, 2)))
        raise ValueError(f"clips {bad[:8].tolist()} hold NaN or infinite samples; expected finite numbers in [-1, 1]")
    return audio
