"""Sounds as a Keras data set that needs no TensorFlow."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import keras

from tf_audio_gan import device
from tf_audio_gan.data.resident import SHARE, on_device


class Batches(keras.utils.PyDataset):
    """An endless row of batches for `fit`; batch k is `sounds.batch(start_step + k, batch_size)`.

    The same batches, bit for bit, as the tf.data pipeline of `dataset`. Give `fit` a `steps_per_epoch`. On PyTorch with
    a GPU they are tensors there: cut out of the sounds on the GPU if those fit (`device_share`), else copied while the
    GPU computes.

    Args:
        sounds: `Sounds`.
        batch_size: examples in a batch.
        start_step: the first step, so that a resumed run continues where it stopped.
        labels: also give the labels.
        prefetch: batches made ahead, in threads.
        device_share: of the GPU's free memory that the sounds may take, 0 to 1; 0: they stay on the host.

    Attributes:
        note: where the sounds lie, a line for people; empty without a GPU.

    Raises:
        ValueError: a batch size below 1, a negative step, a share out of range, or labels of sounds that have none.
    """

    def __init__(self, sounds, batch_size, *, start_step=0, labels=False, prefetch=4, device_share=SHARE):
        super().__init__()
        sounds.check_batches(batch_size, start_step, labels)
        self.sounds, self.batch_size, self.start_step = sounds, batch_size, start_step
        self.labels, self.prefetch = labels, prefetch
        self._resident, self.note = on_device(sounds, device_share)
        self._accelerated = device.free_memory() is not None
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="batches")
        self._next, self._ahead = 0, deque()

    @property
    def num_batches(self):
        """None: without an end."""
        return None

    def __getitem__(self, index):
        """Float32 `[batch_size, length, channels]` in [-1, 1], or a pair of that and int32 `[batch_size]`."""
        if index != self._next:  # asked out of order: nothing made ahead is of use
            self._ahead.clear()
        while len(self._ahead) <= self.prefetch:
            step = self.start_step + index + len(self._ahead)
            self._ahead.append(self._pool.submit(self._prepare, step))
        self._next = index + 1
        audio, labels = self._finish(self._ahead.popleft().result())
        return (audio, labels) if self.labels else (audio,)

    def _prepare(self, step):
        """What a thread can do ahead of a batch."""
        if self._resident:
            return self._resident.choose(step, self.batch_size)
        batch = self.sounds.batch(step, self.batch_size)
        return tuple(map(device.packed, batch)) if self._accelerated else batch

    def _finish(self, prepared):
        """The rest, which queues work on the accelerator."""
        if self._resident:
            return self._resident.cut(*prepared)
        return tuple(map(device.arrived, prepared)) if self._accelerated else prepared
