"""How much the examples of a batch differ, as one more channel (Karras et al. 2018, section 3)."""

from keras import ops

_EPSILON = 1e-6


def minibatch_stddev(x):
    """Appends a constant channel: the mean over all places and channels of the standard deviation over the batch.

    Over the whole batch, without groups; on several replicas over each one's own examples.

    Args:
        x: float [batch, height, width, channels].

    Returns:
        [batch, height, width, channels + 1]. A batch of one example gets sqrt(1e-6).
    """
    x = ops.convert_to_tensor(x)
    variance = ops.mean(ops.square(x - ops.mean(x, axis=0, keepdims=True)), axis=0)
    spread = ops.mean(ops.sqrt(variance + _EPSILON))
    channel = ops.broadcast_to(ops.reshape(spread, (1, 1, 1, 1)), (*ops.shape(x)[:-1], 1))
    return ops.concatenate([x, channel], axis=-1)
