"""SEGAN's and SEGAN+'s networks (Pascual et al. 2017, section 3; the authors' code where the paper is silent)."""

import math

import keras
from keras import layers, ops

from tf_audio_gan.layers.circular_shift import random_shift
from tf_audio_gan.layers.initial_weights import initial_weights
from tf_audio_gan.layers.reflection_pad import reflection_pad
from tf_audio_gan.layers.virtual_batch_norm import VirtualBatchNorm

PADDINGS = ("zeros", "reflect")
INITS = ("truncated_normal", "normal")
SKIP_GAINS = {"none": None, "ones": "ones", "zeros": "zeros", "random": "random_normal"}
SLOPE = 0.3  # of SEGAN's LeakyReLU


def check(**chosen):
    """Raises ValueError unless every setting is one of those there are."""
    known = {
        "padding": PADDINGS, "init": INITS, "skip_merge": ("concat", "sum"), "skip_gain": tuple(SKIP_GAINS),
        "activation": ("leaky_relu", "prelu"), "head": ("conv", "dense"),
    }  # fmt: skip
    for name, value in chosen.items():
        if value not in known[name]:
            raise ValueError(f"{name} must be one of {', '.join(known[name])}. Received: {name}={value!r}")


def scaled(filters, width):
    """Channel counts times `width`, each rounded to the nearest whole number, at least 1."""
    return tuple(max(1, round(n * width)) for n in filters)


def _kernel(init, seed):
    if init == "truncated_normal":
        return keras.initializers.TruncatedNormal(0.0, 0.02, seed=seed)
    return keras.initializers.RandomNormal(0.0, 0.02, seed=seed)


def _prelu(name, start=0.0):
    return layers.PReLU(keras.initializers.Constant(start), shared_axes=[1], name=name)


