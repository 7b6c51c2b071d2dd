"""WaveGAN's generator and discriminator (Donahue et al. 2019, tables 3 and 4; the long ones are the code's, v2)."""

import math

import keras
from keras import layers, ops

from tf_audio_gan.layers.phase_shuffle import PhaseShuffle

STRIDES = {16384: (4, 4, 4, 4, 4), 32768: (4, 4, 4, 4, 4, 2), 65536: (4, 4, 4, 4, 4, 4)}
UPSAMPLING = ("zeros", "nearest")


def resolve_strides(length, strides=None):
    """The strides of a network and the time steps it starts from.

    Args:
        length: samples of the sound.
        strides: strides from the slowest layer to the audio; None: the published ones of 16384, 32768 or 65536.

    Returns:
        (tuple of strides, start) with start x product of strides = length.
    """
    if strides is None:
        if length not in STRIDES:
            raise ValueError(
                f"length={length} has no published strides; {', '.join(map(str, STRIDES))} samples have. "
                "Give strides whose product divides it, e.g. length=49152, strides=(4, 4, 4, 4, 4, 3)."
            )
        strides = STRIDES[length]
    strides = tuple(int(s) for s in strides)
    if not strides or min(strides) < 1 or length < 1:
        raise ValueError(f"length and every stride must be at least 1. Received: length={length}, strides={strides}")
    product = math.prod(strides)
    if length % product:
        lower = length // product * product
        raise ValueError(
            f"length must be start x product of strides. Received: length={length}, strides={strides} "
            f"(product {product}). Nearest lengths: {lower or product}, {lower + product}."
        )
    return strides, length // product


def _glorot(seed, layer):
    return keras.initializers.GlorotUniform(seed=seed * 1000 + layer)


