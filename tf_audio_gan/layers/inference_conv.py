"""A convolution in time for inference: what it computes is `keras.layers.Conv1D`'s, faster on a CPU."""

import keras

from tf_audio_gan import backend


@keras.saving.register_keras_serializable("tf_audio_gan")
class InferenceConv1D(keras.layers.Conv1D):
    """`keras.layers.Conv1D` of stride 1 without groups or activation, for forward passes; same weights, same results.

    On TensorFlow, Keras sends a dilated convolution through SpaceToBatchND, which copies input and output, and adds the
    bias in an operation that is not fused with the convolution. Here both are one: on a CPU, a tenth off whole
    vocoders, and exports to other formats hold it as a dilated convolution. Its gradient needs oneDNN on a CPU, so
    training keeps Keras's own layer.

    Raises:
        ValueError: strides, groups, an activation, or padding "causal".
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        plain = self.groups == 1 and tuple(self.strides) == (1,) and self.padding in ("same", "valid")
        if not plain or self.data_format != "channels_last" or self.activation is not keras.activations.linear:
            raise ValueError(
                "an InferenceConv1D has strides 1, groups 1, padding same or valid, channels last and no activation; "
                f"use keras.layers.Conv1D. Received: strides={self.strides}, groups={self.groups}, "
                f"padding={self.padding!r}, data_format={self.data_format!r}, activation={self.activation}"
            )

    def call(self, inputs):
        bias = self.bias if self.use_bias else None
        return backend.conv_in_time(inputs, self.kernel, bias, self.dilation_rate[0], self.padding)
