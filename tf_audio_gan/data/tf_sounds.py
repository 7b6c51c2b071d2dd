"""Sounds as a tf.data pipeline."""

import numpy as np

from tf_audio_gan import backend


def dataset(sounds, batch_size, *, start_step=0, labels=False, prefetch=4, rows=None):
    """An endless pipeline of batches; element k is `sounds.batch(start_step + k, batch_size)`.

    Args:
        sounds: `Sounds`.
        batch_size: examples in a batch.
        start_step: the first step, so that a resumed run continues where it stopped.
        labels: also give the labels.
        prefetch: steps whose examples are made ahead.
        rows: integers [n, m], for n replicas: element k then holds the examples rows[k % n] of step
            start_step + k // n, and those of no other.

    Returns:
        A `tf.data.Dataset` of float32 `[batch_size, length, channels]` in [-1, 1], or of pairs of that and int32
        `[batch_size]`; of m examples instead of `batch_size` with `rows`. `Batches` is the same without TensorFlow.

    Raises:
        RuntimeError: another backend than TensorFlow.
        ValueError: a batch size below 1, a negative step, or labels of sounds that have none.
    """
    backend.require_tensorflow("tf.data pipelines")
    import tensorflow as tf

    sounds.check_batches(batch_size, start_step, labels)

    rows = np.arange(batch_size)[None] if rows is None else np.asarray(rows)
    parts, size = rows.shape

    def read(k):
        return sounds.batch(int(k) // parts, batch_size, rows[k % parts])

    def load(k):
        audio, numbers = tf.numpy_function(read, [k], [tf.float32, tf.int32], stateful=False)
        audio.set_shape((size, sounds.length, sounds.channels))
        numbers.set_shape((size,))
        return (audio, numbers) if labels else audio

    elements = tf.data.Dataset.range(start_step * parts, np.iinfo(np.int64).max)
    options = tf.data.Options()
    options.autotune.enabled = False  # it has nothing to tune, and an iterator's end waits for it, up to a minute
    ahead = elements.map(load, num_parallel_calls=4, deterministic=True).prefetch(prefetch * parts)
    return ahead.with_options(options)
