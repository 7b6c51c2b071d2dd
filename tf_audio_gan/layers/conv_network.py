"""The base of networks that are made of convolutions with or without weight normalisation."""

import keras

from tf_audio_gan.layers.inference_conv import InferenceConv1D
from tf_audio_gan.layers.initial_weights import initial_weights
from tf_audio_gan.layers.weight_norm import WeightNorm, fold


class ConvNetwork(keras.Model):
    """A network whose weighted layers have names: `convs` maps each to its layer, in the order they were added.

    A subclass calls `add_conv` in its constructor, sets `config` (its constructor's keywords, `weight_norm` among them)
    and `built`.

    Args:
        weight_norm: wrap every layer in `WeightNorm`. Without it the network is for inference: its Conv1D are
            `InferenceConv1D`.
        init: see `initial_weights`.
        seed: of the initial weights.
    """

    def __init__(self, *, weight_norm, init, seed, **kwargs):
        super().__init__(**kwargs)
        self._weight_norm, self._init, self._seed = weight_norm, init, seed
        self.convs, self.config = {}, {}

    def add_conv(self, name, kind, channels, filters, kernel_size, *, fan_in=None, **keywords):
        """Makes and builds one layer.

        Args:
            name: in `convs`, and the layer's own.
            kind: class: Conv1D, Conv2D, Conv1DTranspose, GroupedConv1D.
            channels: of its input.
            filters: channels of its output.
            kernel_size: taps.
            fan_in: see `initial_weights`; None: channels x kernel_size.
            keywords: for `kind`.
        """
        seed = self._seed * 1000 + len(self.convs)
        weights = initial_weights(self._init, fan_in or channels * kernel_size, seed)
        if kind is keras.layers.Conv1D and not self._weight_norm and keywords.get("strides", 1) == 1:
            kind = InferenceConv1D
        layer = kind(filters, kernel_size, name=name, **{**weights, **keywords})
        layer = WeightNorm(layer) if self._weight_norm else layer
        layer.build((None,) * (3 if kind is keras.layers.Conv2D else 2) + (channels,))
        self.convs[name] = layer

    def folded(self):
        """This network without weight normalisation: plain layers that compute the same, for inference and export."""
        return fold(self, type(self)(**{**self.config, "weight_norm": False}))

    def get_config(self):
        return {"name": self.name, **self.config}
