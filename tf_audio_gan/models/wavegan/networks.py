"""WaveGAN's generator and discriminator (Donahue et al. 2019, tables 3 and 4; the long ones are the code's, v2)."""

import math

import keras
from keras import layers, ops

from tf_audio_gan.models import dcgan

STRIDES = {16384: (4, 4, 4, 4, 4), 32768: (4, 4, 4, 4, 4, 2), 65536: (4, 4, 4, 4, 4, 4)}


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


@keras.saving.register_keras_serializable("tf_audio_gan")
class Generator(dcgan.Generator):
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
        classes, film: see `dcgan.Generator`.
        seed: of the initial weights (Glorot uniform, as TensorFlow 1's layers; not DCGAN's normal).
    """

    def __init__(
        self, length=16384, channels=1, latent_dim=100, dim=64, kernel_size=25, strides=None, upsampling="zeros",
        batch_norm=False, post_filter=0, classes=0, film=False, seed=0, **kwargs,
    ):  # fmt: skip
        strides, start = resolve_strides(length, strides)
        super().__init__(
            (start,), [(stride,) for stride in strides], channels=channels, latent_dim=latent_dim, dim=dim,
            kernel_size=kernel_size, upsampling=upsampling, batch_norm=batch_norm, classes=classes, film=film,
            seed=seed, **kwargs,
        )  # fmt: skip
        self.length, self.channels, self.post_filter = length, channels, None
        if post_filter:
            initial = dcgan.glorot(seed, 99)
            self.post_filter = layers.DepthwiseConv1D(
                post_filter, padding="same", use_bias=False, depthwise_initializer=initial, name="post_filter"
            )
            self.post_filter.build((None, length, channels))
        self.build()

    def call(self, latents, labels=None, training=False):
        """Latents [batch, latent_dim] in [-1, 1], labels [batch, classes] where there are some.

        Returns audio [batch, length, channels], in [-1, 1] unless filtered.
        """
        x = super().call(latents, labels, training=training)
        return ops.cast(self.post_filter(x), "float32") if self.post_filter else x


@keras.saving.register_keras_serializable("tf_audio_gan")
class Discriminator(dcgan.Discriminator):
    """Audio [batch, length, channels] to one logit, see `dcgan.Discriminator`.

    Args:
        length, channels, dim, kernel_size, strides: as the generator's; the strides are used in reverse order.
        batch_norm, phase_shuffle, phase_shuffle_mode, classes, labels_by: see `dcgan.Discriminator`.
        seed: of the initial weights.
    """

    def __init__(
        self, length=16384, channels=1, dim=64, kernel_size=25, strides=None, batch_norm=False, phase_shuffle=2,
        phase_shuffle_mode="batch", classes=0, labels_by=None, seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(
            (length, channels), [(s,) for s in resolve_strides(length, strides)[0][::-1]], dim=dim,
            kernel_size=kernel_size, batch_norm=batch_norm, phase_shuffle=phase_shuffle,
            phase_shuffle_mode=phase_shuffle_mode, classes=classes, labels_by=labels_by, seed=seed, **kwargs,
        )  # fmt: skip
        self.build()
