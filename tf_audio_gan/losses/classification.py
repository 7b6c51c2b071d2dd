"""Losses of classifiers with labels that may be soft: a share for each class."""

from keras import ops


def cross_entropy(labels, logits):
    """Mean over the batch of -sum_c labels_c ln softmax(logits)_c, in nats.

    Args:
        labels: float [batch, classes], each row adding up to 1.
        logits: float [batch, classes].

    Returns:
        Scalar, at least 0; ln(classes) of guesses that are all the same.
    """
    return -ops.mean(ops.sum(ops.multiply(labels, ops.log_softmax(ops.cast(logits, "float32"), axis=-1)), axis=-1))


def accuracy(labels, logits):
    """Share of rows whose largest logit is that of the largest label, 0 to 1; arguments as of `cross_entropy`."""
    return ops.mean(ops.cast(ops.argmax(labels, axis=-1) == ops.argmax(logits, axis=-1), "float32"))
