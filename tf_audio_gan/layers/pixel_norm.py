"""Pixel normalisation (Karras et al. 2018, section 4.2)."""

from keras import ops

_EPSILON = 1e-8


def pixel_norm(x):
    """Every vector along the last axis over the root of its mean square: x / sqrt(mean(x^2) + 1e-8).

    Args:
        x: float [..., channels].

    Returns:
        The same shape; each vector then has a mean square of 1, or is 0.
    """
    x = ops.convert_to_tensor(x)
    return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + _EPSILON)
