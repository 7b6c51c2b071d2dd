"""MelGAN's generator and discriminators (Kumar et al. 2019, section 2; the authors' code where the paper is silent)."""

import math

import keras
from keras import layers, ops

from tf_audio_gan.layers.conv_network import ConvNetwork
from tf_audio_gan.layers.grouped_conv import GroupedConv1D
from tf_audio_gan.layers.reflection_pad import reflection_pad

SLOPE = 0.2  # of every LeakyReLU


def _lrelu(x):
    return ops.leaky_relu(x, SLOPE)


@keras.saving.register_keras_serializable("tf_audio_gan", "MelGANGenerator")
class Generator(ConvNetwork):
    """Mel spectrogram to audio: per upsampling scale a transposed convolution and residual stacks of dilated ones.

    The defaults are MelGAN's: 4,260,257 parameters and as many gains as `WeightNorm` adds. Other vocoders are settings:

    | | channels | upsample_scales | stacks | out_channels |
    |---|---|---|---|---|
    | full-band MelGAN | 512 | 8, 8, 4 | 4 | 1 |
    | multi-band MelGAN at 22.05 kHz | 384 | 8, 4, 2 | 4 | 4 |
    | multi-band MelGAN at 24 kHz, hop 300 | 384 | 5, 5, 3 | 4 | 4 |

    Dilations are 1, 3, 9, 27: 3^j in stack j. There is no noise input.

    Args:
        n_mels: mel bands of the input.
        channels: of the first layer; halved at every scale, so a multiple of 2^scales.
        upsample_scales: their product is the hop length in samples of the output (of a sub-band with several).
        stacks: residual stacks after each scale.
        kernel_size: of the first and the last convolution, odd.
        out_channels: 1 for audio; the number of sub-bands for multi-band MelGAN, to be joined by PQMF synthesis.
        weight_norm: False: plain kernels, what `folded` makes.
        init: "uniform" (what PyTorch's code trains from) or "normal"; see `initial_weights`.
        seed: of the initial weights.
    """

    def __init__(
        self, n_mels=80, channels=512, upsample_scales=(8, 8, 2, 2), stacks=3, kernel_size=7, out_channels=1,
        weight_norm=True, init="uniform", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(weight_norm=weight_norm, init=init, seed=seed, **kwargs)
        self.scales, self.stacks, self.edge = tuple(int(s) for s in upsample_scales), stacks, kernel_size // 2
        if not self.scales or min(self.scales) < 2 or channels % 2 ** len(self.scales) or kernel_size % 2 == 0:
            raise ValueError(
                "upsample_scales must be whole numbers from 2, channels a multiple of 2^scales, kernel_size odd. "
                f"Received: upsample_scales={upsample_scales}, channels={channels}, kernel_size={kernel_size}"
            )
        self.hop = math.prod(self.scales)
        self.config = {
            "n_mels": n_mels, "channels": channels, "upsample_scales": self.scales, "stacks": stacks,
            "kernel_size": kernel_size, "out_channels": out_channels, "weight_norm": weight_norm, "init": init,
            "seed": seed,
        }  # fmt: skip
        self.add_conv("in", layers.Conv1D, n_mels, channels, kernel_size)
        for i, scale in enumerate(self.scales):
            channels = self._add_scale(i, scale, channels)
        self.add_conv("out", layers.Conv1D, channels, out_channels, kernel_size)
        self.built = True

    def _add_scale(self, i, scale, channels):
        half, kernel = channels // 2, 2 * scale
        padding = "same" if scale % 2 == 0 else "valid"
        self.add_conv(
            f"up_{i}", layers.Conv1DTranspose, channels, half, kernel, fan_in=half * kernel,
            strides=scale, padding=padding,
        )  # fmt: skip
        for j in range(self.stacks):
            self.add_conv(f"stack_{i}_{j}_dilated", layers.Conv1D, half, half, 3, dilation_rate=3**j)
            self.add_conv(f"stack_{i}_{j}_pointwise", layers.Conv1D, half, half, 1)
            self.add_conv(f"stack_{i}_{j}_shortcut", layers.Conv1D, half, half, 1)
        return half

    def call(self, mel):
        """Mel [batch, frames, n_mels], 4 frames or more -> [batch, frames x hop, out_channels] in [-1, 1], float32."""
        x = self.convs["in"](reflection_pad(mel, self.edge))
        for i in range(len(self.scales)):
            x = self._upsample(_lrelu(x), i)
            for j in range(self.stacks):
                x = self._stack(x, f"stack_{i}_{j}", 3**j)
        x = self.convs["out"](reflection_pad(_lrelu(x), self.edge))
        return ops.tanh(ops.cast(x, "float32"))

    def _upsample(self, x, i):
        """Exactly scale x time steps, placed as PyTorch does: for odd scales "same" would be one step early."""
        scale, y = self.scales[i], self.convs[f"up_{i}"](x)
        if scale % 2 == 0:
            return y
        left = (scale + 1) // 2
        return y[:, left : left + ops.shape(x)[1] * scale]

    def _stack(self, x, name, dilation):
        y = self.convs[f"{name}_dilated"](reflection_pad(_lrelu(x), dilation))
        return self.convs[f"{name}_shortcut"](x) + self.convs[f"{name}_pointwise"](_lrelu(y))


@keras.saving.register_keras_serializable("tf_audio_gan", "MelGANDiscriminator")
class Discriminator(ConvNetwork):
    """Audio to logits by windowed discriminators that see it at several rates, each half of the one before.

    The defaults are MelGAN's, 16,913,859 parameters and 10,227 gains. For every scale six convolutions, LeakyReLU(0.2)
    after each, whose outputs are the feature maps, and one to the logits. Strided convolutions have 4 input channels in
    a group. Full- and multi-band MelGAN use downsample_scales 4, 4, 4 and max_channels 512.

    Args:
        scales: how many discriminators; each sees the average-pooled input of the one before.
        channels: of the first convolution; a multiple of 4.
        max_channels: channels grow by the stride up to this many.
        downsample_scales: strides s; their kernels have 10 s + 1 taps.
        in_channels: audio channels.
        weight_norm: False: plain kernels.
        init: "uniform" or "normal" (what Multi-band MelGAN's code has); see `initial_weights`.
        seed: of the initial weights.
    """

    def __init__(
        self, scales=3, channels=16, max_channels=1024, downsample_scales=(4, 4, 4, 4), in_channels=1,
        weight_norm=True, init="uniform", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(weight_norm=weight_norm, init=init, seed=seed, **kwargs)
        self.strides, self.scales = tuple(int(s) for s in downsample_scales), scales
        if scales < 1 or channels % 4 or max_channels % 4 or not self.strides or min(self.strides) < 1:
            raise ValueError(
                "scales must be 1 or more, channels and max_channels multiples of 4, downsample_scales whole numbers "
                f"from 1. Received: scales={scales}, channels={channels}, max_channels={max_channels}, "
                f"downsample_scales={downsample_scales}"
            )
        self.config = {
            "scales": scales, "channels": channels, "max_channels": max_channels, "downsample_scales": self.strides,
            "in_channels": in_channels, "weight_norm": weight_norm, "init": init, "seed": seed,
        }  # fmt: skip
        for i in range(scales):
            self._add_scale(f"scale_{i}", in_channels, channels, max_channels)
        self.built = True

    def _add_scale(self, name, in_channels, channels, max_channels):
        self.add_conv(f"{name}_layer_0", layers.Conv1D, in_channels, channels, 15)
        for j, stride in enumerate(self.strides):
            wider, taps = min(channels * stride, max_channels), 10 * stride + 1
            self.add_conv(
                f"{name}_layer_{j + 1}", GroupedConv1D, channels, wider, taps, fan_in=4 * taps,
                strides=stride, groups=channels // 4, padding=5 * stride,
            )  # fmt: skip
            channels = wider
        n, wider = len(self.strides) + 1, min(2 * channels, max_channels)
        self.add_conv(f"{name}_layer_{n}", layers.Conv1D, channels, wider, 5, padding="same")
        self.add_conv(f"{name}_layer_{n + 1}", layers.Conv1D, wider, 1, 3, padding="same")

    def call(self, audio):
        """Audio [batch, samples, channels] -> (logits, feature maps), lists with an entry for each scale.

        Logits are [batch, steps] in float32; feature maps a list of [batch, steps, channels].
        """
        logits, features, x = [], [], audio
        for i in range(self.scales):
            x = halve(x) if i else x
            score, maps = self._windowed(x, f"scale_{i}")
            logits.append(score)
            features.append(maps)
        return logits, features

    def _windowed(self, x, name):
        maps, n = [], len(self.strides) + 2
        x = reflection_pad(x, 7)
        for j in range(n):
            x = _lrelu(self.convs[f"{name}_layer_{j}"](x))
            maps.append(x)
        return ops.cast(self.convs[f"{name}_layer_{n}"](x)[:, :, 0], "float32"), maps


def halve(x):
    """Average pooling by 2, window 4: [batch, time, channels] -> [batch, time // 2, channels].

    Edges average the samples there are (PyTorch's count_include_pad=False), which backends do differently, so the
    share of real samples in each window is divided out.
    """
    edges = ((0, 0), (1, 1), (0, 0))
    share = ops.average_pool(ops.pad(ops.ones_like(x[:1]), edges), 4, 2, "valid")
    return ops.average_pool(ops.pad(x, edges), 4, 2, "valid") / share


@keras.saving.register_keras_serializable("tf_audio_gan", "MelGANMelDiscriminator")
class MelDiscriminator(ConvNetwork):
    """Log-mel spectrogram to logits: an option beyond the paper, beside or instead of the waveform's discriminators.

    "1d" convolves over time with the mel bands as channels (kernels 5, 5, 5, 3; strides 1, 2, 2, 1; the middle two in 4
    groups), "2d" over time and bands (3 x 3; strides 1, 2, 2, 2, 1). LeakyReLU(0.2). Show it M(x) and M(G(s)) by the
    same differentiable front end, not the input s, or it learns what tells front ends apart.

    Args:
        n_mels: mel bands.
        kind: "1d" or "2d".
        channels: of the first convolution, doubled by the next ones; a multiple of 4. None: 128 for "1d", 32 for "2d".
        weight_norm, init, seed: as in `Discriminator`.
    """

    def __init__(self, n_mels=80, kind="1d", channels=None, weight_norm=True, init="uniform", seed=0, **kwargs):
        super().__init__(weight_norm=weight_norm, init=init, seed=seed, **kwargs)
        if kind not in ("1d", "2d"):
            raise ValueError(f"kind must be 1d or 2d. Received: kind={kind!r}")
        channels = channels or (128 if kind == "1d" else 32)
        if channels % 4:
            raise ValueError(f"channels must be a multiple of 4. Received: channels={channels}")
        self.kind = kind
        self.config = {
            "n_mels": n_mels, "kind": kind, "channels": channels, "weight_norm": weight_norm, "init": init,
            "seed": seed,
        }  # fmt: skip
        (self._add_1d if kind == "1d" else self._add_2d)(n_mels, channels)
        self.built = True

    def _add_1d(self, n_mels, c):
        self.add_conv("layer_0", layers.Conv1D, n_mels, c, 5, padding="same")
        for j, wide in enumerate((c, 2 * c), 1):
            grouped = {"strides": 2, "groups": 4, "padding": 2, "fan_in": wide // 4 * 5}
            self.add_conv(f"layer_{j}", GroupedConv1D, wide, 2 * wide, 5, **grouped)
        self.add_conv("layer_3", layers.Conv1D, 4 * c, 1, 3, padding="same")

    def _add_2d(self, _, c):
        for j, (wide, filters, stride) in enumerate([(1, c, 1), (c, 2 * c, 2), (2 * c, 4 * c, 2), (4 * c, 4 * c, 2)]):
            strided = {"strides": stride, "padding": "same", "fan_in": 9 * wide}
            self.add_conv(f"layer_{j}", layers.Conv2D, wide, filters, 3, **strided)
        self.add_conv("layer_4", layers.Conv2D, 4 * c, 1, 3, padding="same", fan_in=36 * c)

    def call(self, mel):
        """Log mel [batch, frames, n_mels] -> ([logits [batch, places]], [list of feature maps])."""
        x, maps = mel if self.kind == "1d" else mel[..., None], []
        *hidden, score = self.convs.values()
        for layer in hidden:
            x = _lrelu(layer(x))
            maps.append(x)
        return [ops.cast(ops.reshape(score(x), (ops.shape(x)[0], -1)), "float32")], [maps]
