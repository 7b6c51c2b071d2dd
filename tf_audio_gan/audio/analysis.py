"""Measuring and looking at audio with numpy: frames, power spectrograms, mel bands in decibels, a picture of them.

Nothing here has a gradient; the differentiable spectrograms that models train on are elsewhere in this folder.
"""

import math
import struct
import zlib
from functools import lru_cache

import numpy as np

_FLOOR_DB = -100.0  # of power, as librosa's 1e-10


def power_spectrogram(audio, n_fft=1024, hop_length=256):
    """Power spectrogram with a periodic Hann window and centred, zero-padded frames (librosa.stft's convention).

    Args:
        audio: float ``[samples]``.
        n_fft: window and FFT length in samples.
        hop_length: samples between frames.

    Returns:
        float32 ``[frames, n_fft // 2 + 1]`` with ``1 + samples // hop_length`` frames: squared magnitudes.
    """
    padded = np.pad(np.asarray(audio, np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, axis=-1)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


def hz_to_mel(hz):
    """Slaney's mel scale: linear below 1 kHz (3 mel each 200 Hz), then 27 mel for a factor of 6.4."""
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / math.log(6.4))


def mel_to_hz(mel):
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * math.log(6.4) / 27))


@lru_cache(maxsize=8)
def mel_filters(sample_rate, n_fft, n_mels, fmin=0.0, fmax=None):
    """Slaney's mel filters, area-normalised: float32 ``[n_fft // 2 + 1, n_mels]``, not to be written to.

    Those of ``librosa.filters.mel``, without librosa: training and pictures need nothing that compiles itself.

    Args:
        sample_rate: in Hz.
        n_fft: FFT length in samples.
        n_mels: number of bands.
        fmin: where the lowest band starts, in Hz.
        fmax: where the highest ends, in Hz; None: at half the sample rate.
    """
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(sample_rate / 2 if fmax is None else fmax), n_mels + 2))
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    matrix = (np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def mel_db(audio, sample_rate, n_fft=1024, hop_length=256, n_mels=64):
    """Mel spectrogram of one clip in decibels of power.

    Args:
        audio: float ``[samples]`` or ``[samples, channels]``; the power of several channels is averaged.
        sample_rate: in Hz.
        n_fft: window length in samples.
        hop_length: samples between frames.
        n_mels: number of bands.

    Returns:
        float32 ``[frames, n_mels]``: ``10 log10(max(power, 1e-10))``, never below -100 dB.
    """
    audio = np.asarray(audio, np.float32)
    channels = audio.reshape(len(audio), -1).T
    power = np.mean([power_spectrogram(channel, n_fft, hop_length) for channel in channels], axis=0)
    mel = power @ mel_filters(sample_rate, n_fft, n_mels)
    return np.maximum(10.0 * np.log10(np.maximum(mel, 1e-12)), _FLOOR_DB)


def window_length(sample_rate):
    """The first power of two of 45 ms or more: fine enough for 96 mel bands at any rate, in samples."""
    return _power_of_two(0.045 * sample_rate)


def _power_of_two(n):
    return 1 << (math.ceil(n) - 1).bit_length()


def spectrogram_rgb(audio, sample_rate, height=96, max_width=512, top_db=70.0, peak_db=None):
    """A picture of one clip's mel spectrogram, low frequencies at the bottom, without drawing a figure.

    Args:
        audio: float ``[samples]`` or ``[samples, channels]``.
        sample_rate: in Hz.
        height: pixels, one mel band each.
        max_width: pixels; the hop is chosen as the shortest of 64 samples or more that stays within it.
        top_db: decibels from the brightest colour to the darkest.
        peak_db: the level of the brightest colour; None takes the clip's own loudest cell, and never less than
            -30 dB, so that silence is black. Give clips that are compared the same number.

    Returns:
        uint8 ``[height, width, 3]``, for PNG files and TensorBoard images.
    """
    from matplotlib import colormaps

    hop = max(64, -(-len(audio) // (max_width - 1)))
    level = mel_db(audio, sample_rate, max(window_length(sample_rate), _power_of_two(hop)), hop, height).T[::-1]
    peak = max(level.max(), -30.0) if peak_db is None else peak_db
    return colormaps["magma"]((level - peak) / top_db + 1.0, bytes=True)[..., :3]


def png_bytes(rgb):
    """Encode uint8 ``[height, width, 3]`` as the bytes of a PNG file, with the standard library alone."""
    rgb = np.asarray(rgb, np.uint8)
    height, width, _ = rgb.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = rgb.reshape(height, -1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
