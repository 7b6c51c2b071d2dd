"""A sound like speech with known pitch, and noise at a known level, for the tests of the pair metrics."""

import numpy as np
from scipy.signal import lfilter


def voice(seconds=2.0, sample_rate=16000, seed=0):
    """Syllables of a pulse train of 90 to 160 Hz and some breath through three formants that move: `[samples]`."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    phase = np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / sample_rate
    source = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(len(t))
    length = sample_rate // 4
    syllables = [
        _formants(source[i : i + length], rng.uniform((300, 900, 2200), (700, 1800, 3000)), sample_rate)
        for i in range(0, len(t), length)
    ]
    envelope = 0.02 + np.abs(np.sin(2 * np.pi * 2 * t)) ** 1.5
    sound = np.concatenate(syllables) * envelope
    return 0.5 * sound / np.abs(sound).max()


def noisy(clean, snr_db, seed=1):
    """The sound with white noise at a signal-to-noise ratio in dB."""
    noise = np.random.default_rng(seed).standard_normal(len(clean))
    return clean + noise * np.sqrt((clean @ clean) / (noise @ noise) * 10 ** (-snr_db / 10))


def _formants(sound, frequencies, sample_rate):
    for frequency in frequencies:
        radius = np.exp(-np.pi * 120 / sample_rate)
        sound = lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * frequency / sample_rate), radius**2], sound)
    return sound
