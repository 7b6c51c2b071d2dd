"""SpecGAN's generator and discriminator: WaveGAN's in two dimensions (Donahue et al. 2019, section 3.1)."""

import math

import keras
import numpy as np
from keras import layers, ops

from tf_audio_gan.audio import log_spectrogram
from tf_audio_gan.models import dcgan

STRIDES = {128: (2, 2, 2, 2, 2), 256: (2, 2, 2, 2, 2, 2), 512: (4, 2, 2, 2, 2, 2)}
HALVINGS = 5  # layers that halve or double the number of bins: those nearest to the spectrogram


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

    def denormalise(self, picture, floor):
        """Picture [batch, frames, columns - 1, 1] -> magnitudes [batch, frames, columns]; `floor`: SpecGAN's."""
        mean, std = ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.std)
        return log_spectrogram.denormalise(picture, mean, std, floor)


@keras.saving.register_keras_serializable("tf_audio_gan", "SpecGANGenerator")
class Generator(dcgan.Generator):
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
        classes, film: see `dcgan.Generator`.
        seed: of the initial weights (Glorot uniform, as TensorFlow 1's layers).

    Attributes:
        moments: `BinMoments`, not trained: without them no spectrogram is a sound, so they are where its weights are.
    """

    def __init__(
        self, frames=128, bins=128, latent_dim=100, dim=64, kernel_size=5, strides=None, upsampling="zeros",
        batch_norm=False, classes=0, film=False, seed=0, **kwargs,
    ):  # fmt: skip
        strides, start = resolve_strides(frames, bins, strides)
        super().__init__(
            start, strides, channels=1, latent_dim=latent_dim, dim=dim, kernel_size=kernel_size, upsampling=upsampling,
            batch_norm=batch_norm, classes=classes, film=film, seed=seed, **kwargs,
        )  # fmt: skip
        self.moments = BinMoments(bins + 1, name="moments")
        self.build()


@keras.saving.register_keras_serializable("tf_audio_gan", "SpecGANDiscriminator")
class Discriminator(dcgan.Discriminator):
    """Normalised spectrograms [batch, frames, bins, 1] to one logit, see `dcgan.Discriminator`.

    Args:
        frames, bins, dim, kernel_size, strides: as the generator's; the strides are used in reverse order.
        batch_norm, phase_shuffle_mode, classes, labels_by: see `dcgan.Discriminator`.
        phase_shuffle: radius of the phase shuffle in time; 0: none, as in the paper's best.
        seed: of the initial weights.
    """

    def __init__(
        self, frames=128, bins=128, dim=64, kernel_size=5, strides=None, batch_norm=False, phase_shuffle=0,
        phase_shuffle_mode="batch", classes=0, labels_by=None, seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(
            (frames, bins, 1), resolve_strides(frames, bins, strides)[0][::-1], dim=dim, kernel_size=kernel_size,
            batch_norm=batch_norm, phase_shuffle=phase_shuffle, phase_shuffle_mode=phase_shuffle_mode, classes=classes,
            labels_by=labels_by, seed=seed, **kwargs,
        )  # fmt: skip
        self.build()
