"""Phases as their steps from frame to frame, and back. All angles are in half turns: 1 is pi.

The difference is wrapped once instead of unwrapping first, which is the same in exact arithmetic and does not lose bits
with every frame. Sums are taken in two parts, of which the larger is exact: keras.ops.cumsum has no float64 on PyTorch.
"""

from keras import ops

_COARSE = 1024  # parts of a half turn; their sums are exact in float32 up to 16384 half turns


def wrapped(angles):
    """Angles modulo a whole turn: in [-1, 1), or 1 where a positive angle comes to that (numpy.unwrap's rule)."""
    angles = ops.convert_to_tensor(angles)
    low = angles - 2.0 * ops.floor((angles + 1.0) / 2.0)
    return low + 2.0 * ops.cast(ops.logical_and(low == -1.0, angles > 0.0), low.dtype)


def instantaneous_frequency(phase):
    """Steps of the phase along time; the first frame keeps its phase.

    Args:
        phase: float [batch, frames, bins] in half turns, wrapped or not.

    Returns:
        The same shape: phase[0], then wrapped(phase[t] - phase[t - 1]).
    """
    return ops.concatenate([phase[:, :1], wrapped(phase[:, 1:] - phase[:, :-1])], axis=1)


def phase_of(frequency):
    """Inverse of `instantaneous_frequency`.

    Args:
        frequency: float [batch, frames, bins] in half turns a frame.

    Returns:
        float32, the same shape: the sums along time, in [-1, 1].
    """
    frequency = ops.cast(frequency, "float32")
    coarse = ops.round(frequency * _COARSE) / _COARSE
    return wrapped(wrapped(ops.cumsum(coarse, axis=1)) + ops.cumsum(frequency - coarse, axis=1))
