"""The one place where Keras backends differ: gradients, random draws, replicas. TensorFlow and PyTorch can train.

Random numbers are counter-based (Threefry-2x32, 20 rounds; Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"): the same (seed, step, salt) gives the same numbers on every device and backend, in an exported graph, after a
resume, and however many replicas share a batch. TensorFlow draws them in the graph. PyTorch runs a step call by call,
so there the host counts the steps and draws, and the device is handed the numbers: a thousand launches less for each.
"""

import contextlib
import math
import zlib

import keras
import numpy as np
from keras import ops

from tf_audio_gan import device
from tf_audio_gan.device import device_memory_mb as device_memory_mb
from tf_audio_gan.device import device_name as device_name
from tf_audio_gan.device import float32_arithmetic as float32_arithmetic
from tf_audio_gan.device import numbers_made_there as numbers_made_there
from tf_audio_gan.threefry import threefry, threefry_on_host, unit

_SEEDED, _NOISE = 0x5EED, 0x2015E  # second counter words of the draws that a sound's own seed makes


def _on_torch():
    return keras.backend.backend() == "torch"


def require_tensorflow(what):
    """Raises RuntimeError unless Keras runs on TensorFlow; `what` (a plural noun phrase) needs it."""
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"{what} need the TensorFlow backend. Received: KERAS_BACKEND={keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow before the program starts."
        )


def require_training():
    """Raises RuntimeError unless Keras runs on a backend that can train here."""
    if keras.backend.backend() not in ("tensorflow", "torch"):
        raise RuntimeError(
            "training needs the TensorFlow or the PyTorch backend. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow or KERAS_BACKEND=torch before the program starts."
        )


def version():
    """Name and version of the library under Keras, e.g. ("tensorflow", "2.21.0")."""
    name = keras.backend.backend()
    return name, __import__(name).__version__


