"""The one place where Keras backends differ: gradients, random draws, replicas.

Random numbers are counter-based (Threefry-2x32, 20 rounds; Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3") and written in `keras.ops`: the same (seed, step, salt) gives the same numbers on every device, in an exported
graph, after a resume, and however many replicas share a batch.
"""

import contextlib
import functools
import zlib

import keras
from keras import ops

_MASK = 0xFFFFFFFF
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_SEEDED = 0x5EED  # second counter word of the draws that a sound's own seed makes


def require_tensorflow(what):
    """Raises RuntimeError unless Keras runs on TensorFlow; `what` (a plural noun phrase) needs it."""
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"{what} need the TensorFlow backend. Received: KERAS_BACKEND={keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow before the program starts."
        )


@contextlib.contextmanager
def dtype_policy(name):
    """Layers made inside compute by the Keras dtype policy `name` ("float32", "mixed_bfloat16")."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def gradients(function, variables):
    """Gradients of a scalar with respect to variables.

    Args:
        function: takes nothing, returns (scalar loss, anything else).
        variables: list of Keras variables.

    Returns:
        (list of gradients in the order of `variables`, `function`'s second value).
    """
    require_tensorflow("training steps")
    import tensorflow as tf

    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, rest = function()
    return tape.gradient(loss, values), rest


def input_gradient(function, x):
    """Gradient of a scalar function with respect to its input, itself differentiable.

    Args:
        function: x -> scalar tensor.
        x: float tensor of any shape.

    Returns:
        Tensor of x's shape.
    """
    require_tensorflow("gradient penalties")
    import tensorflow as tf

    x = ops.convert_to_tensor(x)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def replicas():
    """(this replica's number from 0, how many replicas train in step)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            return context.replica_id_in_sync_group, context.num_replicas_in_sync
    return 0, 1


def assign(variables, values):
    """Assigns `values` to `variables`, on every replica: what a training step may do to variables no optimizer owns.

    Under several replicas the values must be equal on all of them (they are: made from synchronised variables).
    """
    if replicas()[1] == 1:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return
    import tensorflow as tf

    def merge(strategy, values):
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable.value, lambda v, x: v.assign(x), args=(value,))

    tf.distribute.get_replica_context().merge_call(merge, args=(list(values),))


def threefry(key, counter):
    """Threefry-2x32, 20 rounds.

    Args:
        key: pair of integers or int64 tensors below 2**32, broadcast against the counter.
        counter: pair of the same.

    Returns:
        Pair of int64 tensors in [0, 2**32), uniform and independent for distinct (key, counter).
    """
    words = [_word(x) for x in (*key, *counter)]
    if keras.backend.backend() == "tensorflow":
        return _threefry_function()(*words)
    return _threefry_rounds(*words)


def _threefry_rounds(k0, k1, x0, x1):
    keys = (k0, k1, _xor(_xor(k0, k1), _int64(0x1BD11BDA)))
    x0, x1 = _add(x0, k0), _add(x1, k1)
    for group in range(5):
        for rotation in _ROTATIONS[:4] if group % 2 == 0 else _ROTATIONS[4:]:
            x0 = _add(x0, x1)
            x1 = _xor(_rotate(x1, rotation), x0)
        x0 = _add(x0, keys[(group + 1) % 3])
        x1 = _add(_add(x1, keys[(group + 2) % 3]), _int64(group + 1))
    return x0, x1


@functools.cache
def _threefry_function():
    """The rounds as one graph function, called and not inlined: a step draws often, and its graph stays small."""
    import tensorflow as tf

    return tf.function(_threefry_rounds, experimental_attributes={"_noinline": True})


def seeded_uniform(seeds, size):
    """A row of uniform numbers for every seed, always the same for the same seed.

    Args:
        seeds: int tensor [batch], any int64 value.
        size: how many numbers a row holds.

    Returns:
        float32 [batch, size] in [0, 1), multiples of 2**-24.
    """
    seeds = ops.cast(seeds, "int64")[:, None]
    key = (_word(seeds), _word(ops.right_shift(seeds, _int64(32))))
    index = ops.arange((size + 1) // 2, dtype="int64")[None, :]
    return _to_unit(threefry(key, (index, _SEEDED)))[:, :size]


class Draws:
    """Random numbers named by (seed, step, salt): the same names, the same numbers.

    Args:
        seed: integer, the model's.
        step: integer or integer tensor, the training step.
        salt: what the draw is for: a tuple of strings and integers.
    """

    def __init__(self, seed, step, salt=()):
        self.seed, self.step, self.salt = seed, step, salt

    def fold(self, *salt):
        """Draws for a purpose within this one, independent of it."""
        return Draws(self.seed, self.step, (*self.salt, *salt))

    def uniform(self, shape):
        """This replica's rows of a draw for the whole batch: float32 `shape` in [0, 1), shape[0] rows per replica."""
        row_size = 1
        for n in shape[1:]:
            row_size *= n
        first_row = replicas()[0] * shape[0]
        return self._numbers(first_row * row_size, shape)

    def shared_uniform(self, shape):
        """The same numbers on every replica: float32 `shape` in [0, 1)."""
        return self._numbers(0, shape)

    def _numbers(self, first, shape):
        count = 1
        for n in shape:
            count = count * n
        index = ops.cast(first, "int64") + ops.arange(count, dtype="int64")
        key = (self.seed, zlib.crc32(repr(self.salt).encode()))
        words, _ = threefry(key, (index, self.step))
        return ops.reshape(_unit(words), shape)


def _int64(x):
    return ops.cast(x, "int64")


def _word(x):
    return ops.bitwise_and(_int64(x), _int64(_MASK))


def _xor(a, b):
    return ops.bitwise_xor(a, b)


def _add(a, b):
    return ops.bitwise_and(a + b, _int64(_MASK))


def _rotate(x, n):
    return ops.bitwise_or(_word(ops.left_shift(x, _int64(n))), ops.right_shift(x, _int64(32 - n)))


def _unit(words):
    return ops.cast(ops.right_shift(words, _int64(8)), "float32") * 2.0**-24


def _to_unit(pair):
    """Two word tensors [batch, n] -> float32 [batch, 2n], interleaved."""
    x = ops.stack(pair, axis=-1)
    return _unit(ops.reshape(x, (ops.shape(x)[0], x.shape[1] * 2)))
