"""A bounded store of decoded sounds."""

import threading
from collections import OrderedDict

import numpy as np


class Cache:
    """Keeps the sounds used last, never more than `megabytes`; safe to use from several threads.

    A sound is kept as 16-bit integers where that loses nothing (a 16-bit file at its own rate), else as float32.

    Args:
        megabytes: the limit, in units of 2**20 bytes; 0 keeps nothing.
    """

    def __init__(self, megabytes):
        self.limit, self.bytes = int(megabytes * 2**20), 0
        self._lock, self._items = threading.Lock(), OrderedDict()

    def get(self, key, start, count):
        """Samples `start ... start + count` of a sound as float32, or None if it is not here."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            samples = self._items[key][start : start + count]
        return samples.astype(np.float32) / 32768 if samples.dtype == np.int16 else samples.copy()

    def put(self, key, samples):
        """Keeps float32 `samples` under `key`, and drops the oldest sounds beyond the limit."""
        if samples.nbytes // 2 > self.limit:
            return
        packed = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
        if not np.array_equal(packed.astype(np.float32) / 32768, samples):
            packed = samples
        if packed.nbytes > self.limit:
            return
        with self._lock:
            if key in self._items:
                return
            self._items[key] = packed
            self.bytes += packed.nbytes
            while self.bytes > self.limit:
                self.bytes -= self._items.popitem(last=False)[1].nbytes
