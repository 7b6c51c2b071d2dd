"""Which example comes when: a pure function of the seed and the example's number."""

import threading

import numpy as np


class Draws:
    """Draws slots without replacement: each pass over the data is a fresh permutation.

    Example number n is slot `n % slots` of pass `n // slots`. Where a batch reaches over the end of a pass, the next
    pass puts off the slots that this batch already holds, so the examples of a batch are distinct whenever there are
    as many slots as examples. Only raw Philox bits are used, which no numpy release may change.

    Args:
        slots: the number of slots, at least 1.
        seed: 0 ... 2**64 - 1.
    """

    def __init__(self, slots, seed):
        self.slots, self.seed = slots, seed
        self._lock, self._passes = threading.Lock(), {}

    def fractions(self, first, count):
        """Uniform float64 in [0, 1), one for each of the examples `first ... first + count`."""
        bits = np.random.Philox(key=np.array([self.seed, 2**63], np.uint64), counter=first // 4)
        return (bits.random_raw(count + first % 4)[first % 4 :] >> np.uint64(11)) * 2.0**-53

    def own(self, example, count):
        """Uniform float64 in [0, 1), the first `count` of an endless row that is this example's own."""
        bits = np.random.Philox(key=np.array([self.seed, 2**63 + 1], np.uint64), counter=example << 32)
        return (bits.random_raw(count) >> np.uint64(11)) * 2.0**-53

    def batch(self, step, batch_size):
        """The slots of one batch, int64 `[batch_size]`."""
        first = step * batch_size
        numbers = np.arange(first, first + batch_size)
        out = np.empty(batch_size, np.int64)
        for number in range(first // self.slots, (first + batch_size - 1) // self.slots + 1):
            mine = numbers // self.slots == number
            out[mine] = self.order(number, batch_size)[numbers[mine] % self.slots]
        return out

    def order(self, number, batch_size):
        """The order of the slots in pass `number`, int64 `[slots]`, a permutation."""
        if self.slots < batch_size:
            return self._permutation(number)
        with self._lock:
            key = (number, batch_size)
            if key not in self._passes:
                self._passes[key] = self._chain(number, batch_size)
                while len(self._passes) > 4:
                    self._passes.pop(next(iter(self._passes)))
            return self._passes[key]

    def _chain(self, number, batch_size):
        """Puts off what the batch across the start of this pass already holds.

        That moves slots within the first `batch_size` places only, so with two batches in a pass the end of the pass
        before is known without its own past; in a smaller set the chain is followed from the nearest known pass.
        """
        if self.slots >= 2 * batch_size:
            begin, order = number, self._permutation(number - 1) if number else None
        else:
            known = [n for n, size in self._passes if size == batch_size and n < number]
            begin = max(known) + 1 if known else 0
            order = self._passes[begin - 1, batch_size] if known else None
        for current in range(begin, number + 1):
            previous, order = order, self._permutation(current)
            held = current * self.slots % batch_size
            if held:
                free = ~np.isin(order, previous[self.slots - held :])
                head = np.flatnonzero(free)[: batch_size - held]
                order = np.concatenate([order[head], np.delete(order, head)])
        return order

    def _permutation(self, number):
        bits = np.random.Philox(key=np.array([self.seed, number], np.uint64))
        return np.argsort(bits.random_raw(self.slots), kind="stable")
