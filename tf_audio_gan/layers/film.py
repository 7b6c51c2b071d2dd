"""FiLM: a class scales and shifts every channel (Perez et al. 2018, "FiLM", eq. 2)."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("tf_audio_gan")
class FiLM(layers.Layer):
    """h (1 + s_y) + b_y, with a learned scale and shift of each channel for each class; soft labels mix them.

    Args:
        channels: of the map.
        classes: how many.
        initializer: of scales and shifts.
    """

    def __init__(self, channels, classes, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.channels, self.classes = channels, classes
        self.table = layers.Dense(2 * channels, use_bias=False, kernel_initializer=initializer, name="table")
        self.table.build((None, classes))
        self.built = True

    def call(self, x, labels):
        """Map [batch, ..., channels], labels [batch, classes] -> the same map, modulated."""
        both = ops.reshape(self.table(labels), (-1, *[1] * (len(x.shape) - 2), 2 * self.channels))
        return x * (1 + both[..., : self.channels]) + both[..., self.channels :]

    def compute_output_shape(self, input_shape, labels_shape=None):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "classes": self.classes}
