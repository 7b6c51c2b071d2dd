"""Circular shifts in time: what leaves a signal at one end comes in at the other."""

from keras import ops


def circular_shift(x, shift, radius):
    """Shifts a batch in time by one whole number of steps.

    Args:
        x: [batch, time, channels]; time at least `radius`.
        shift: integer, or integer scalar tensor, in [-radius, radius]; positive shifts to the right.
        radius: the largest shift; static, so that the output's shape is too.

    Returns:
        [batch, time, channels]: out[:, i] = x[:, (i - shift) mod time].
    """
    padded = ops.concatenate([x[:, -radius:], x, x[:, :radius]], axis=1)
    return ops.slice(padded, (0, radius - shift, 0), (ops.shape(x)[0], *x.shape[1:]))


def random_shift(x, draws, radius):
    """Shifts a batch by 1 to `radius` steps, never 0, to the left or to the right: one draw for the whole batch.

    Args:
        x: [batch, time, channels].
        draws: `backend.Draws`; all replicas shift alike.
        radius: the largest shift, from 1.

    Returns:
        [batch, time, channels].
    """
    side = 2 * draws.fold("side").shared_integer(0, 2) - 1
    return circular_shift(x, side * draws.fold("steps").shared_integer(1, radius + 1), radius)
