"""Parallel WaveGAN's generator and discriminator (Yamamoto et al. 2020, section 3.2; sizes of its widely used code)."""

import math

import keras
import numpy as np
from keras import ops

from tf_audio_gan.device import constant
from tf_audio_gan.layers.conv_network import ConvNetwork

Conv1D = keras.layers.Conv1D
CONTEXT = 2  # mel frames that the first convolution sees on each side
SLOPE = 0.2  # of the discriminator's LeakyReLU


@keras.saving.register_keras_serializable("tf_audio_gan")
class StretchTime(keras.layers.Layer):
    """Repeats each step `scale` times, then smooths along time by one learned filter of 2 scale + 1 taps, no bias.

    Computed without the repeated signal: a smoothed step sees three neighbours at most, each weighted by a sum of taps.
    Steps before the first and after the last are 0.

    Args:
        filters: must be 1, the same filter for every channel.
        kernel_size: 2 scale + 1.
        kernel_initializer: of the taps.
    """

    def __init__(self, filters, kernel_size, kernel_initializer="glorot_uniform", **kwargs):
        kwargs.pop("bias_initializer", None)
        super().__init__(**kwargs)
        if filters != 1 or kernel_size % 2 == 0:
            raise ValueError(f"one filter of odd length is needed. Received: {filters} of {kernel_size} taps")
        self.scale, self.use_bias = kernel_size // 2, False
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        step, tap = np.arange(self.scale)[:, None], np.arange(kernel_size)[None]
        neighbour = (step + tap) // self.scale  # 0 the step before, 1 this one, 2 the next
        self._sums = np.stack([neighbour == n for n in range(3)]).astype("float32")  # [3, scale, taps]

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(2 * self.scale + 1, 1), initializer=self.kernel_initializer, name="kernel")
        self.built = True

    def call(self, x):
        """[batch, time, channels] -> [batch, time x scale, channels]."""
        kernel = ops.convert_to_tensor(self.kernel)
        weights = ops.matmul(ops.cast(constant(self._sums), kernel.dtype), kernel)  # [3, scale, 1]
        before, after = ops.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0))), ops.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0)))
        y = sum(part[:, :, None] * weights[n] for n, part in enumerate((before, x, after)))
        return ops.reshape(y, (ops.shape(x)[0], ops.shape(x)[1] * self.scale, x.shape[2]))

    def get_config(self):
        written = keras.initializers.serialize(self.kernel_initializer)
        return {
            **super().get_config(), "filters": 1, "kernel_size": 2 * self.scale + 1, "kernel_initializer": written,
        }  # fmt: skip


