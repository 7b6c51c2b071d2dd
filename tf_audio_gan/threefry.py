"""Threefry-2x32 with 20 rounds: random words by key and counter, in the graph and on the host.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". One set of rounds over two sets of bit operations:
both give the same numbers.
"""

import functools
import operator
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops

_MASK = 0xFFFFFFFF
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_GRAPH = SimpleNamespace(
    int64=lambda x: ops.cast(x, "int64"), and_=ops.bitwise_and, or_=ops.bitwise_or, xor=ops.bitwise_xor,
    left=ops.left_shift, right=ops.right_shift,
)  # fmt: skip
_HOST = SimpleNamespace(
    int64=lambda x: x, and_=operator.and_, or_=operator.or_, xor=operator.xor, left=operator.lshift,
    right=operator.rshift,
)  # fmt: skip


def threefry(key, counter):
    """Random words for keys and counters.

    Args:
        key: pair of integers or int64 tensors, of which the lower 32 bits count; broadcast against the counter.
        counter: pair of the same.

    Returns:
        Pair of int64 tensors in [0, 2**32), uniform and independent for distinct (key, counter).
    """
    words = [_word(x, _GRAPH) for x in (*key, *counter)]
    return _graph_function()(*words) if keras.backend.backend() == "tensorflow" else _rounds(*words)


def threefry_on_host(key, counter):
    """As `threefry`, of Python integers and int64 numpy arrays: a pair of the same."""
    return _rounds(*(_word(x, _HOST) for x in (*key, *counter)), bits=_HOST)


def unit(words):
    """Words as float32 in [0, 1), multiples of 2**-24; numpy for numpy arrays and Python integers."""
    if isinstance(words, int | np.ndarray):
        return np.float32(words >> 8) * np.float32(2.0**-24)
    return ops.cast(ops.right_shift(words, _GRAPH.int64(8)), "float32") * 2.0**-24


@functools.cache
def _graph_function():
    """The rounds as one graph function, called and not inlined: a step draws often, and its graph stays small."""
    import tensorflow as tf

    return tf.function(lambda *words: _rounds(*words), autograph=False, experimental_attributes={"_noinline": True})


def _rounds(k0, k1, x0, x1, bits=_GRAPH):
    def add(a, b):
        return bits.and_(a + b, bits.int64(_MASK))

    def rotate(x, n):
        return bits.or_(_word(bits.left(x, bits.int64(n)), bits), bits.right(x, bits.int64(32 - n)))

    keys = (k0, k1, bits.xor(bits.xor(k0, k1), bits.int64(0x1BD11BDA)))
    x0, x1 = add(x0, k0), add(x1, k1)
    for group in range(5):
        for rotation in _ROTATIONS[:4] if group % 2 == 0 else _ROTATIONS[4:]:
            x0 = add(x0, x1)
            x1 = bits.xor(rotate(x1, rotation), x0)
        x0 = add(x0, keys[(group + 1) % 3])
        x1 = add(add(x1, keys[(group + 2) % 3]), bits.int64(group + 1))
    return x0, x1


def _word(x, bits):
    return bits.and_(bits.int64(x), bits.int64(_MASK))
