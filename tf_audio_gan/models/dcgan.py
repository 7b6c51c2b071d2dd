"""The networks that WaveGAN (in time) and SpecGAN (in time and frequency) are made of: DCGAN's, for maps of any rank.

Donahue, McAuley and Puckette 2019, tables 3 to 5. Where labels go in: Mirza and Osindero 2014 (concatenation), Miyato
and Koyama 2018 (projection), Perez et al. 2018 (FiLM), Odena et al. 2017 (auxiliary classifier).
"""

import math

import keras
from keras import layers, ops

from tf_audio_gan.layers.film import FiLM
from tf_audio_gan.layers.phase_shuffle import PhaseShuffle

UPSAMPLING = ("zeros", "nearest")
EMBEDDING = 4  # channels in which a discriminator that sees labels beside its input sees them
LABELS_BY = (None, "input", "projection", "auxiliary")
_CONVOLUTIONS = {1: (layers.Conv1D, layers.Conv1DTranspose), 2: (layers.Conv2D, layers.Conv2DTranspose)}


def glorot(seed, layer):
    """Glorot uniform, as TensorFlow 1's layers start (not DCGAN's normal); its own for each layer of a network."""
    return keras.initializers.GlorotUniform(seed=seed * 1000 + layer)


class Upsample(layers.Layer):
    """One generator layer: a larger map, by transposed convolution or by repetition and convolution.

    Args:
        filters: channels out.
        kernel_size: of the kernel, along every axis.
        strides: how many times larger the map is, a number for each axis.
        upsampling: "zeros" (transposed convolution) or "nearest" (repeat each value, then convolve).
        initializer: of the kernel.
    """

    def __init__(self, filters, kernel_size, strides, upsampling, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.strides, self.upsampling = tuple(strides), upsampling
        convolution, transposed = _CONVOLUTIONS[len(self.strides)]
        how = {"padding": "same", "kernel_initializer": initializer, "name": "conv"}
        if upsampling == "zeros":
            self.conv = transposed(filters, kernel_size, self.strides, **how)
        else:
            self.conv = convolution(filters, kernel_size, **how)

    def build(self, input_shape):
        self.conv.build(input_shape if self.upsampling == "zeros" else self._larger(input_shape))
        self.built = True

    def compute_output_shape(self, input_shape):
        return (*self._larger(input_shape)[:-1], self.conv.filters)

    def _larger(self, shape):
        sizes = (n * stride for n, stride in zip(shape[1:-1], self.strides, strict=True))
        return (shape[0], *sizes, shape[-1])

    def call(self, x):
        """[batch, sizes ..., channels] -> [batch, sizes x strides ..., filters]."""
        if self.upsampling == "nearest":
            for axis, stride in enumerate(self.strides, 1):
                x = ops.repeat(x, stride, axis=axis) if stride > 1 else x
        return self.conv(x)


class Generator(keras.Model):
    """Latents to maps: a dense layer, then one upsampling layer a stride; ReLU between, tanh last.

    Args:
        start: sizes of the map after the dense layer.
        strides: tuples, from the slowest layer to the output.
        channels: of the output.
        latent_dim: numbers in a latent vector.
        dim: model size d; the widest layer has d x 2^(layers - 1) channels.
        kernel_size: of every kernel, along every axis.
        upsampling: "zeros" (the paper's) or "nearest".
        batch_norm: normalise after the dense layer and every upsampling layer but the last (linear, norm, ReLU).
        classes: how many there are labels for; 0: no labels.
        film: labels scale and shift every map (`FiLM`) instead of standing beside the latents.
        seed: of the initial weights.
    """

    def __init__(
        self, start, strides, *, channels, latent_dim, dim, kernel_size, upsampling, batch_norm, classes, film, seed,
        **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling must be one of {', '.join(UPSAMPLING)}. Received: upsampling={upsampling!r}")
        self.start, self.latent_dim, self.classes = start, latent_dim, classes
        self.width = dim * 2 ** (len(strides) - 1)
        self.project = layers.Dense(math.prod(start) * self.width, kernel_initializer=glorot(seed, 0), name="project")
        self.ups, self.norms, self.films = [], [], []
        for i, stride in enumerate(strides):
            filters = channels if i == len(strides) - 1 else self.width // 2 ** (i + 1)
            self.ups.append(Upsample(filters, kernel_size, stride, upsampling, glorot(seed, i + 1), name=f"up_{i}"))
            if batch_norm:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
            if film:
                self.films.append(FiLM(self.width // 2**i, classes, glorot(seed, 200 + i), name=f"film_{i}"))

    def build(self, input_shape=None):
        """Builds every layer; the shapes are the constructor's."""
        self.project.build((None, self.latent_dim + (0 if self.films else self.classes)))
        shape = (None, *self.start, self.width)
        for i, up in enumerate(self.ups):
            if self.norms:
                self.norms[i].build(shape)
            up.build(shape)
            shape = up.compute_output_shape(shape)
        self.built = True

    def call(self, latents, labels=None, training=False):
        """Latents [batch, latent_dim], labels [batch, classes] -> [batch, sizes ..., channels], float32 in [-1, 1]."""
        if self.classes and labels is None:
            raise ValueError(f"this generator takes labels [batch, {self.classes}] beside the latents; received none")
        x = latents
        if self.classes and not self.films:
            x = ops.concatenate([latents, ops.cast(labels, latents.dtype)], axis=-1)
        x = ops.reshape(self.project(x), (-1, *self.start, self.width))
        for i, up in enumerate(self.ups):
            x = self.norms[i](x, training=training) if self.norms else x
            x = self.films[i](x, labels) if self.films else x
            x = up(ops.relu(x))
        return ops.tanh(ops.cast(x, "float32"))


class Discriminator(keras.Model):
    """Maps to one logit: strided convolutions (LeakyReLU 0.2, phase shuffle after the first four), then a dense layer.

    Args:
        shape: of the input, (sizes ..., channels).
        strides: tuples, from the input to the slowest layer.
        dim, kernel_size: as the generator's.
        batch_norm: normalise after every convolution but the first, always with the batch's own statistics.
        phase_shuffle: radius of the phase shuffle; 0: none.
        phase_shuffle_mode: "batch", "example" or "channel" (`PhaseShuffle`).
        classes: how many there are labels for; 0: no labels.
        labels_by: None: it sees no labels; "input": beside its input, as channels that are constant in time;
            "projection": their product with the last map joins the logit; "auxiliary": it guesses them (`classify`).
        seed: of the initial weights.
    """

    def __init__(
        self, shape, strides, *, dim, kernel_size, batch_norm, phase_shuffle, phase_shuffle_mode, classes, labels_by,
        seed, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.shape, self.strides, self.classes, self.labels_by = tuple(shape), strides, classes, labels_by
        convolution = _CONVOLUTIONS[len(shape) - 1][0]
        self.convs, self.norms, self.shuffles = [], [], []
        for i, stride in enumerate(strides):
            how = {"padding": "same", "kernel_initializer": glorot(seed, 500 + i), "name": f"down_{i}"}
            self.convs.append(convolution(dim * 2**i, kernel_size, stride, **how))
            if batch_norm and i:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
            if i < 4 and i < len(strides) - 1:
                self.shuffles.append(PhaseShuffle(phase_shuffle, phase_shuffle_mode, name=f"shuffle_{i}"))
        exact = {"dtype": "float32"}  # whatever the other layers compute in
        self.logit = layers.Dense(1, kernel_initializer=glorot(seed, 599), name="logit", **exact)
        if labels_by == "input":
            self.embed = layers.Dense(EMBEDDING, use_bias=False, kernel_initializer=glorot(seed, 590), name="embed")
        elif labels_by == "projection":
            self.project = layers.EinsumDense(
                "bf,fc->bc", classes, kernel_initializer=glorot(seed, 591), name="project", **exact
            )
        elif labels_by == "auxiliary":
            self.head = layers.Dense(classes, kernel_initializer=glorot(seed, 592), name="head", **exact)

    def build(self, input_shape=None):
        """Builds every layer, for an input of the constructor's `shape`."""
        shape = (None, *self.shape)
        if self.labels_by == "input":
            self.embed.build((None, self.classes))
            shape = (*shape[:-1], shape[-1] + EMBEDDING)
        for i, conv in enumerate(self.convs):
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            if self.norms and i:
                self.norms[i - 1].build(shape)
            if i < len(self.shuffles):
                self.shuffles[i].build(shape)
        for layer in (getattr(self, name, None) for name in ("logit", "project", "head")):
            if layer is not None:
                layer.build((None, math.prod(shape[1:])))
        self.built = True

    def call(self, x, labels=None, draws=None):
        """[batch, sizes ..., channels], labels [batch, classes] -> ([logits [batch]], [list of feature maps]), a scale.

        `draws` (`backend.Draws`) moves the phase shuffle; without it nothing is shuffled.
        """
        if self.labels_by in ("input", "projection") and labels is None:
            raise ValueError(f"this discriminator takes labels [batch, {self.classes}] beside its input; received none")
        x, features = self._with_labels(x, labels) if self.labels_by == "input" else x, []
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[i - 1](x, training=True) if self.norms and i else x
            x = ops.leaky_relu(x, 0.2)
            features.append(x)
            if draws is not None and i < len(self.shuffles):
                x = self.shuffles[i](x, draws=draws.fold("shuffle", i))
        flat = _flat(x)
        logits = self.logit(flat)[:, 0]
        if self.labels_by == "projection":
            logits = logits + ops.sum(self.project(flat) * ops.cast(labels, "float32"), axis=-1)
        return [ops.cast(logits, "float32")], [features]

    def classify(self, features):
        """Logits [batch, classes] of the auxiliary head, from the feature maps of one scale."""
        return self.head(_flat(features[-1]))

    def _with_labels(self, x, labels):
        told = ops.reshape(self.embed(labels), (-1, *[1] * (len(x.shape) - 2), EMBEDDING))
        told = ops.broadcast_to(told, (ops.shape(x)[0], *x.shape[1:-1], EMBEDDING))
        return ops.concatenate([ops.cast(x, told.dtype), told], axis=-1)


def _flat(x):
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))
