"""SpecGAN's generator and discriminator: WaveGAN's in two dimensions (Donahue et al. 2019, section 3.1)."""

import math

import keras
import numpy as np
from keras import layers, ops

from tf_audio_gan.audio import log_spectrogram
from tf_audio_gan.layers.phase_shuffle import PhaseShuffle

STRIDES = {128: (2, 2, 2, 2, 2), 256: (2, 2, 2, 2, 2, 2), 512: (4, 2, 2, 2, 2, 2)}
HALVINGS = 5  # layers that halve or double the number of bins: those nearest to the spectrogram
UPSAMPLING = ("zeros", "nearest")


def resolve_strides(frames, bins, strides=None):
    """The strides of a network and the map it starts from.

    Args:
        frames: of the spectrogram.
        bins: of the spectrogram.
        strides: in time, from the slowest layer to the spectrogram; None: those of 128, 256 or 512 frames.

    Returns:
        (tuple of (time, frequency) strides, (frames, bins) of the map); start x product of strides = (frames, bins).
        Frequency strides are 2 in the five last layers and 1 before.
    """
    if strides is None:
        if frames not in STRIDES:
            raise ValueError(
                f"{frames} frames have no strides of their own; {', '.join(map(str, STRIDES))} frames have. "
                "Give strides in time whose product divides them, e.g. strides=(2, 2, 2, 2, 2) for a multiple of 32."
            )
        strides = STRIDES[frames]
    strides = tuple(int(s) for s in strides)
    if not strides or min(strides) < 1 or frames < 1:
        raise ValueError(f"frames and every stride must be at least 1. Received: frames={frames}, strides={strides}")
    halved = [1] * max(0, len(strides) - HALVINGS) + [2] * min(len(strides), HALVINGS)
    for what, size, factors in (("frames", frames, strides), ("bins (n_fft / 2)", bins, halved)):
        product = math.prod(factors)
        if size % product:
            lower = size // product * product
            raise ValueError(
                f"{what} must be a multiple of {product}, the product of the strides {tuple(factors)}. "
                f"Received: {size}. Nearest: {lower or product}, {lower + product}."
            )
    return tuple(zip(strides, halved, strict=True)), (frames // math.prod(strides), bins // math.prod(halved))


def _glorot(seed, layer):
    return keras.initializers.GlorotUniform(seed=seed * 1000 + layer)


@keras.saving.register_keras_serializable("tf_audio_gan")
class BinMoments(layers.Layer):
    """Mean and standard deviation of every bin's log-magnitude in the training data; 0 and 1 until `assign`.

    Args:
        columns: bins, the highest included.
    """

    def __init__(self, columns, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.columns = columns
        self.build()

    def build(self, input_shape=None):
        each = {"shape": (self.columns,), "trainable": False, "autocast": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **each)
        self.std = self.add_weight(name="std", initializer="ones", **each)
        self.frames = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="frames")
        self.built = True

    def assign(self, mean, std, frames):
        """Sets both [columns], and of how many frames they are."""
        for variable, value in ((self.mean, mean), (self.std, std), (self.frames, frames)):
            variable.assign(np.asarray(value, variable.dtype))

    def normalise(self, values):
        """Log-magnitudes [batch, frames, columns] -> picture [batch, frames, columns - 1, 1] in [-1, 1]."""
        return log_spectrogram.normalise(values, ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.std))

    def denormalise(self, picture):
        """Picture [batch, frames, columns - 1, 1] -> magnitudes [batch, frames, columns]."""
        return log_spectrogram.denormalise(picture, ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.std))


