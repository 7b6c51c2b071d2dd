"""Grouped convolution in time that is fast where the backend's own is not (Keras on a CPU sends it through XLA)."""

import keras
import numpy as np
from keras import ops

from tf_audio_gan.device import constant

NARROW, BLOCKS = 16, 16  # input channels below which a convolution wastes the machine; convolutions in one layer


@keras.saving.register_keras_serializable("tf_audio_gan")
class GroupedConv1D(keras.layers.Layer):
    """Convolution in `groups` independent groups of channels, as a few dense convolutions of block-diagonal kernels.

    Neighbouring groups are merged until a block has 16 input channels and there are at most 16 blocks. The zeros in the
    kernels cost less than narrow products or patches: at kernel 41, stride 4 and 4 channels a group, forwards and
    backwards on a CPU, blocks took a quarter to a half of the time of patches with one batched product, or of shifted
    products added up, for 4 to 64 groups, and about as long for 256; the input is copied once at most. Compare
    benchmarks/grouped_conv.py. The kernel variable has Keras's shape (kernel_size, in / groups, filters), groups in
    order.

    Args:
        filters: output channels; a multiple of `groups`.
        kernel_size: taps.
        strides: steps in time between outputs.
        groups: divides the input's channels and `filters`.
        padding: zeros put on each side, in steps (PyTorch's meaning; Keras's "same" differs when strides > 1).
        use_bias: add a bias.
        kernel_initializer, bias_initializer: as in `keras.layers.Conv1D`.
    """

    def __init__(
        self, filters, kernel_size, strides=1, groups=1, padding=0, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        sizes = {"filters": filters, "kernel_size": kernel_size, "strides": strides, "groups": groups}
        wrong = {k: v for k, v in sizes.items() if not isinstance(v, int) or v < 1}
        if wrong or filters % groups or not isinstance(padding, int) or padding < 0:
            raise ValueError(
                "filters, kernel_size, strides and groups must be whole numbers from 1, filters a multiple of groups, "
                f"padding a number of steps from 0. Received: {sizes | {'padding': padding}}"
            )
        self.filters, self.kernel_size, self.strides, self.groups = filters, kernel_size, strides, groups
        self.padding, self.use_bias = padding, use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        """Of [batch, time, channels]: the kernel, and the mask that makes blocks of it diagonal.

        Raises:
            ValueError: `groups` does not divide the channels.
        """
        channels = input_shape[-1]
        if channels % self.groups:
            raise ValueError(f"groups={self.groups} must divide the input's channels. Received: {channels} channels")
        width = channels // self.groups
        self.kernel = self.add_weight(
            shape=(self.kernel_size, width, self.filters), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name="bias")
        self.merged = merged_groups(self.groups, width)
        row, column = np.arange(self.merged * width) // width, np.arange(self.filters) // (self.filters // self.groups)
        self._mask = (row[:, None] == column[None] % self.merged).astype("float32")
        self.built = True

    def call(self, x):
        """[batch, time, channels] -> [batch, (time + 2 padding - kernel_size) // strides + 1, filters]."""
        x = ops.pad(x, ((0, 0), (self.padding, self.padding), (0, 0))) if self.padding else x
        kernel, blocks = ops.convert_to_tensor(self.kernel), self.groups // self.merged
        if self.merged > 1:
            kernel = ops.tile(kernel, (1, self.merged, 1)) * ops.cast(constant(self._mask), kernel.dtype)
        parts = zip(ops.split(x, blocks, axis=-1), ops.split(kernel, blocks, axis=-1), strict=True)
        y = [ops.conv(part, weights, strides=self.strides, padding="valid") for part, weights in parts]
        y = ops.concatenate(y, axis=-1) if blocks > 1 else y[0]
        return y + ops.cast(self.bias, y.dtype) if self.use_bias else y

    def compute_output_shape(self, input_shape):
        batch, time, _ = input_shape
        if time is not None:
            time = (time + 2 * self.padding - self.kernel_size) // self.strides + 1
        return batch, time, self.filters

    def get_config(self):
        names = ("filters", "kernel_size", "strides", "groups", "padding", "use_bias")
        draws = ("kernel_initializer", "bias_initializer")
        written = {name: keras.initializers.serialize(getattr(self, name)) for name in draws}
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, **written}


def merged_groups(groups, width):
    """How many neighbouring groups of `width` input channels share a dense convolution: a divisor of `groups`."""
    wanted = max(-(-NARROW // width), -(-groups // BLOCKS))
    return next((m for m in range(min(wanted, groups), groups) if groups % m == 0), groups)
