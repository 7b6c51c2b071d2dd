"""The way between two latents on a sphere (Shoemake 1985)."""

from keras import ops

_STRAIGHT = 1e-4  # sine of the angle below which the circle is a line, or no circle at all


def slerp(a, b, weight):
    """Spherical interpolation: the angle is that of the directions, the weights are of the vectors as they are.

    Args:
        a: float [..., dim].
        b: float [..., dim]; at no angle to a, or opposite, the way is the straight line.
        weight: float that broadcasts to [..., 1]; 0: a, 1: b.
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    weight = ops.cast(weight, a.dtype)
    cosine = ops.sum(a * b, axis=-1, keepdims=True) / (_length(a) * _length(b))
    angle = ops.arccos(ops.clip(cosine, -1.0, 1.0))
    straight = ops.sin(angle) < _STRAIGHT
    sine = ops.where(straight, 1.0, ops.sin(angle))
    of_a = ops.where(straight, 1 - weight, ops.sin((1 - weight) * angle) / sine)
    return of_a * a + ops.where(straight, weight, ops.sin(weight * angle) / sine) * b


def _length(x):
    return ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-24))
