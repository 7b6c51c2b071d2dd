"""GANSynth's generator and discriminator: a progressive GAN over pictures of notes (Engel et al. 2019, appendix)."""

import keras
import numpy as np
from keras import layers, ops

from tf_audio_gan.device import numbers_made_there
from tf_audio_gan.layers.equalized import LINEAR, RELU, EqualizedConv2D, EqualizedDense
from tf_audio_gan.layers.minibatch_stddev import minibatch_stddev
from tf_audio_gan.layers.pixel_norm import pixel_norm

MAGENTA_SCALE = ((0.0661371661726, 0.113718730221), (0.8, 0.0))  # (a, b) of log power and of phase: a x + b


def upscaled(x, factor, tall=False):
    """Every place of [batch, height, width, channels] repeated factor x factor times; `tall`: factor^2 x 1 times."""
    high, wide = (factor**2, 1) if tall else (factor, factor)
    x = ops.repeat(x, high, axis=1) if high > 1 else x
    return ops.repeat(x, wide, axis=2) if wide > 1 else x


def pooled(x, factor, tall=False):
    """Means of factor x factor places of [batch, height, width, channels]; `tall`: of factor^2 x 1."""
    if factor == 1:
        return x
    high, wide = (factor**2, 1) if tall else (factor, factor)
    _, height, width, channels = x.shape
    return ops.mean(ops.reshape(x, (-1, height // high, high, width // wide, wide, channels)), axis=(2, 4))


def start_of(frames, bins, blocks):
    """The map that `blocks` - 1 doublings make a picture of; of a single bin, that growing fourfold: (frames, bins).

    Raises:
        ValueError: no number of blocks, or a picture that cannot be halved so often.
    """
    if not isinstance(blocks, int) or blocks < 1:
        raise ValueError(f"blocks must be a whole number from 1. Received: blocks={blocks!r}")
    factor = 2 ** (blocks - 1)
    if bins == 1:
        if frames % factor**2:
            raise ValueError(
                f"{blocks} blocks shorten a wave to a quarter {blocks - 1} times: frames must be a multiple of "
                f"{factor**2}. Received: frames={frames}"
            )
        return frames // factor**2, 1
    if frames % factor or bins % factor:
        raise ValueError(
            f"{blocks} blocks halve a picture {blocks - 1} times: frames and bins must be multiples of {factor}. "
            f"Received: frames={frames}, bins={bins}"
        )
    return frames // factor, bins // factor


def filters_of(block, base, most):
    """Channels of a block from 0: base / 2^block, at most `most`, at least 1."""
    return max(1, min(base // 2**block, most))


@keras.saving.register_keras_serializable("tf_audio_gan")
class NoteFacts(layers.Layer):
    """What a generator knows of its data and of its own growth; not trained.

    Args:
        bins: of a picture, if every bin is scaled on its own; 1: one scale for all.
        classes: pitches.

    Attributes:
        slope: float32 [bins, 2], a of a x + b, which brings pictures into [-1, 1].
        offset: float32 [bins, 2], b.
        counts: float32 [classes], notes of each pitch in the data; 1 until `adapt`.
        progress: float32 scalar: blocks - 1 once the newest has faded in, less while it fades.
        measured: int64 scalar, examples that slope and offset were measured on.
        clipped: whether what lies beyond [-1, 1] is clipped.
    """

    def __init__(self, bins, classes, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.bins, self.classes, self.clipped = bins, classes, True
        self.build()

    def build(self, input_shape=None):
        still = {"trainable": False, "autocast": False}
        for i, name in enumerate(("slope", "offset")):
            value = np.tile(np.array(MAGENTA_SCALE, "float32")[:, i], (self.bins, 1))
            setattr(self, name, self.add_weight(shape=value.shape, initializer=_fixed(value), name=name, **still))
        self.counts = self.add_weight(shape=(self.classes,), initializer="ones", name="counts", **still)
        self.progress = self.add_weight(shape=(), initializer="zeros", name="progress", **still)
        self.measured = self.add_weight(shape=(), dtype="int64", initializer="zeros", name="measured", **still)
        self.built = True

    def normalise(self, pictures):
        """Pictures in physical units [batch, frames, bins, 2], of any of the sizes -> scaled, clipped to [-1, 1]."""
        pictures = ops.convert_to_tensor(pictures)
        slope, offset = self._scale(pictures)
        with numbers_made_there():
            scaled = pictures * slope + offset
            return ops.clip(scaled, -1.0, 1.0) if self.clipped else scaled

    def denormalise(self, pictures):
        """Inverse of `normalise` within its range."""
        pictures = ops.convert_to_tensor(pictures)
        slope, offset = self._scale(pictures)
        return (pictures - offset) / slope

    def _scale(self, pictures):
        """Scales of as many bins as the pictures have: means over those that became one."""
        parts = [ops.convert_to_tensor(part) for part in (self.slope, self.offset)]
        width = pictures.shape[2]
        if self.bins in (1, width):
            return parts
        return [ops.mean(ops.reshape(part, (width, self.bins // width, 2)), axis=1) for part in parts]

    def assign(self, **values):
        """Sets any of the attributes."""
        for name, value in values.items():
            variable = getattr(self, name)
            variable.assign(np.asarray(value, variable.dtype))


def _fixed(value):
    return lambda shape, dtype=None: ops.convert_to_tensor(value, dtype)


class _Progressive(keras.Model):
    """What both networks share: names of layers, and which of them a stage uses."""

    def __init__(self, seed, bins, **kwargs):
        super().__init__(**kwargs)
        self._seed, self._count = seed, 0
        self.tall, self.kernel_size = bins == 1, (3, 1) if bins == 1 else (3, 3)

    def add(self, kind, *arguments, **keywords):
        """A layer with a seed of its own."""
        self._count += 1
        return kind(*arguments, seed=self._seed * 1000 + self._offset + self._count, **keywords)

    def block(self, number):
        """The two convolutions of a block from 1."""
        return self.convs[2 * number - 2 : 2 * number]

    def used(self, blocks, fading):
        """The trainable variables of a stage: those of its blocks, of the newest picture layer, in a fade of two."""
        pictures = range(blocks - 1 - fading, blocks)
        parts = [*self.block_layers(blocks), *(self.rgb[i] for i in pictures)]
        return [variable for layer in parts for variable in layer.trainable_variables]


@keras.saving.register_keras_serializable("tf_audio_gan", "GANSynthGenerator")
class Generator(_Progressive):
    """Latents and a pitch to pictures in [-1, 1]: blocks of two convolutions, each twice as large as the one before.

    Of a single bin (a wave) each is four times as long, and kernels are 3 x 1: what 3 x 3 ones reach of it.
    Input and maps are normalised by pixel; each block has a layer that makes a picture of it (1 x 1, tanh). Weights are
    stored as N(0, 1), see `EqualizedConv2D`.

    Args:
        frames: of the full picture.
        bins: of the full picture.
        blocks: 7 make 128 x 1024 of 2 x 16.
        latent_dim: numbers in a latent vector.
        classes: pitches.
        base: block b has base / 2^b channels,
        most: but no more than this.
        frequency: every bin has a scale of its own (`NoteFacts`).
        seed: of the initial weights.
    """

    _offset = 0

    def __init__(
        self, frames=128, bins=1024, blocks=7, latent_dim=256, classes=61, base=4096, most=256, frequency=False, seed=0,
        **kwargs,
    ):  # fmt: skip
        super().__init__(seed, bins, **kwargs)
        self.start, self.blocks = start_of(frames, bins, blocks), blocks
        self.latent_dim, self.classes = latent_dim, classes
        self.convs, self.rgb = [], []
        widths = [filters_of(b, base, most) for b in range(blocks + 1)]
        for b in range(1, blocks + 1):
            size, padding = (self.start, "grown") if b == 1 else (self.kernel_size, "same")
            first = self.add(EqualizedConv2D, widths[b], size, padding, RELU, name=f"block_{b}_conv0")
            second = self.add(EqualizedConv2D, widths[b], self.kernel_size, "same", RELU, name=f"block_{b}_conv1")
            self.convs += [first, second]
            how = {"dtype": "float32", "name": f"block_{b}_rgb"}
            self.rgb.append(self.add(EqualizedConv2D, 2, (1, 1), "same", LINEAR, **how))
            before = latent_dim + classes if b == 1 else widths[b - 1]
            first.build((None, before) if b == 1 else (None, None, None, before))
            second.build((None, None, None, widths[b]))
            self.rgb[-1].build((None, None, None, widths[b]))
        self.facts = NoteFacts(bins if frequency else 1, classes, name="facts")
        self.built = True

    def block_layers(self, blocks):
        """The convolutions of the first blocks."""
        return self.convs[: 2 * blocks]

    def call(self, latents, labels, blocks=None, share=None, training=False):
        """Latents [batch, latent_dim], labels [batch, classes] -> pictures float32 [batch, frames, bins, 2] in [-1, 1].

        Args:
            latents: standard normal.
            labels: soft labels; all 0: an unknown pitch.
            blocks: how many are used; None: all. The picture is half as large in both directions for each one less.
            share: of the newest block in the picture, the rest being that of the one before; None: it is alone.
            training: nothing depends on it.
        """
        blocks = blocks or self.blocks
        x, older = pixel_norm(ops.concatenate([latents, ops.cast(labels, latents.dtype)], axis=-1)), None
        for b in range(1, blocks + 1):
            older, x = x, upscaled(x, 2, self.tall) if b > 1 else x
            for conv in self.block(b):
                x = pixel_norm(ops.leaky_relu(conv(x), 0.2))
        picture = self._picture(x, blocks)
        if share is None or blocks == 1:
            return picture
        return share * picture + (1 - share) * upscaled(self._picture(older, blocks - 1), 2, self.tall)

    def _picture(self, x, block):
        return ops.tanh(self.rgb[block - 1](ops.cast(x, "float32")))


@keras.saving.register_keras_serializable("tf_audio_gan", "GANSynthDiscriminator")
class Discriminator(_Progressive):
    """Pictures in [-1, 1] to one logit, and logits of the pitch; the generator's mirror, without normalisation.

    Args:
        frames, bins, blocks, classes, base, most: as the generator's.
        projection: the labels' product with the last map joins the logit (Miyato and Koyama 2018, equation 3).
        seed: of the initial weights.
    """

    _offset = 500

    def __init__(
        self, frames=128, bins=1024, blocks=7, classes=61, base=4096, most=256, projection=False, seed=0, **kwargs
    ):
        super().__init__(seed, bins, **kwargs)
        self.start, self.blocks, self.classes = start_of(frames, bins, blocks), blocks, classes
        self.convs, self.rgb = [], []
        widths = [filters_of(b, base, most) for b in range(blocks + 1)]
        for b in range(1, blocks + 1):
            size, padding = (self.start, "whole") if b == 1 else (self.kernel_size, "same")
            self.rgb.append(self.add(EqualizedConv2D, widths[b], (1, 1), "same", RELU, name=f"block_{b}_rgb"))
            first = self.add(EqualizedConv2D, widths[b], self.kernel_size, "same", RELU, name=f"block_{b}_conv0")
            second = self.add(EqualizedConv2D, widths[b - 1], size, padding, RELU, name=f"block_{b}_conv1")
            self.convs += [first, second]
            self.rgb[-1].build((None, None, None, 2))
            first.build((None, None, None, widths[b] + (b == 1)))
            second.build((None, *(self.start if b == 1 else (None, None)), widths[b]))
        self.score = self.add(EqualizedDense, 1, LINEAR, dtype="float32", name="score")
        self.pitch = self.add(EqualizedDense, classes, LINEAR, dtype="float32", name="pitch")
        self.projection = projection
        if projection:
            self.project = self.add(EqualizedDense, classes, LINEAR, dtype="float32", name="project")
        for head in self._heads():
            head.build((None, widths[0]))
        self.built = True

    def block_layers(self, blocks):
        """The convolutions of the first blocks, and the heads."""
        return [*self.convs[: 2 * blocks], *self._heads()]

    def _heads(self):
        """A method, for an attribute that is a list of layers would be another place in the file of weights."""
        return [self.score, self.pitch, *([self.project] if self.projection else [])]

    def call(self, pictures, blocks=None, share=None, labels=None):
        """Pictures of the stage's size -> ([logits [batch]], [[last map [batch, channels]]]), one scale.

        Args:
            pictures: [batch, frames, bins, 2] in [-1, 1], of the size of `blocks`.
            blocks: as the generator's.
            share: as the generator's.
            labels: soft labels [batch, classes] of the pitches that they should have; read with `projection` alone.

        Raises:
            ValueError: with `projection`, no labels.
        """
        if self.projection and labels is None:
            raise ValueError(f"this discriminator takes labels [batch, {self.classes}] beside its input; received none")
        blocks = blocks or self.blocks
        x = self._seen(pictures, blocks)
        for b in range(blocks, 1, -1):
            x = pooled(self._block(x, b), 2, self.tall)
            if b == blocks and share is not None:
                share = share if isinstance(share, float) else ops.cast(share, x.dtype)
                x = share * x + (1 - share) * self._seen(pooled(pictures, 2, self.tall), b - 1)
        last = self._block(minibatch_stddev(x), 1)
        logits = self.score(last)[:, 0]
        if self.projection:
            logits = logits + ops.sum(self.project(last) * ops.cast(labels, "float32"), axis=-1)
        return [logits], [[last]]

    def classify(self, features):
        """Logits [batch, classes] of the pitch, from the feature maps of one scale."""
        return self.pitch(features[-1])

    def _seen(self, pictures, block):
        return ops.leaky_relu(self.rgb[block - 1](pictures), 0.2)

    def _block(self, x, block):
        for conv in self.block(block):
            x = ops.leaky_relu(conv(x), 0.2)
        return x