@keras.saving.register_keras_serializable("tf_audio_gan", "SpecGANUpsample")
class Upsample(layers.Layer):
    """One generator layer: more frames and bins, by transposed convolution or by repetition and convolution.

    Args:
        filters: channels out.
        kernel_size: frames and bins of the kernel.
        strides: (time, frequency): how many times more.
        upsampling: "zeros" (transposed convolution) or "nearest" (repeat each value, then convolve).
        initializer: of the kernel.
    """

    def __init__(self, filters, kernel_size, strides, upsampling, initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.strides, self.upsampling = tuple(strides), upsampling
        kind = layers.Conv2DTranspose if upsampling == "zeros" else layers.Conv2D
        steps = {"strides": self.strides} if upsampling == "zeros" else {}
        self.conv = kind(
            filters,
            kernel_size,
            padding="same",
            kernel_initializer=initializer or "glorot_uniform",
            name="conv",
            **steps,
        )

    def build(self, input_shape):
        self.conv.build(input_shape if self.upsampling == "zeros" else _larger(input_shape, self.strides))
        self.built = True

    def call(self, x):
        """[batch, frames, bins, channels] -> [batch, frames x stride, bins x stride, filters]."""
        if self.upsampling == "nearest":
            for axis, stride in enumerate(self.strides, 1):
                x = ops.repeat(x, stride, axis=axis) if stride > 1 else x
        return self.conv(x)


def _larger(shape, strides):
    return (shape[0], shape[1] * strides[0], shape[2] * strides[1], shape[3])


@keras.saving.register_keras_serializable("tf_audio_gan", "SpecGANGenerator")
class Generator(keras.Model):
    """Latents to normalised spectrograms: a dense layer, then one upsampling layer a stride; ReLU between, tanh last.

    Args:
        frames: of the spectrogram; start x product of strides.
        bins: of the spectrogram, without the highest.
        latent_dim: numbers in a latent vector.
        dim: model size d; the widest layer has d x 2^(layers - 1) channels.
        kernel_size: frames and bins of every kernel.
        strides: see `resolve_strides`.
        upsampling: "zeros" (the paper's) or "nearest".
        batch_norm: normalise after the dense layer and every upsampling layer but the last (linear, norm, ReLU).
        seed: of the initial weights (Glorot uniform, as TensorFlow 1's layers).

    Attributes:
        moments: `BinMoments`, not trained: without them no spectrogram is a sound, so they are where its weights are.
    """

    def __init__(
        self, frames=128, bins=128, latent_dim=100, dim=64, kernel_size=5, strides=None, upsampling="zeros",
        batch_norm=False, seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling must be one of {', '.join(UPSAMPLING)}. Received: upsampling={upsampling!r}")
        self.strides, self.start = resolve_strides(frames, bins, strides)
        self.latent_dim, self.width = latent_dim, dim * 2 ** (len(self.strides) - 1)
        self.moments = BinMoments(bins + 1, name="moments")
        units = math.prod(self.start) * self.width
        self.project = layers.Dense(units, kernel_initializer=_glorot(seed, 0), name="project")
        self.ups, self.norms = [], []
        for i, stride in enumerate(self.strides):
            filters = 1 if i == len(self.strides) - 1 else self.width // 2 ** (i + 1)
            self.ups.append(Upsample(filters, kernel_size, stride, upsampling, _glorot(seed, i + 1), name=f"up_{i}"))
            if batch_norm:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
        self.build((None, latent_dim))

    def build(self, input_shape):
        self.project.build(input_shape)
        shape = (None, *self.start, self.width)
        for i, up in enumerate(self.ups):
            if self.norms:
                self.norms[i].build(shape)
            up.build(shape)
            shape = (*_larger(shape, up.strides)[:3], up.conv.filters)
        self.built = True

    def call(self, latents, training=False):
        """Latents [batch, latent_dim] in [-1, 1] -> normalised spectrograms [batch, frames, bins, 1] in [-1, 1]."""
        x = ops.reshape(self.project(latents), (-1, *self.start, self.width))
        for i, up in enumerate(self.ups):
            x = self.norms[i](x, training=training) if self.norms else x
            x = up(ops.relu(x))
        return ops.tanh(ops.cast(x, "float32"))


@keras.saving.register_keras_serializable("tf_audio_gan", "SpecGANDiscriminator")
class Discriminator(keras.Model):
    """Spectrograms to one logit: strided convolutions (LeakyReLU 0.2, phase shuffle after the first four), one dense.

    Args:
        frames, bins, dim, kernel_size, strides: as the generator's; the strides are used in reverse order.
        batch_norm: normalise after every convolution but the first, always with the batch's own statistics.
        phase_shuffle: radius of the phase shuffle in time; 0: none, as in the paper's best.
        phase_shuffle_mode: "batch", "example" or "channel" (`PhaseShuffle`).
        seed: of the initial weights.
    """

    def __init__(
        self, frames=128, bins=128, dim=64, kernel_size=5, strides=None, batch_norm=False, phase_shuffle=0,
        phase_shuffle_mode="batch", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.strides = resolve_strides(frames, bins, strides)[0][::-1]
        self.convs, self.norms, self.shuffles = [], [], []
        for i, stride in enumerate(self.strides):
            conv = layers.Conv2D(
                dim * 2**i, kernel_size, stride, "same", kernel_initializer=_glorot(seed, 500 + i), name=f"down_{i}"
            )
            self.convs.append(conv)
            if batch_norm and i:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
            if i < 4 and i < len(self.strides) - 1:
                self.shuffles.append(PhaseShuffle(phase_shuffle, phase_shuffle_mode, name=f"shuffle_{i}"))
        logit = {"kernel_initializer": _glorot(seed, 599), "dtype": "float32"}  # whatever the other layers compute in
        self.logit = layers.Dense(1, name="logit", **logit)
        self.build((None, frames, bins, 1))

    def build(self, input_shape):
        shape = input_shape
        for i, conv in enumerate(self.convs):
            conv.build(shape)
            time, frequency = self.strides[i]
            shape = (None, shape[1] // time, shape[2] // frequency, conv.filters)
            if self.norms and i:
                self.norms[i - 1].build(shape)
            if i < len(self.shuffles):
                self.shuffles[i].build(shape)
        self.logit.build((None, math.prod(shape[1:])))
        self.built = True

    def call(self, spectrograms, draws=None):
        """Normalised spectrograms [batch, frames, bins, 1] -> ([logits [batch]], [list of feature maps]), one scale.

        `draws` (`backend.Draws`) moves the phase shuffle; without it nothing is shuffled.
        """
        x, features = spectrograms, []
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[i - 1](x, training=True) if self.norms and i else x
            x = ops.leaky_relu(x, 0.2)
            features.append(x)
            if draws is not None and i < len(self.shuffles):
                x = self.shuffles[i](x, draws=draws.fold("shuffle", i))
        logits = self.logit(ops.reshape(x, (-1, math.prod(x.shape[1:]))))
        return [ops.cast(logits[:, 0], "float32")], [features]