@keras.saving.register_keras_serializable("tf_audio_gan")
class Upsample(layers.Layer):
    """One generator layer: `stride` times as many time steps, by transposed convolution or repetition and convolution.

    Args:
        filters: channels out.
        kernel_size: time steps of the kernel.
        stride: how many times longer the output is.
        upsampling: "zeros" (transposed convolution) or "nearest" (repeat each step, then convolve).
        seed: of the initial weights, an initializer.
    """

    def __init__(self, filters, kernel_size, stride, upsampling, initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.stride, self.upsampling = stride, upsampling
        kind = layers.Conv1DTranspose if upsampling == "zeros" else layers.Conv1D
        strides = {"strides": stride} if upsampling == "zeros" else {}
        self.conv = kind(
            filters,
            kernel_size,
            padding="same",
            kernel_initializer=initializer or "glorot_uniform",
            name="conv",
            **strides,
        )

    def build(self, input_shape):
        batch, time, channels = input_shape
        self.conv.build((batch, time if self.upsampling == "zeros" else time * self.stride, channels))
        self.built = True

    def call(self, x):
        """[batch, time, channels] -> [batch, time x stride, filters]."""
        return self.conv(x if self.upsampling == "zeros" else ops.repeat(x, self.stride, axis=1))


@keras.saving.register_keras_serializable("tf_audio_gan")
class Generator(keras.Model):
    """Latents to audio: a dense layer, then one upsampling layer a stride; ReLU between them, tanh at the end.

    Args:
        length: samples out; start x product of strides.
        channels: audio channels.
        latent_dim: numbers in a latent vector.
        dim: model size d; the widest layer has d x 2^(layers - 1) channels.
        kernel_size: time steps of every kernel.
        strides: see `resolve_strides`.
        upsampling: "zeros" (the paper's) or "nearest".
        batch_norm: normalise after the dense layer and every upsampling layer but the last (linear, norm, ReLU).
        post_filter: taps of a learned filter after tanh, one for each channel (the paper's used 512); 0: none. Its
            output may leave [-1, 1].
        seed: of the initial weights (Glorot uniform, as TensorFlow 1's layers; not DCGAN's normal).
    """

    def __init__(
        self, length=16384, channels=1, latent_dim=100, dim=64, kernel_size=25, strides=None, upsampling="zeros",
        batch_norm=False, post_filter=0, seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling must be one of {', '.join(UPSAMPLING)}. Received: upsampling={upsampling!r}")
        self.strides, self.start = resolve_strides(length, strides)
        self.length, self.channels, self.latent_dim = length, channels, latent_dim
        self.width = dim * 2 ** (len(self.strides) - 1)
        self.project = layers.Dense(self.start * self.width, kernel_initializer=_glorot(seed, 0), name="project")
        self.ups, self.norms = [], []
        for i, stride in enumerate(self.strides):
            filters = channels if i == len(self.strides) - 1 else self.width // 2 ** (i + 1)
            self.ups.append(Upsample(filters, kernel_size, stride, upsampling, _glorot(seed, i + 1), name=f"up_{i}"))
            if batch_norm:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
        self.post_filter = None
        if post_filter:
            self.post_filter = layers.DepthwiseConv1D(
                post_filter, padding="same", use_bias=False, depthwise_initializer=_glorot(seed, 99), name="post_filter"
            )
        self.build((None, latent_dim))

    def build(self, input_shape):
        self.project.build(input_shape)
        time, filters = self.start, self.width
        for i, up in enumerate(self.ups):
            if self.norms:
                self.norms[i].build((None, time, filters))
            up.build((None, time, filters))
            time, filters = time * up.stride, up.conv.filters
        if self.post_filter:
            self.post_filter.build((None, time, filters))
        self.built = True

    def call(self, latents, training=False):
        """Latents [batch, latent_dim] in [-1, 1] -> audio [batch, length, channels], in [-1, 1] unless filtered."""
        x = ops.reshape(self.project(latents), (-1, self.start, self.width))
        for i, up in enumerate(self.ups):
            x = self.norms[i](x, training=training) if self.norms else x
            x = up(ops.relu(x))
        x = ops.tanh(ops.cast(x, "float32"))
        return ops.cast(self.post_filter(x), "float32") if self.post_filter else x


@keras.saving.register_keras_serializable("tf_audio_gan")
class Discriminator(keras.Model):
    """Audio to one logit: strided convolutions (LeakyReLU 0.2, phase shuffle after the first four), then a dense layer.

    Args:
        length, channels, dim, kernel_size, strides: as the generator's; the strides are used in reverse order.
        batch_norm: normalise after every convolution but the first, always with the batch's own statistics.
        phase_shuffle: radius of the phase shuffle; 0: none.
        phase_shuffle_mode: "batch", "example" or "channel" (`PhaseShuffle`).
        seed: of the initial weights.
    """

    def __init__(
        self, length=16384, channels=1, dim=64, kernel_size=25, strides=None, batch_norm=False, phase_shuffle=2,
        phase_shuffle_mode="batch", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.strides = resolve_strides(length, strides)[0][::-1]
        self.convs, self.norms, self.shuffles = [], [], []
        for i, stride in enumerate(self.strides):
            conv = layers.Conv1D(
                dim * 2**i, kernel_size, stride, "same", kernel_initializer=_glorot(seed, 500 + i), name=f"down_{i}"
            )
            self.convs.append(conv)
            if batch_norm and i:
                self.norms.append(layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm_{i}"))
            if i < 4 and i < len(self.strides) - 1:
                self.shuffles.append(PhaseShuffle(phase_shuffle, phase_shuffle_mode, name=f"shuffle_{i}"))
        logit = {"kernel_initializer": _glorot(seed, 599), "dtype": "float32"}  # whatever the other layers compute in
        self.logit = layers.Dense(1, name="logit", **logit)
        self.build((None, length, channels))

    def build(self, input_shape):
        _, time, channels = input_shape
        for i, conv in enumerate(self.convs):
            conv.build((None, time, channels))
            time, channels = time // self.strides[i], conv.filters
            if self.norms and i:
                self.norms[i - 1].build((None, time, channels))
            if i < len(self.shuffles):
                self.shuffles[i].build((None, time, channels))
        self.logit.build((None, time * channels))
        self.built = True

    def call(self, audio, draws=None):
        """Audio [batch, length, channels] -> ([logits [batch]], [list of feature maps]), one entry: there is one scale.

        `draws` (`backend.Draws`) moves the phase shuffle; without it nothing is shuffled.
        """
        x, features = audio, []
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[i - 1](x, training=True) if self.norms and i else x
            x = ops.leaky_relu(x, 0.2)
            features.append(x)
            if draws is not None and i < len(self.shuffles):
                x = self.shuffles[i](x, draws=draws.fold("shuffle", i))
        logits = self.logit(ops.reshape(x, (-1, x.shape[1] * x.shape[2])))
        return [ops.cast(logits[:, 0], "float32")], [features]