@contextlib.contextmanager
def no_gradients():
    """Within it (or in a function decorated with `no_gradients()`) only `gradients` records what it needs."""
    if not _on_torch():
        yield
        return
    import torch

    with torch.no_grad():
        yield


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
        function: takes nothing, returns (scalar loss, dict of tensors).
        variables: list of Keras variables.

    Returns:
        (list of gradients in the order of `variables`, `function`'s second value).
    """
    require_training()
    values = [v.value for v in variables]
    if _on_torch():
        import torch

        with torch.enable_grad():
            loss, rest = function()
        return torch.autograd.grad(loss, values, allow_unused=True), {k: v.detach() for k, v in rest.items()}
    import tensorflow as tf

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
    require_training()
    x = ops.convert_to_tensor(x)
    if _on_torch():
        import torch

        x = x if x.requires_grad else x.detach().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(function(x), x, create_graph=True)[0]
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def pullback(function, variables):
    """A tensor, and how its gradients carry over to the variables it was made from.

    So one forward pass of a generator serves the discriminator's update and, after it, the generator's own.

    Args:
        function: takes nothing, returns a tensor.
        variables: list of Keras variables.

    Returns:
        (the tensor, without its history; gradient of a scalar with respect to it -> list of gradients with respect to
        `variables`, to be called once).
    """
    require_training()
    values = [v.value for v in variables]
    if _on_torch():
        import torch

        with torch.enable_grad():
            y = function()
        return y.detach(), lambda slope: torch.autograd.grad(y, values, slope, allow_unused=True)
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        y = function()
    return y, lambda slope: tape.gradient(y, values, output_gradients=slope)


def gradient_at(function, x):
    """Gradient of a scalar with respect to a tensor.

    Args:
        function: x -> (scalar loss, dict of tensors).
        x: float tensor of any shape.

    Returns:
        (gradient of x's shape, `function`'s second value).
    """
    require_training()
    if _on_torch():
        import torch

        x = x.detach().requires_grad_()
        with torch.enable_grad():
            loss, rest = function(x)
        return torch.autograd.grad(loss, x)[0], {k: v.detach() for k, v in rest.items()}
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        loss, rest = function(x)
    return tape.gradient(loss, x), rest


def compiled(function):
    """A function of tensors, made fast where the backend can: one graph for all lengths of axes 0 and 1.

    Args:
        function: tensors -> tensor, in keras.ops.

    Returns:
        A function of arrays that returns a numpy array.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        graph = tf.function(function, autograph=False, reduce_retracing=True)

        def call(*arrays):
            shapes = [[None] * min(2, x.ndim) + list(x.shape[2:]) for x in arrays]
            loose = [tf.TensorSpec(shape, x.dtype) for shape, x in zip(shapes, arrays, strict=True)]
            return graph.get_concrete_function(*loose)(*[tf.constant(x) for x in arrays]).numpy()

        return call
    return no_gradients()(lambda *arrays: ops.convert_to_numpy(function(*map(ops.convert_to_tensor, arrays))))


def conv_in_time(x, kernel, bias, dilation, padding):
    """Convolution in time, stride 1, with a bias, forwards only: on TensorFlow one operation, dilated or not.

    Args:
        x: [batch, time, channels].
        kernel: [taps, channels, filters], tensor or variable.
        bias: [filters], or None.
        dilation: steps between taps.
        padding: "same" or "valid".

    Returns:
        [batch, time or less, filters], of the kernel's dtype.
    """
    kernel = ops.convert_to_tensor(kernel)
    x, bias = ops.cast(x, kernel.dtype), None if bias is None else ops.cast(bias, kernel.dtype)
    if keras.backend.backend() != "tensorflow":
        y = ops.conv(x, kernel, 1, padding, "channels_last", dilation)
        return y if bias is None else y + bias
    import tensorflow as tf

    y = tf.nn.conv2d(x[:, None], kernel[None], 1, padding.upper(), dilations=[1, dilation])
    return (y if bias is None else tf.nn.bias_add(y, bias))[:, 0]


def compiled_action(function):
    """A function without arguments or results that assigns to variables, made fast where the backend can: one graph."""
    if keras.backend.backend() != "tensorflow":
        return no_gradients()(function)
    import tensorflow as tf

    def act():
        function()

    return tf.function(act, autograph=False)


def apply_gradients(optimizer, gradients, variables):
    """One update by a Keras optimizer; keeps the host's count of its steps (see `steps_taken`)."""
    counted = _on_torch() and steps_taken(optimizer)
    with numbers_made_there():
        optimizer.apply(list(gradients), variables)
    if _on_torch():
        _remember_steps(optimizer, counted + 1)


def steps_taken(optimizer):
    """How many updates an optimizer has made: an int64 tensor in the graph, on PyTorch an integer.

    PyTorch would have to wait for the device to read its counter at every step. So the host counts along, and reads
    the counter only when something else has written to it: a restored checkpoint, an assignment.
    """
    if not _on_torch():
        return ops.cast(optimizer.iterations, "int64")
    version, count = getattr(optimizer, "_steps_on_host", (None, 0))
    if version != _version_of(optimizer):
        count = int(optimizer.iterations.value)
        _remember_steps(optimizer, count)
    return count


def _remember_steps(optimizer, count):
    object.__setattr__(optimizer, "_steps_on_host", (_version_of(optimizer), count))


def _version_of(optimizer):
    value = optimizer.iterations.value
    return id(value), value._version


def early_decay(decay, step):
    """A moving average's decay, shorter at the start: min(decay, (1 + step) / (10 + step)), step as `steps_taken`."""
    if isinstance(step, int):
        return min(decay, (1 + step) / (10 + step))
    t = ops.cast(step, "float32")
    return ops.minimum(decay, (1 + t) / (10 + t))


def replicas():
    """(this replica's number from 0, how many replicas train in step)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            return context.replica_id_in_sync_group, context.num_replicas_in_sync
    return 0, 1


def mean_of_replicas(value):
    """The mean of a scalar over all replicas, the same on each of them."""
    if replicas()[1] == 1:
        return value
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def update_mean(mean, value):
    """Takes a scalar tensor into a `keras.metrics.Mean`; on PyTorch without its copy of the number 1 to the device."""
    if not _on_torch():
        mean.update_state(value)
        return
    mean.total.value.add_(value)
    mean.count.value.add_(1)


def whole(variable):
    """A variable of one whole number as a Python int, also where it is mirrored on several devices."""
    return int(ops.convert_to_numpy(variable))


def as_log(value):
    """A scalar in the shape in which `train_step` may return it: Keras averages over axis 0 between machines.

    Without an axis, `fit` ends there with "Invalid reduction dimension 0" (keras#20585).
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.get_strategy().extended._in_multi_worker_mode():
            return ops.reshape(value, (1,))
    return value


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


def seeded_uniform(seeds, size):
    """A row of uniform numbers for every seed, always the same for the same seed.

    Args:
        seeds: int tensor [batch], any int64 value.
        size: how many numbers a row holds.

    Returns:
        float32 [batch, size] in [0, 1), multiples of 2**-24.
    """
    seeds = ops.cast(seeds, "int64")[:, None]
    index = ops.arange((size + 1) // 2, dtype="int64")[None, :]
    words = threefry((seeds, ops.right_shift(seeds, ops.cast(32, "int64"))), (index, _SEEDED))
    both = ops.stack(words, axis=-1)  # interleaved
    return unit(ops.reshape(both, (ops.shape(both)[0], both.shape[1] * 2)))[:, :size]


def seeded_normal(seeds, first, count):
    """Standard normal numbers for every seed, each named by its place: a stretch of an endless row.

    Args:
        seeds: int tensor [batch], any int64 value.
        first: place of the first number, an integer or int64 scalar, or int64 [batch].
        count: how many, an integer or scalar.

    Returns:
        float32 [batch, count]; within 5.8, as 24 bits allow (Box-Muller).
    """
    seeds = ops.cast(seeds, "int64")[:, None]
    index = ops.reshape(ops.cast(first, "int64"), (-1, 1)) + ops.arange(count, dtype="int64")[None, :]
    words = threefry((seeds, ops.right_shift(seeds, ops.cast(32, "int64"))), (index, _NOISE))
    return _normal(*(unit(word) for word in words))


def _normal(a, b):
    return ops.sqrt(-2.0 * ops.log(1.0 - a)) * ops.cos(2.0 * math.pi * b)


class Draws:
    """Random numbers named by (seed, step, salt): the same names, the same numbers.

    Args:
        seed: integer, the model's.
        step: integer or integer tensor, the training step (`steps_taken`).
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

    def normal(self, shape):
        """As `uniform`, standard normal: float32 `shape`, within 5.8."""
        return _normal(self.fold("radius").uniform(shape), self.fold("angle").uniform(shape))

    def shared_uniform(self, shape):
        """The same numbers on every replica: float32 `shape` in [0, 1)."""
        return self._numbers(0, shape)

    def shared_integer(self, low, high):
        """A whole number in [low, high), the same on every replica: an int32 tensor, on PyTorch an integer."""
        if _on_torch():
            word, _ = threefry_on_host(self._key(), (0, int(self.step)))
            return int(unit(word) * (high - low)) + low
        return ops.cast(ops.floor(self.shared_uniform(()) * (high - low)), "int32") + low

    def _numbers(self, first, shape):
        count = 1
        for n in shape:
            count = count * n
        if _on_torch():
            words, _ = threefry_on_host(self._key(), (first + np.arange(count), int(self.step)))
            return device.sent(unit(words).reshape(shape))
        index = ops.cast(first, "int64") + ops.arange(count, dtype="int64")
        words, _ = threefry(self._key(), (index, self.step))
        return ops.reshape(unit(words), shape)

    def _key(self):
        return self.seed, zlib.crc32(repr(self.salt).encode())
