"""SpecGAN's pictures of sounds: log-magnitude spectrograms with every bin normalised, and sounds made from them.

Donahue et al. 2019, section 3.1: periodic Hann windows that overlap by half, zeros after the end, the natural logarithm
of magnitude + 1e-6, minus each bin's mean, over three of its standard deviations, clipped, without the highest bin.
"""

import numpy as np
from keras import ops

from tf_audio_gan.audio.spectral import griffin_lim, magnitude, stft
from tf_audio_gan.device import numbers_made_there

FLOOR = 1e-6  # added to magnitudes, unless another is asked for
CLIP = 3.0  # standard deviations that become 1
_CONSTANT = 1e-6  # a smaller standard deviation is of a bin that never changes
SYNTHESIS_WINDOWS = {
    "dual": {"padding": "end", "synthesis": "dual"},
    "hann": {"padding": "none", "synthesis": "window"},
}


def log_magnitudes(audio, n_fft=256, floor=FLOOR):
    """Natural logarithms of magnitudes + floor.

    Args:
        audio: float [batch, samples, 1].
        n_fft: FFT and window length in samples, even; frames are half of it apart.
        floor: magnitudes far below it count as silence.

    Returns:
        float32 [batch, ceil(samples / (n_fft / 2)), n_fft / 2 + 1].
    """
    spectrum = stft(ops.squeeze(audio, -1), n_fft, n_fft // 2, padding="end")
    return ops.log(magnitude(spectrum) + floor)


def normalise(values, mean, std):
    """Log-magnitudes [batch, frames, bins + 1] -> picture [batch, frames, bins, 1] in [-1, 1], the top bin dropped."""
    scaled = ops.divide(ops.subtract(values, mean), CLIP * std)
    with numbers_made_there():
        return ops.clip(scaled[:, :, :-1, None], -1.0, 1.0)


def denormalise(picture, mean, std, floor=FLOOR):
    """Picture [batch, frames, bins, 1] -> magnitudes [batch, frames, bins + 1]; those of the top bin are its mean's."""
    scaled = ops.pad(ops.squeeze(picture, -1), ((0, 0), (0, 0), (0, 1)))
    return ops.relu(ops.exp(ops.add(ops.multiply(scaled, CLIP * std), mean)) - floor)


def to_audio(magnitudes, iterations=16, synthesis_window="dual"):
    """Sounds whose magnitudes are near the given ones, by Griffin-Lim from phase 0.

    Args:
        magnitudes: float [batch, frames, n_fft / 2 + 1].
        iterations: of Griffin-Lim.
        synthesis_window: "dual", which gives a sound back; or "hann", what the authors' code does: frames windowed
            twice and not normalised, so that loudness swings by up to 6 dB with every frame.

    Returns:
        float32 [batch, frames * n_fft / 2, 1], in [-1, 1]: a sound beyond is made quieter as a whole.
    """
    if synthesis_window not in SYNTHESIS_WINDOWS:
        known = ", ".join(SYNTHESIS_WINDOWS)
        raise ValueError(f"synthesis_window must be one of {known}. Received: synthesis_window={synthesis_window!r}")
    hop, options = magnitudes.shape[-1] - 1, SYNTHESIS_WINDOWS[synthesis_window]
    audio = griffin_lim(magnitudes, 2 * hop, hop, iterations=iterations, **options)
    audio = audio[:, : ops.shape(magnitudes)[1] * hop, None]
    return audio / ops.maximum(ops.max(ops.abs(audio), axis=1, keepdims=True), 1.0)


class Moments:
    """Mean and standard deviation of columns in one pass and flat memory (Chan, Golub and LeVeque 1979), in float64.

    Attributes:
        count: rows so far.
        mean: float64 [columns].
    """

    def __init__(self, columns):
        self.count, self.mean, self._squares = 0, np.zeros(columns), np.zeros(columns)

    def update(self, rows):
        """Takes in [..., columns]."""
        rows = np.asarray(rows, "float64").reshape(-1, len(self.mean))
        count, total = len(rows), self.count + len(rows)
        if not count:
            return
        mean = rows.mean(axis=0)
        apart = mean - self.mean
        self._squares += np.square(rows - mean).sum(axis=0) + np.square(apart) * (self.count * count / total)
        self.mean, self.count = self.mean + apart * (count / total), total

    @property
    def std(self):
        """float64 [columns]: of the population; 1 for a column that never changes, so that one can divide by it."""
        found = np.sqrt(self._squares / max(1, self.count))
        return np.where(found > _CONSTANT, found, 1.0)
