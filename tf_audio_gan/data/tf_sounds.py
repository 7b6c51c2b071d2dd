"""Sounds as a tf.data pipeline."""

import numpy as np
import tensorflow as tf


def dataset(sounds, batch_size, *, start_step=0, labels=False, prefetch=4):
    """An endless pipeline of batches; element k is `sounds.batch(start_step + k, batch_size)`.

    Args:
        sounds: `Sounds`.
        batch_size: examples in a batch.
        start_step: the first step, so that a resumed run continues where it stopped.
        labels: also give the labels.
        prefetch: batches made ahead.

    Returns:
        A `tf.data.Dataset` of float32 `[batch_size, length, channels]` in [-1, 1], or of pairs of that and int32
        `[batch_size]`.

    Raises:
        ValueError: a batch size below 1, a negative step, or labels of sounds that have none.
    """
    if batch_size < 1 or start_step < 0:
        raise ValueError(
            f"batch_size must be at least 1 and start_step at least 0; received {batch_size}, {start_step}"
        )
    if labels and not sounds.label_names:
        raise ValueError(f"{sounds.path} has no labels; make Sounds with labels='folder', 'prefix' or a CSV table")

    def load(step):
        audio, numbers = tf.numpy_function(
            lambda k: sounds.batch(int(k), batch_size), [step], [tf.float32, tf.int32], stateful=False
        )
        audio.set_shape((batch_size, sounds.length, sounds.channels))
        numbers.set_shape((batch_size,))
        return (audio, numbers) if labels else audio

    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    return steps.map(load, num_parallel_calls=4, deterministic=True).prefetch(prefetch)
