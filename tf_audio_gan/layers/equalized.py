"""Layers with an equalised learning rate: weights stored as N(0, 1), scaled when used (Karras et al. 2018, 4.1)."""

import math

import keras
from keras import layers, ops

RELU = math.sqrt(2.0)  # gain before a (leaky) ReLU
LINEAR = 1.0


@keras.saving.register_keras_serializable("tf_audio_gan")
class EqualizedConv2D(layers.Layer):
    """A convolution whose kernel is gain / sqrt(fan in) times what is stored; the bias is as stored, and starts at 0.

    Args:
        filters: channels out.
        kernel_size: (height, width).
        padding: "same"; "valid"; "whole": "valid" with a kernel as large as the input, which is one matrix product and
            gives [batch, filters]; or "grown": the transpose of that, from [batch, channels] to a map of the kernel's
            size, as a convolution of a single place amid (size - 1) zeros on every side (its kernel turned by half).
        gain: `RELU` or `LINEAR`.
        seed: of the initial kernel.
    """

    def __init__(self, filters, kernel_size, padding="same", gain=RELU, seed=None, **kwargs):
        super().__init__(**kwargs)
        if padding not in ("same", "valid", "whole", "grown"):
            raise ValueError(f"padding must be same, valid, whole or grown. Received: padding={padding!r}")
        self.filters, self.kernel_size, self.padding, self.gain = filters, tuple(kernel_size), padding, gain
        self.seed = seed

    def build(self, input_shape):
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.scale = self.gain / math.sqrt(math.prod(shape[:-1]))
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        self.kernel = self.add_weight(shape=shape, initializer=normal, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x):
        """[batch, height, width, channels] (of "grown": [batch, channels]) -> see `padding`."""
        kernel, bias = ops.convert_to_tensor(self.kernel) * self.scale, ops.convert_to_tensor(self.bias)
        if self.padding == "whole":
            return ops.einsum("bhwc,hwcf->bf", x, kernel) + bias
        if self.padding == "grown":
            return ops.einsum("bc,hwcf->bhwf", x, ops.flip(kernel, (0, 1))) + bias
        return ops.conv(x, kernel, 1, self.padding, "channels_last") + bias

    def get_config(self):
        names = ("filters", "kernel_size", "padding", "gain", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tf_audio_gan")
class EqualizedDense(layers.Layer):
    """A dense layer, likewise.

    Args:
        units: numbers out.
        gain: `RELU` or `LINEAR`.
        seed: of the initial kernel.
    """

    def __init__(self, units, gain=LINEAR, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.gain, self.seed = units, gain, seed

    def build(self, input_shape):
        self.scale = self.gain / math.sqrt(input_shape[-1])
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer=normal, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x):
        """[batch, numbers] -> [batch, units]."""
        return ops.matmul(x, ops.convert_to_tensor(self.kernel) * self.scale) + ops.convert_to_tensor(self.bias)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gain": self.gain, "seed": self.seed}
