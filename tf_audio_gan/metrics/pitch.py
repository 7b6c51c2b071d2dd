"""Pitch: YIN of a signal, of clips that hold one steady note, and how far a note is from the one that was asked for."""

import numpy as np

from tf_audio_gan.metrics.pair_rules import checked_rate, checked_signal, resample

VOICED_BELOW = 0.2  # aperiodicity: share of a frame's power that one period does not explain
_THRESHOLD = 0.1  # de Cheveigné and Kawahara's, step 4
_AUDIBLE = 1e-3  # of the loudest frame's energy: 30 dB
_SMOOTHED = 0.8  # moving average in periods of f0_max: the paper's 1 ms for voices up to 800 Hz
_RATE_PER_F0 = 12  # samples of the shortest period, so that a parabola finds its end to a cent


def yin(audio, sample_rate, f0_min=40.0, f0_max=800.0, hop_length=256):
    """Fundamental frequency by YIN (de Cheveigné and Kawahara 2002, steps 1 to 5).

    The squared difference between a window of one period of `f0_min`, centred on each frame, and its shift; the first
    shift whose cumulative-mean-normalised difference falls below 0.1, or else the least, refined by a parabola. High
    frequencies are averaged away before, over 0.8 periods of `f0_max` (the paper's 1 ms).

    Args:
        audio: float ``[samples]``.
        sample_rate: in Hz; a signal with fewer than 12 samples to a period of `f0_max` is upsampled by soxr.
        f0_min: lowest frequency looked for, in Hz.
        f0_max: highest, in Hz.
        hop_length: samples between frames, at `sample_rate`.

    Returns:
        ``(f0, aperiodicity)``, float64 ``[1 + samples // hop_length]`` each: Hz, and the normalised difference there,
        near 0 for a periodic frame and 1 for noise and digital silence (call a frame voiced below `VOICED_BELOW`).

    Raises:
        ValueError: a bad signal, or a range that is empty or reaches half the sample rate.
    """
    audio, sample_rate = checked_signal(audio, "signal"), checked_rate(sample_rate)
    if not 0 < f0_min < f0_max < sample_rate / 2:
        raise ValueError(f"f0 from {f0_min} to {f0_max} Hz; expected 0 < f0_min < f0_max < {sample_rate / 2:g}")
    factor = max(1, int(np.ceil(_RATE_PER_F0 * f0_max / sample_rate)))
    rate = factor * sample_rate
    longest, shortest = int(np.ceil(rate / f0_min)) + 1, int(rate / f0_max)
    audible = _smoothed(resample(audio, sample_rate, rate), round(_SMOOTHED * rate / f0_max))
    padded = np.pad(audible, (longest // 2, 2 * longest + hop_length * factor))
    count = 1 + len(audio) // hop_length
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * longest)[:: hop_length * factor][:count]
    lag, aperiodicity = _best_lag(_normalised_difference(frames, longest), shortest)
    return rate / lag, aperiodicity


def note_f0(audio, sample_rate, f0_min=27.0, f0_max=4400.0):
    """Pitch of clips that hold one steady note each, in Hz: the median of `yin` over audible, periodic frames.

    Args:
        audio: float ``[clips, samples, channels]``; channels are averaged.
        sample_rate: in Hz.
        f0_min: lowest frequency looked for, in Hz; the default is the piano's lowest key.
        f0_max: highest, in Hz; the default is the piano's highest key. Half the sample rate at most.

    Returns:
        float64 ``[clips]``; NaN for a clip without a pitch: silence, noise.

    Raises:
        ValueError: another rank, NaN, or an empty range of frequencies.
    """
    audio = np.asarray(audio)
    if audio.ndim != 3:
        raise ValueError(f"audio has shape {audio.shape}; expected [clips, samples, channels]")
    f0_max = min(f0_max, 0.49 * sample_rate)
    return np.array([_clip_f0(clip.mean(axis=-1), sample_rate, f0_min, f0_max) for clip in audio])


def cents(f0, pitch):
    """Deviation of frequencies in Hz from MIDI pitches (69 is 440 Hz) in cents: a hundredth of a semitone.

    Args:
        f0: Hz, any shape.
        pitch: MIDI note numbers, broadcast to the shape of `f0`.

    Returns:
        float64; NaN where f0 is.
    """
    return 1200 * np.log2(np.asarray(f0, np.float64) / 440.0) - 100 * (np.asarray(pitch, np.float64) - 69)


def pitch_errors(audio, pitch, sample_rate, tolerance=50.0):
    """How far notes are from the pitch that was asked for.

    A pitch that is off by whole octaves is told apart: it may be the estimator's error rather than the sound's.

    Args:
        audio: float ``[clips, samples, channels]``, one steady note each.
        pitch: MIDI note number of each clip, ``[clips]``.
        sample_rate: in Hz.
        tolerance: cents within which a note counts as the one asked for; 50 is the nearest key.

    Returns:
        ``{"f0_hz", "cents", "correct", "octave_error"}``, float64 ``[clips]``: the last two are 1 or 0. A clip without
        a pitch has NaN, NaN, 0, 0.

    Raises:
        ValueError: as `note_f0`, or another number of pitches than clips.
    """
    f0, pitch = note_f0(audio, sample_rate), np.asarray(pitch)
    if pitch.shape != f0.shape:
        raise ValueError(f"{len(f0)} clips and pitches of shape {pitch.shape}; expected one pitch for each clip")
    deviation = cents(f0, pitch)
    octaves = np.round(deviation / 1200)
    near = np.abs(deviation - 1200 * octaves) <= tolerance
    return {
        "f0_hz": f0,
        "cents": deviation,
        "correct": (near & (octaves == 0)).astype(np.float64),
        "octave_error": (near & (np.abs(octaves) > 0)).astype(np.float64),
    }


def _clip_f0(audio, sample_rate, f0_min, f0_max):
    hop = max(1, round(0.016 * sample_rate))
    f0, aperiodicity = yin(audio, sample_rate, f0_min, f0_max, hop)
    centred = np.pad(audio.astype(np.float64) ** 2, (hop // 2, hop))
    energy = np.add.reduceat(centred, np.arange(len(f0)) * hop)
    steady = (aperiodicity < VOICED_BELOW) & (energy > _AUDIBLE * energy.max())
    return np.exp(np.median(np.log(f0[steady]))) if steady.any() else np.nan


def _smoothed(audio, length):
    """Centred moving average over `length` samples, as long as the signal."""
    total = np.concatenate([[0.0], np.cumsum(np.pad(audio, (length // 2, length - 1 - length // 2)))])
    return (total[length:] - total[:-length]) / length


def _normalised_difference(frames, longest):
    """YIN's d'(lag) for lags 0 to `longest` of frames ``[n, 2 * longest]``: 1 at lag 0 and in silence (eq. 8)."""
    n_fft = 1 << (3 * longest - 1).bit_length()
    window = np.conj(np.fft.rfft(frames[:, :longest], n_fft))
    product = np.fft.irfft(window * np.fft.rfft(frames, n_fft))[:, : longest + 1]
    total = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    energy = total[:, longest:] - total[:, : longest + 1]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0)
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, longest + 1)
    silent = mean <= 1e-12 * np.maximum(energy[:, :1], 1e-20)
    result = np.ones_like(difference)
    result[:, 1:] = np.where(silent, 1.0, difference[:, 1:] / np.where(silent, 1.0, mean))
    return result


def _best_lag(difference, shortest):
    """The lag of each frame's period and the normalised difference there, both between whole lags."""
    rows = np.arange(len(difference))
    inner = difference[:, shortest:-1]
    dip = (inner < _THRESHOLD) & (inner <= difference[:, shortest + 1 :])
    lag = shortest + np.where(dip.any(axis=1), dip.argmax(axis=1), inner.argmin(axis=1))
    before, here, after = (difference[rows, lag + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    valley = (bend > 1e-12) & (here <= before) & (here <= after)
    shift = np.where(valley, (before - after) / np.where(valley, 2 * bend, 1.0), 0.0)
    return lag + shift, np.maximum(here - np.where(valley, (before - after) * shift / 4, 0.0), 0.0)
