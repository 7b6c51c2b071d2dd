"""Weight normalisation (Salimans and Kingma, 2016, arXiv 1602.07868): kernel = g x v / ||v||."""

import keras
from keras import ops

from tf_audio_gan.device import at_least


def normalised(v, g):
    """The kernel g x v / ||v||, the norm over all axes but the last.

    Args:
        v: kernel in Keras's layout, float tensor or array of any rank from 1.
        g: gains [v.shape[-1]].

    Returns:
        Tensor of v's shape.
    """
    v, g = ops.convert_to_tensor(v), ops.convert_to_tensor(g)
    square = ops.sum(ops.square(v), axis=tuple(range(len(v.shape) - 1)))
    return v * (g * ops.rsqrt(at_least(square, 1e-12)))


@keras.saving.register_keras_serializable("tf_audio_gan")
class WeightNorm(keras.layers.Wrapper):
    """Gives a layer a kernel of separate direction and length: g x v / ||v||, made anew at every call.

    v is the wrapped layer's own kernel variable, g (one gain for each index of its last axis) starts as ||v||, so
    wrapping does not change what a fresh layer computes. The last axis is the output channel, and of a transposed
    convolution, whose kernel is (time, out, in), the INPUT channel: PyTorch's axis 0 in both cases. The kernel is
    computed in float32 whatever the layer computes in. Nothing depends on data. `fold` removes the wrapper.

    Args:
        layer: one with a variable `kernel`: Conv1D, Conv2D, Conv1DTranspose, Dense, GroupedConv1D, ...
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, autocast=False, **{"name": layer.name, "dtype": layer.dtype_policy, **kwargs})

    def build(self, input_shape):
        super().build(input_shape)
        v = getattr(self.layer, "kernel", None)
        if not isinstance(v, keras.Variable):
            raise ValueError(f"weight normalisation needs a layer with a variable `kernel`. Received: {self.layer}")
        norm = ops.sqrt(ops.sum(ops.square(v), axis=tuple(range(len(v.shape) - 1))))
        self.g = self.add_weight(shape=(v.shape[-1],), initializer=lambda shape, dtype: ops.cast(norm, dtype), name="g")
        self.built = True

    @property
    def kernel(self):
        """The kernel that the layer is called with, a tensor."""
        return normalised(self.layer.kernel.value, self.g.value)

    def set_kernel(self, kernel):
        """Sets v = kernel and g = its norm, so that the layer is called with `kernel` (in Keras's layout)."""
        self.layer.kernel.assign(kernel)
        self.g.assign(ops.sqrt(ops.sum(ops.square(kernel), axis=tuple(range(len(kernel.shape) - 1)))))

    def call(self, x):
        with keras.StatelessScope(state_mapping=[(self.layer.kernel, self.kernel)]):
            return self.layer(x)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


def fold(network, plain):
    """Copies a weight-normalised network into one of plain layers, for inference and export.

    Args:
        network: has a dict `convs` of its layers, wrapped in `WeightNorm` or not.
        plain: the same network built without weight normalisation.

    Returns:
        `plain`, which computes the same.
    """
    for name, layer in network.convs.items():
        target = plain.convs[name]
        target.kernel.assign(layer.kernel)
        if target.use_bias:
            target.bias.assign(getattr(layer, "layer", layer).bias)
    return plain
