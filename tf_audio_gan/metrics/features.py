"""Features of clips for the metrics of sets: from audio to one row of numbers a clip, without a trained network.

Windows and hops are durations, so that a feature means the same at every sample rate: the power of two nearest (in
ratio) to the duration.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tf_audio_gan.metrics.spectral import FLOOR_DB, log_mel

_EXACT_PCA = 4096  # rows that principal components are computed from, at most
_BLOCK = 2**18  # samples of clips that are transformed at once
_AUDIBLE_DB = -70.0  # of a full-scale sine, as FLOOR_DB is


def frame_lengths(sample_rate, window_seconds=0.064, overlap=4):
    """Window and hop in samples: a power of two, and an `overlap`-th of it; 1024 and 256 at 16 kHz."""
    n_fft = 1 << round(math.log2(window_seconds * sample_rate))
    return n_fft, n_fft // overlap


def mel_statistics(audio, sample_rate, n_mels=64):
    """Mean and standard deviation over time of each clip's log-mel bands: the features of FD-mel and KD-mel.

    `log_mel` with a 64 ms window (1024 at 16 kHz) and a hop of a quarter, cut off at -40 dB of it: silence counts as
    silence, whether it is of zeros or of the faintest noise.

    Args:
        audio: float ``[clips, samples, channels]``.
        sample_rate: in Hz.
        n_mels: bands from 0 Hz to half the sample rate.

    Returns:
        float64 ``[clips, 2 n_mels]`` in dB: the means, then the population standard deviations.
    """
    n_fft, hop = frame_lengths(sample_rate)

    def rows(clips):
        mel = np.maximum(log_mel(clips, sample_rate, n_fft, hop, n_mels), FLOOR_DB).astype(np.float64)
        return np.concatenate([mel.mean(axis=1), mel.std(axis=1)], axis=1)

    return _in_blocks(audio, rows)


def neighbour_features(audio, sample_rate, n_mels=128, floor=1e-6, scale=32768.0):
    """The flattened log-mel spectrogram of WaveGAN's nearest-neighbour distances (abs-D).

    At 16 kHz, as published: STFT of 2048 samples every 128, from the first sample on and padded with zeros at the end,
    Hann window; magnitudes into 128 HTK mel triangles from 40 to 7800 Hz without normalisation; ``ln(mel + 1e-6)`` of
    audio on the scale of 16-bit integers. So 16384 samples give 16384 numbers. At other rates the window is the power
    of two nearest to 128 ms, the hop a sixteenth of it, and the top is 0.4875 of the sample rate.

    Samples are rounded to whole numbers of that scale, as in the 16-bit files that the published distances were
    measured on.

    Args:
        audio: float ``[clips, samples, channels]`` in [-1, 1]; the power of several channels is averaged.
        sample_rate: in Hz.
        n_mels: bands.
        floor: added before the logarithm. The published one lies 14 nats under 1: where a clip ends in digital silence
            and another in the faintest noise, most of their distance is between the two silences, and a copy with
            noise of -80 dB is as far as a new sound. ``"audible"`` is 70 dB below a full-scale sine.
        scale: what full scale becomes.

    Returns:
        float32 ``[clips, frames * n_mels]``, in nats.

    Raises:
        ValueError: for another rank, no clips or NaN.
    """
    n_fft, hop = frame_lengths(sample_rate, 0.128, 16)
    filters = htk_mel_filters(sample_rate, n_fft, n_mels, 40.0, 0.4875 * sample_rate)
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    if floor == "audible":
        floor = scale * n_fft / 4 * 10 ** (_AUDIBLE_DB / 20)

    def rows(clips):
        whole = np.clip(np.rint(clips.transpose(0, 2, 1) * scale), -scale, scale - 1).astype(np.float32)
        frames = -(-whole.shape[2] // hop)
        padded = np.pad(whole, ((0, 0), (0, 0), (0, (frames - 1) * hop + n_fft - whole.shape[2])))
        framed = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=2)[:, :, ::hop]
        spectrum = np.fft.rfft(framed * window)
        magnitude = np.sqrt(np.mean(spectrum.real**2 + spectrum.imag**2, axis=1)).astype(np.float32)
        return np.log(magnitude @ filters + np.float32(floor)).reshape(len(clips), -1)

    return _in_blocks(audio, rows)


def ndb_features(audio, sample_rate, n_mels=32, steps=32):
    """Log-mel spectrograms pooled over time, flattened, for `Pca` and then `ndb`.

    As `mel_statistics` in window, hop and the cut at -40 dB; the frames are averaged within at most `steps` equal
    stretches. GANSynth's NDB takes whole log-spectrograms; k-means sees the same kinds of sound in far fewer numbers.

    Args:
        audio: float ``[clips, samples, channels]``.
        sample_rate: in Hz.
        n_mels: bands from 0 Hz to half the sample rate.
        steps: stretches of time.

    Returns:
        float32 ``[clips, min(steps, frames) * n_mels]`` in dB.
    """
    n_fft, hop = frame_lengths(sample_rate)

    def rows(clips):
        mel = np.maximum(log_mel(clips, sample_rate, n_fft, hop, n_mels), FLOOR_DB)
        parts = np.array_split(mel, min(steps, mel.shape[1]), axis=1)
        return np.concatenate([part.mean(axis=1) for part in parts], axis=1)

    return _in_blocks(audio, rows)


@dataclass(frozen=True)
class Pca:
    """Principal components of reference features, to which both sets are reduced.

    Attributes:
        mean: float64 ``[dim]``.
        components: float64 ``[kept, dim]``, orthonormal, of falling variance.
        explained: share of the reference's variance that they keep.
    """

    mean: np.ndarray
    components: np.ndarray
    explained: float

    @classmethod
    def fit(cls, features, dims=50, *, seed=0):
        """The first `dims` components of features ``[n, dim]``, or fewer where there are fewer.

        Of more than 4096 rows, 4096 drawn with `seed` are used.
        """
        rows = np.asarray(features)
        if len(rows) > _EXACT_PCA:
            rows = rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:_EXACT_PCA])]
        rows = rows.astype(np.float64)
        mean = rows.mean(axis=0)
        variances, components = _principal(rows - mean)
        kept = min(dims, int(np.count_nonzero(variances > 1e-12 * variances.sum())) or 1)
        explained = variances[:kept].sum() / variances.sum() if variances.sum() > 0 else 1.0
        return cls(mean, components[:kept], float(explained))

    def transform(self, features):
        """Features ``[n, dim]`` in the components: float64 ``[n, kept]``."""
        return np.asarray(features, np.float64) @ self.components.T - self.mean @ self.components.T


@lru_cache(maxsize=8)
def htk_mel_filters(sample_rate, n_fft, n_mels, fmin, fmax):
    """HTK mel triangles without normalisation, straight in mel: those of ``tf.signal.linear_to_mel_weight_matrix``.

    Args:
        sample_rate: in Hz.
        n_fft: FFT length in samples.
        n_mels: bands.
        fmin: lowest edge in Hz.
        fmax: highest edge in Hz.

    Returns:
        float32 ``[n_fft // 2 + 1, n_mels]``; the first row (0 Hz) is zero.
    """
    bins = _htk_mel(np.linspace(0, sample_rate / 2, n_fft // 2 + 1))[:, None]
    edges = np.linspace(_htk_mel(fmin), _htk_mel(fmax), n_mels + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    matrix[0] = 0
    matrix.setflags(write=False)
    return matrix


def _htk_mel(hz):
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


def _principal(centred):
    """Variances and components ``[min(n, dim), dim]``, by the smaller of the two products."""
    n, dim = centred.shape
    values, vectors = np.linalg.eigh(centred @ centred.T if n < dim else centred.T @ centred)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    components = vectors.T
    if n < dim:
        components = components @ centred / np.sqrt(np.maximum(values, 1e-300))[:, None]
    return values / n, components


def _in_blocks(audio, rows):
    """`rows` of the clips, a few at a time: memory beyond the result does not grow with their number."""
    audio = np.asarray(audio)
    if audio.ndim != 3 or not audio.size:
        raise ValueError(f"audio has shape {audio.shape}; expected [clips, samples, channels], none of them 0")
    step = max(1, _BLOCK // (audio.shape[1] * audio.shape[2]))
    result = None
    for start in range(0, len(audio), step):
        block = audio[start : start + step]
        if not np.isfinite(block).all():
            bad = start + np.flatnonzero(~np.isfinite(block).all(axis=(1, 2)))
            raise ValueError(
                f"clips {bad[:8].tolist()} hold NaN or infinite samples; expected finite numbers in [-1, 1]"
            )
        part = rows(block)
        if result is None:
            result = np.empty((len(audio), part.shape[1]), part.dtype)
        result[start : start + step] = part
    return result
