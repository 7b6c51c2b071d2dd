"""Synthetic drum hits: sounds without a licence for the demo, the tests and the first run of a new installation.

Each hit is drawn from its own generator, seeded by (seed, index): hit 7 is the same however many are asked for.
"""

from pathlib import Path

import numpy as np

from tf_audio_gan.audio.io import write_audio

KINDS = ("kick", "snare", "hat", "tom", "clap")


def drum_hits(n, sample_rate=16000, seed=0):
    """Synthesise drum hits that vary in pitch, decay, brightness, length and level.

    Args:
        n: how many; the kinds take turns.
        sample_rate: in Hz, 4000 or more.
        seed: the same seed gives the same hits.

    Returns:
        A list of ``(kind, audio)``: the kind is one of `KINDS`, the audio float32 ``[samples, 1]`` of 0.1 to 0.9
        seconds, with a peak between 0.35 and 0.95.

    Raises:
        ValueError: if n is negative or the sample rate below 4000 Hz.
    """
    if n < 0:
        raise ValueError(f"n is {n}; expected 0 or more hits")
    if sample_rate < 4000:
        raise ValueError(f"sample_rate is {sample_rate} Hz; expected 4000 or more: below, a hat has no sound")
    return [drum_hit(i, sample_rate, seed) for i in range(n)]


def drum_hit(index, sample_rate, seed):
    """Hit number `index` of `drum_hits`: ``(kind, float32 [samples, 1])``."""
    kind = KINDS[index % len(KINDS)]
    rng = np.random.default_rng([seed, index])
    signal = _VOICES[kind](rng, sample_rate)
    fade = sample_rate // 40  # the last 25 ms
    signal[-fade:] *= np.linspace(1.0, 0.0, fade)
    signal *= rng.uniform(0.35, 0.95) / np.abs(signal).max()
    return kind, signal.astype(np.float32)[:, None]


def write_drum_hits(folder, n, sample_rate=16000, seed=0):
    """Write drum hits as a nested folder of one-shots: ``kick/kick_000.wav``, ``snare/snare_001.flac`` and so on.

    As collections on disk do, it mixes WAV with FLAC and rates: every third file is FLAC, every fourth is at 44100 Hz
    and every seventh at 22050 Hz instead of `sample_rate`.

    Args:
        folder: where to write; made if missing.
        n: how many files.
        sample_rate: of most files, in Hz.
        seed: as in `drum_hits`.

    Returns:
        The paths written, in order.
    """
    paths = []
    for i in range(n):
        rate = 44100 if i % 4 == 3 else 22050 if i % 7 == 6 else sample_rate
        kind, audio = drum_hit(i, rate, seed)
        path = Path(folder) / kind / f"{kind}_{i:03d}{'.flac' if i % 3 == 2 else '.wav'}"
        write_audio(path, audio, rate)
        paths.append(path)
    return paths


def _time(seconds, sample_rate):
    return np.arange(int(seconds * sample_rate)) / sample_rate


def _noise(rng, samples, sample_rate, low, high):
    """White noise shaped to a band: 12 dB per octave below `low`, 24 above `high` (Hz); unit RMS."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1.0 / sample_rate)
    spectrum *= (hz**2 / (hz**2 + low**2)) / (1.0 + (hz / high) ** 4)
    noise = np.fft.irfft(spectrum, samples)
    return noise / np.sqrt(np.mean(noise**2))


def _sweep(t, start, end, fall):
    """A sine whose pitch falls exponentially from `start` to `end` Hz with time constant `fall` seconds."""
    return np.sin(2 * np.pi * (end * t + (start - end) * fall * (1.0 - np.exp(-t / fall))))


def _kick(rng, rate):
    t = _time(rng.uniform(0.3, 0.7), rate)
    end, decay = rng.uniform(40.0, 70.0), rng.uniform(0.06, 0.16)
    body = _sweep(t, end * rng.uniform(3.0, 7.0), end, rng.uniform(0.015, 0.04)) * np.exp(-t / decay)
    click = _noise(rng, len(t), rate, 1000.0, 5000.0) * np.exp(-t / 0.003) * rng.uniform(0.05, 0.3)
    return np.tanh(rng.uniform(1.0, 2.5) * body) + click


def _snare(rng, rate):
    t = _time(rng.uniform(0.2, 0.45), rate)
    pitch = rng.uniform(160.0, 260.0)
    body = _sweep(t, 1.6 * pitch, pitch, 0.012) * np.exp(-t / rng.uniform(0.03, 0.07))
    wires = _noise(rng, len(t), rate, rng.uniform(700.0, 2000.0), rng.uniform(5000.0, 9000.0))
    return body * rng.uniform(0.5, 1.0) + 0.5 * wires * np.exp(-t / rng.uniform(0.04, 0.1))


def _hat(rng, rate):
    is_open = rng.random() < 0.3
    t = _time(rng.uniform(0.5, 0.9) if is_open else rng.uniform(0.1, 0.25), rate)
    low = rng.uniform(3500.0, 6000.0) * min(1.0, rate / 16000)
    metal = sum(np.sign(np.sin(2 * np.pi * hz * t)) for hz in rng.uniform(0.35, 0.95, 4) * min(low, 0.4 * rate))
    decay = rng.uniform(0.12, 0.25) if is_open else rng.uniform(0.015, 0.045)
    noise = _noise(rng, len(t), rate, low, 14000.0)
    bright = np.diff(metal, prepend=0.0) * rng.uniform(0.05, 0.2)
    return (noise + bright) * np.exp(-t / decay)


def _tom(rng, rate):
    t = _time(rng.uniform(0.35, 0.8), rate)
    pitch, decay = rng.uniform(80.0, 220.0), rng.uniform(0.09, 0.2)
    body = _sweep(t, pitch * rng.uniform(1.3, 1.9), pitch, rng.uniform(0.03, 0.08)) * np.exp(-t / decay)
    overtone = 0.3 * np.sin(2 * np.pi * 1.59 * pitch * t) * np.exp(-t / (0.4 * decay))
    skin = _noise(rng, len(t), rate, 300.0, 3000.0) * np.exp(-t / 0.012) * rng.uniform(0.05, 0.2)
    return body + overtone + skin


def _clap(rng, rate):
    t = _time(rng.uniform(0.25, 0.5), rate)
    gap, tail = rng.uniform(0.008, 0.014), rng.uniform(0.05, 0.12)
    envelope = sum(np.where(t >= k * gap, np.exp(-np.maximum(t - k * gap, 0.0) / 0.004), 0.0) for k in range(3))
    envelope += np.where(t >= 3 * gap, 0.8 * np.exp(-np.maximum(t - 3 * gap, 0.0) / tail), 0.0)
    return _noise(rng, len(t), rate, rng.uniform(600.0, 1200.0), rng.uniform(2500.0, 5000.0)) * envelope


_VOICES = {"kick": _kick, "snare": _snare, "hat": _hat, "tom": _tom, "clap": _clap}