@keras.saving.register_keras_serializable("tf_audio_gan", "ParallelWaveGANGenerator")
class Generator(ConvNetwork):
    """Noise to audio by gated dilated convolutions, conditioned on a mel spectrogram at every sample.

    The authors' last block also computes a residual output that nothing uses; it is not here: 4,160 parameters (with
    gains 4,224) fewer than the 1,334,309 (1,346,042) that are usually counted. The output is linear: it may leave
    [-1, 1].

    Args:
        n_mels: mel bands.
        blocks: gated blocks; dilation 2^(i mod blocks/stacks) in block i.
        stacks: cycles of dilations; divides `blocks`.
        residual_channels, gate_channels, skip_channels: of a block; gate_channels is even.
        kernel_size: of the dilated convolutions, odd.
        upsample_scales: their product is the hop length in samples.
        weight_norm: False: plain kernels, what `folded` makes.
        init: "he" (the code's), "uniform" or "normal"; see `initial_weights`.
        seed: of the initial weights.
    """

    def __init__(
        self, n_mels=80, blocks=30, stacks=3, residual_channels=64, gate_channels=128, skip_channels=64, kernel_size=3,
        upsample_scales=(4, 4, 4, 4), weight_norm=True, init="he", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(weight_norm=weight_norm, init=init, seed=seed, **kwargs)
        self.scales = tuple(int(s) for s in upsample_scales)
        bad_blocks = stacks < 1 or blocks < 1 or blocks % stacks
        if bad_blocks or gate_channels % 2 or kernel_size % 2 == 0 or not self.scales or min(self.scales) < 1:
            raise ValueError(
                "stacks must divide blocks, gate_channels be even, kernel_size odd, upsample_scales whole numbers from "
                f"1. Received: blocks={blocks}, stacks={stacks}, gate_channels={gate_channels}, "
                f"kernel_size={kernel_size}, upsample_scales={upsample_scales}"
            )
        self.hop, self.blocks, self.n_mels = math.prod(self.scales), blocks, n_mels
        self.config = {
            "n_mels": n_mels, "blocks": blocks, "stacks": stacks, "residual_channels": residual_channels,
            "gate_channels": gate_channels, "skip_channels": skip_channels, "kernel_size": kernel_size,
            "upsample_scales": self.scales, "weight_norm": weight_norm, "init": init, "seed": seed,
        }  # fmt: skip
        self.add_conv("mel_in", Conv1D, n_mels, n_mels, 2 * CONTEXT + 1, use_bias=False)
        for i, scale in enumerate(self.scales):
            average = keras.initializers.Constant(1 / (2 * scale + 1))
            self.add_conv(f"up_{i}", StretchTime, n_mels, 1, 2 * scale + 1, kernel_initializer=average)
        self.add_conv("first", Conv1D, 1, residual_channels, 1)
        for i in range(blocks):
            self._add_block(i, residual_channels, gate_channels, skip_channels, 2 ** (i % (blocks // stacks)))
        self.add_conv("head_0", Conv1D, skip_channels, skip_channels, 1)
        self.add_conv("head_1", Conv1D, skip_channels, 1, 1)
        self.built = True

    def _add_block(self, i, residual, gate, skip, dilation):
        size = self.config["kernel_size"]
        self.add_conv(f"block_{i}_dilated", Conv1D, residual, gate, size, dilation_rate=dilation, padding="same")
        self.add_conv(f"block_{i}_mel", Conv1D, self.n_mels, gate, 1, use_bias=False)
        self.add_conv(f"block_{i}_skip", Conv1D, gate // 2, skip, 1)
        if i < self.blocks - 1:
            self.add_conv(f"block_{i}_out", Conv1D, gate // 2, residual, 1)

    def call(self, mel, noise, with_context=False):
        """Audio [batch, frames x hop, 1], float32.

        Args:
            mel: [batch, frames, n_mels]; with_context: [batch, 2 + frames + 2, n_mels].
            noise: [batch, frames x hop, 1], standard normal.
            with_context: whether `mel` holds two true frames more at either end (crops in training); else the first
                and the last frame are repeated.
        """
        mel = mel if with_context else repeat_edges(mel, CONTEXT)
        self._check(mel, noise)
        mel = self.convs["mel_in"](mel)
        for i in range(len(self.scales)):
            mel = self.convs[f"up_{i}"](mel)
        x, skips = self.convs["first"](noise), 0
        for i in range(self.blocks):
            x, skip = self._block(x, mel, f"block_{i}")
            skips = skips + skip
        y = ops.relu(skips * math.sqrt(1 / self.blocks))
        y = self.convs["head_1"](ops.relu(self.convs["head_0"](y)))
        return ops.cast(y, "float32")

    def _check(self, mel, noise):
        frames, samples = mel.shape[1], noise.shape[1]
        if None not in (frames, samples) and (frames - 2 * CONTEXT) * self.hop != samples:
            raise ValueError(
                f"noise must have frames x hop samples: {frames - 2 * CONTEXT} x {self.hop}. Received: {samples}"
            )

    def _block(self, x, mel, name):
        y = self.convs[f"{name}_dilated"](x) + self.convs[f"{name}_mel"](mel)
        a, b = ops.split(y, 2, axis=-1)
        y = ops.tanh(a) * ops.sigmoid(b)
        out = self.convs.get(f"{name}_out")
        return (out(y) + x) * math.sqrt(0.5) if out else None, self.convs[f"{name}_skip"](y)


def repeat_edges(x, steps):
    """[batch, time, channels] -> [batch, steps + time + steps, channels], first and last step repeated."""
    return ops.concatenate([x[:, :1]] * steps + [x] + [x[:, -1:]] * steps, axis=1)


@keras.saving.register_keras_serializable("tf_audio_gan", "ParallelWaveGANDiscriminator")
class Discriminator(ConvNetwork):
    """Audio to one logit a sample: dilated convolutions without strides, LeakyReLU(0.2) between them.

    Dilations are 1, 1, 2, 3, ..., layers - 2, 1: with the defaults a logit sees 77 samples; 99,265 parameters and 577
    gains.

    Args:
        n_layers: convolutions, 2 or more.
        channels: of all but the last.
        kernel_size: odd.
        in_channels: audio channels.
        weight_norm: False: plain kernels.
        init: "he", "uniform" or "normal"; see `initial_weights`.
        seed: of the initial weights.
    """

    def __init__(
        self, n_layers=10, channels=64, kernel_size=3, in_channels=1, weight_norm=True, init="he", seed=0, **kwargs
    ):
        super().__init__(weight_norm=weight_norm, init=init, seed=seed, **kwargs)
        if n_layers < 2 or kernel_size % 2 == 0:
            raise ValueError(
                f"n_layers must be 2 or more and kernel_size odd. Received: n_layers={n_layers}, "
                f"kernel_size={kernel_size}"
            )
        self.config = {
            "n_layers": n_layers, "channels": channels, "kernel_size": kernel_size, "in_channels": in_channels,
            "weight_norm": weight_norm, "init": init, "seed": seed,
        }  # fmt: skip
        for i in range(n_layers):
            last = i == n_layers - 1
            self.add_conv(
                f"layer_{i}", Conv1D, channels if i else in_channels, 1 if last else channels, kernel_size,
                dilation_rate=1 if last else max(i, 1), padding="same",
            )  # fmt: skip
        self.built = True

    def call(self, audio):
        """Audio [batch, samples, channels] -> ([logits [batch, samples]], [list of feature maps]), logits float32."""
        x, maps = audio, []
        *hidden, score = self.convs.values()
        for layer in hidden:
            x = ops.leaky_relu(layer(x), SLOPE)
            maps.append(x)
        return [ops.cast(score(x)[:, :, 0], "float32")], [maps]