class _Strided(keras.Model):
    """What both networks have: convolutions with a stride, after zeros ("same") or a reflection of the edges."""

    def __init__(self, filters, kernel_size, stride, padding, init, bias, seed, **kwargs):
        super().__init__(**kwargs)
        check(padding=padding, init=init)
        if kernel_size % 2 == 0 or stride < 2 or kernel_size < stride or not filters:
            raise ValueError(
                "filters must not be empty, kernel_size odd and at least the stride, the stride from 2. "
                f"Received: filters={list(filters)}, kernel_size={kernel_size}, stride={stride}"
            )
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.downs = [
            layers.Conv1D(
                n, kernel_size, stride, "same" if padding == "zeros" else "valid", use_bias=bias,
                kernel_initializer=_kernel(init, 1000 * seed + i), name=f"down_{i}",
            )
            for i, n in enumerate(filters)
        ]  # fmt: skip

    def down(self, x, i):
        """Convolution `i`: [batch, time, channels] -> [batch, time / stride, filters]."""
        if self.padding == "reflect":
            x = reflection_pad(x, (self.kernel_size - 1) // 2 - 1, (self.kernel_size - 1) // 2)
        return self.downs[i](x)


@keras.saving.register_keras_serializable("tf_audio_gan", "SEGANGenerator")
class Generator(_Strided):
    """Noisy speech and latents to clean speech: an encoder, a decoder, and skips between levels of one length.

    An encoder level is a convolution with a stride and a PReLU; what skips is the convolution's output before the
    PReLU. The decoder begins with [latents, code] and has a transposed convolution for every level, PReLU after each
    but the last, which has tanh; a skip is merged after the PReLU, as [decoder, skip] or their sum.

    Args:
        filters: channels of the encoder's levels; the decoder has them in reverse, without the last, then 1.
        kernel_size: time steps of every kernel, odd.
        stride: of every level.
        padding: of the encoder: "zeros" or "reflect", 14 steps on the left and 15 on the right for 31.
        latent_dim: channels of the latents, which have the code's length; 0: none are taken.
        skip_merge: "concat" or "sum".
        skip_gain: a learned factor for each channel of a skip, by its start: "ones", "zeros", "random" (normal);
            "none": no factor.
        bias: whether convolutions have one.
        init: of kernels, of standard deviation 0.02: "truncated_normal", or "normal" with PyTorch's default,
            uniform within 1 / sqrt(inputs x kernel_size), in the decoder: SEGAN+'s code leaves that in place.
        seed: of the initial weights.
    """

    def __init__(
        self, filters, kernel_size=31, stride=2, padding="zeros", latent_dim=0, skip_merge="concat", skip_gain="none",
        bias=True, init="truncated_normal", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(filters, kernel_size, stride, padding, init, bias, seed, **kwargs)
        check(skip_merge=skip_merge, skip_gain=skip_gain)
        self.skip_merge, self.latent_dim = skip_merge, latent_dim
        widths = [*filters[-2::-1], 1]
        inputs = [filters[-1] + latent_dim, *(n * (2 if skip_merge == "concat" else 1) for n in widths[:-1])]
        self.down_acts = [_prelu(f"down_act_{i}") for i in range(len(filters))]
        self.ups = [self._up(i, inputs[i], n, bias, init, seed) for i, n in enumerate(widths)]
        self.up_acts = [_prelu(f"up_act_{i}") for i in range(len(widths) - 1)]
        self.gains = []
        if skip_gain != "none":
            self.gains = [
                self.add_weight(shape=(n,), initializer=SKIP_GAINS[skip_gain], name=f"skip_gain_{i}")
                for i, n in enumerate(filters[:-1])
            ]
        for i, n in enumerate(filters):
            self.downs[i].build((None, None, filters[i - 1] if i else 1))
            self.down_acts[i].build((None, None, n))
            self.ups[i].build((None, None, inputs[i]))
        for act, n in zip(self.up_acts, widths, strict=False):
            act.build((None, None, n))
        self.built = True

    def _up(self, i, inputs, filters, bias, init, seed):
        weights = {"kernel_initializer": _kernel(init, 1000 * seed + 100 + i)}
        if init == "normal":
            weights = initial_weights("uniform", inputs * self.kernel_size, 1000 * seed + 100 + i)
        return layers.Conv1DTranspose(
            filters, self.kernel_size, self.stride, "same", use_bias=bias, name=f"up_{i}", **weights
        )

    def call(self, noisy, latents=None):
        """Noisy [batch, time, 1] and latents [batch, time / stride^levels, latent_dim] -> [batch, time, 1], float32.

        The output is in [-1, 1]. `time` is a multiple of stride^levels; with padding "reflect" every level needs more
        than kernel_size / 2 steps.
        """
        x, skips = noisy, []
        for i, act in enumerate(self.down_acts):
            x = self.down(x, i)
            skips.append(x)
            x = act(x)
        x = x if latents is None else ops.concatenate([ops.cast(latents, x.dtype), x], axis=-1)
        for i, act in enumerate(self.up_acts):
            x = self._merged(act(self.ups[i](x)), skips[-2 - i], -1 - i)
        return ops.tanh(ops.cast(self.ups[-1](x), "float32"))

    def _merged(self, x, skip, i):
        skip = skip * ops.cast(self.gains[i], skip.dtype) if self.gains else skip
        return ops.concatenate([x, skip], axis=-1) if self.skip_merge == "concat" else x + skip


@keras.saving.register_keras_serializable("tf_audio_gan", "SEGANDiscriminator")
class Discriminator(_Strided):
    """A pair (clean or enhanced, noisy) to one logit: convolutions with a stride, each normalised; a head.

    Args:
        window: samples of its input, a multiple of stride^levels.
        filters, kernel_size, stride, padding, bias, init, seed: as the generator's.
        norm: "vbn_segan" or "bn" (`VirtualBatchNorm`).
        activation: "leaky_relu" (0.3) or "prelu" (from 0).
        phase_shift: the largest circular shift before every convolution, one draw a layer and group; 0: none.
        head: "conv": a convolution to one channel, without a bias in the zero-padded form, and a dense layer over time;
            "dense": over all that is left, layers of `hidden` with PReLU (from 0.25) and one to the logit.
        hidden: units of the dense head.
    """

    def __init__(
        self, window, filters, kernel_size=31, stride=2, padding="zeros", norm="vbn_segan", activation="leaky_relu",
        phase_shift=0, head="conv", hidden=(256, 128), bias=True, init="truncated_normal", seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(filters, kernel_size, stride, padding, init, bias, seed, **kwargs)
        check(activation=activation, head=head)
        self.phase_shift = phase_shift
        self.needs_reference = norm == "vbn_segan"
        self.norms = [VirtualBatchNorm(norm, seed=1000 * seed + 100 + i, name=f"norm_{i}") for i in range(len(filters))]
        self.acts = [_prelu(f"act_{i}") for i in range(len(filters))] if activation == "prelu" else []
        self.head = self._head(head, hidden, init, seed)
        self._build(window, filters)

    def _head(self, kind, hidden, init, seed):
        """Layers of the head, in order; the first of "conv" sees time, the others flat examples."""
        glorot = lambda i: keras.initializers.GlorotUniform(seed=1000 * seed + 200 + i)  # noqa: E731
        logit = layers.Dense(1, kernel_initializer=glorot(0), dtype="float32", name="logit")
        if kind == "conv":
            bias = self.padding == "reflect"
            return [
                layers.Conv1D(1, 1, use_bias=bias, kernel_initializer=_kernel(init, 1000 * seed + 201), name="to_one"),
                layers.Flatten(name="flat"),
                logit,
            ]
        found = [layers.Flatten(name="flat")]
        for i, units in enumerate(hidden, 1):
            found.append(layers.Dense(units, kernel_initializer=glorot(i), name=f"hidden_{i}"))
            found.append(layers.PReLU(keras.initializers.Constant(0.25), name=f"hidden_act_{i}"))
        return [*found, logit]

    def _build(self, window, filters):
        shape = (None, window, 2)
        for i, n in enumerate(filters):
            self.downs[i].build(shape)
            shape = (None, shape[1] // self.stride, n)
            for layer in (self.norms[i], *self.acts[i : i + 1]):
                layer.build(shape)
        for layer in self.head:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, pairs, groups=1, draws=None):
        """Pairs [groups x batch, window, 2] -> ([logits [groups x batch]], [[]]); it hands out no feature maps.

        Groups are judged as in calls of their own, but that "vbn_segan" normalises those after the first with its
        statistics. `draws` (`backend.Draws`) moves the circular shifts; without it nothing is shifted.
        """
        x = pairs
        for i, norm in enumerate(self.norms):
            x = self.down(self._shifted(x, groups, draws and draws.fold("shift", i)), i)
            x = norm(x, groups=groups)
            x = self.acts[i](x) if self.acts else ops.leaky_relu(x, SLOPE)
        for layer in self.head:
            x = layer(x)
        return [ops.cast(x[:, 0], "float32")], [[]]

    def _shifted(self, x, groups, draws):
        if draws is None or not self.phase_shift:
            return x
        parts = [
            random_shift(part, draws.fold(i), self.phase_shift)
            for i, part in enumerate(ops.split(x, groups) if groups > 1 else [x])
        ]
        return ops.concatenate(parts) if groups > 1 else parts[0]


def code_length(window, levels, stride):
    """Time steps of a window's code; ValueError unless the window is a multiple of stride^levels."""
    factor = math.prod([stride] * levels)
    if window < factor or window % factor:
        raise ValueError(
            f"window must be a multiple of stride^levels, {stride}^{levels} = {factor} samples. "
            f"Received: window={window}. {max(1, round(window / factor)) * factor} would do."
        )
    return window // factor
