"""Sounds as a tf.data pipeline."""

import numpy as np

from tf_audio_gan import backend


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
        `[batch_size]`. `Batches` is the same without TensorFlow.

    Raises:
        RuntimeError: another backend than TensorFlow.
        ValueError: a batch size below 1, a negative step, or labels of sounds that have none.
    """
    backend.require_tensorflow("tf.data pipelines")
    import tensorflow as tf

    sounds.check_batches(batch_size, start_step, labels)

    def load(step):
        audio, numbers = tf.numpy_function(
            lambda k: sounds.batch(int(k), batch_size), [step], [tf.float32, tf.int32], stateful=False
        )
        audio.set_shape((batch_size, sounds.length, sounds.channels))
        numbers.set_shape((batch_size,))
        return (audio, numbers) if labels else audio

    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    return steps.map(load, num_parallel_calls=4, deterministic=True).prefetch(prefetch)
