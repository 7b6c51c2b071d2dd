"""Checkpoints of TensorSpeech/TensorFlowTTS: weights files (.h5, Keras 2) of its MelGAN and Multi-band MelGAN."""

from collections import namedtuple

import numpy as np

from tf_audio_gan.audio.mel import SETTINGS
from tf_audio_gan.convert.settings import beside, front_end, read_yaml
from tf_audio_gan.convert.state_dict import normalise, shaped
from tf_audio_gan.models.melgan.melgan import MelGAN, MultiBandMelGAN

PROJECT = "TensorSpeech/TensorFlowTTS"
LJSPEECH = {  # of preprocess/ljspeech_preprocess.yaml there
    "sampling_rate": 22050, "fft_size": 1024, "hop_size": 256, "win_length": None, "num_mels": 80,
    "fmin": SETTINGS["kan_bayashi"]["fmin"], "fmax": SETTINGS["kan_bayashi"]["fmax"],
}  # fmt: skip
Convolution = namedtuple("Convolution", "name kernel bias transposed")


def read(path, config=None, stats=None):
    """The model of a weights file; its discriminator pads otherwise than this package's and cannot be converted.

    Args:
        path: generator-*.h5 or model.h5.
        config: the YAML file with which the mels were made (preprocess/*.yaml); None: LJSpeech's settings.
        stats: stats.npy, the mean and scale by which its mels are normalised; None: the one beside it.

    Returns:
        (`MelGAN` or `MultiBandMelGAN`, False: no discriminator, facts for metadata.json, files that were read).

    Raises:
        FileNotFoundError: no statistics.
        ValueError: another file, or settings that this package does not have.
    """
    convolutions = keras2_convolutions(path)
    keywords = tensorflowtts_keywords(convolutions, path)
    where = "the mel settings of LJSpeech, which hold without a config" if config is None else config
    settings = LJSPEECH if config is None else read_yaml(beside(path, config, [], "a YAML file of mel settings"))
    statistics = beside(path, stats, ["stats.npy", "stats.h5"], "mean and scale of its training mels")
    mels = front_end(settings, where, statistics)
    n_mels, bands, size = (keywords.pop(name) for name in ("n_mels", "out_channels", "kernel_size"))
    if (n_mels, size) != (mels.n_mels, 7):
        raise ValueError(f"{path} takes {n_mels} mel bands by {size} taps; expected {mels.n_mels}, as {where}, and 7")
    keywords["segment_length"] = 8192 // mels.hop_length * mels.hop_length
    keywords |= {"discriminator_start": 0, "gain": (1.0, 1.0), "objective": "lsgan"}
    kind = MultiBandMelGAN if bands > 1 else MelGAN
    try:
        model = kind(front_end=mels.get_config(), bands=bands, **keywords)
    except ValueError as error:
        raise ValueError(f"{path} does not fit {where}: {error}") from None
    load_convolutions(model.ema_generator, convolutions, path)
    return model, False, {}, [path, *([config] if config is not None else []), statistics]


def load_tensorflowtts_melgan(network, path):
    """Sets a `melgan.networks.Generator` from a weights file of `TFMelGANGenerator`.

    Its transposed convolutions have their gains on another axis, so kernels are fused and v, g made from them: the same
    function, not the same optimizer path.

    Args:
        network: a generator of the same settings.
        path: .h5 of Keras 2, with or without weight normalisation.

    Returns:
        `network`.

    Raises:
        ValueError: an odd upsampling scale (TensorFlowTTS is one step early there, so its weights would sound different
            here), or the file does not fit.
    """
    _refuse_odd(network.scales, path)
    return load_convolutions(network, keras2_convolutions(path), path)


def load_convolutions(network, convolutions, path):
    """Sets a `melgan.networks.Generator` from what `keras2_convolutions` found."""
    if len(convolutions) != len(network.convs):
        raise ValueError(f"{path} holds {len(convolutions)} convolutions; this network has {len(network.convs)}")
    for layer, (name, kernel, bias, _) in zip(network.convs.values(), convolutions, strict=True):
        inner = getattr(layer, "layer", layer)
        kernel = shaped(kernel, f"{path}: {name}", inner.kernel.shape)
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise ValueError(f"{path}: {name} or its bias holds NaN or infinite numbers")
        layer.set_kernel(kernel) if layer is not inner else inner.kernel.assign(kernel)
        inner.bias.assign(shaped(bias, f"{path}: the bias beside {name}", inner.bias.shape))
    return network


def tensorflowtts_keywords(convolutions, path):
    """The keywords of `melgan.networks.Generator` that the convolutions of a file imply.

    Raises:
        ValueError: they are not those of such a generator, or have odd scales.
    """
    ups = [i for i, c in enumerate(convolutions) if c.transposed]
    ends = [*ups[1:], len(convolutions) - 1]
    between = {end - start - 1 for start, end in zip(ups, ends, strict=True)}
    if not ups or ups[0] != 1 or len(between) != 1 or min(between) % 3:
        raise ValueError(
            f"{path} is no MelGAN generator of {PROJECT}: expected a convolution, for each scale a transposed one and "
            f"residual stacks of 3, and a last one. Received: {len(convolutions)} convolutions, transposed are {ups}"
        )
    size, n_mels, channels = convolutions[0].kernel.shape
    scales = tuple(convolutions[i].kernel.shape[0] // 2 for i in ups)
    if any(convolutions[at].kernel.shape[1:] != (channels >> i + 1, channels >> i) for i, at in enumerate(ups)):
        raise ValueError(f"{path} is no MelGAN generator of {PROJECT}: each scale must halve the channels, {channels}")
    _refuse_odd(scales, path)
    return {
        "n_mels": n_mels, "channels": channels, "upsample_scales": scales, "stacks": min(between) // 3,
        "kernel_size": size, "out_channels": convolutions[-1].kernel.shape[2],
    }  # fmt: skip


def _refuse_odd(scales, path):
    if any(scale % 2 for scale in scales):
        raise ValueError(
            f"{path}: TensorFlowTTS upsamples odd scales with another offset, which this network does not have. "
            f"Received: upsample_scales={scales}"
        )


def keras2_convolutions(path):
    """[`Convolution`] of a Keras 2 weights file, in the order of the network; kernels fused, [time, ., .]."""
    import h5py

    weights = {}
    try:
        with h5py.File(path) as file:
            if "layer_names" not in file.attrs:
                raise ValueError(f"{path} is no weights file of Keras 2: it has no layer_names")
            for layer in file.attrs["layer_names"]:
                names = file[layer].attrs["weight_names"]
                weights |= {_text(name): file[layer][name][()] for name in names}
        stems = [name.removesuffix("kernel:0") for name in weights if name.endswith("/kernel:0")]
        return [_convolution(weights, stem) for stem in stems]
    except (OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:150]
        raise ValueError(f"{path} is no weights file of Keras 2 (.h5) of a generator: {reason}") from None


def _text(name):
    return name.decode() if isinstance(name, bytes) else str(name)


def _convolution(weights, stem):
    kernel, g = weights[f"{stem}kernel:0"], weights.get(f"{stem}g:0")
    transposed = kernel.ndim == 4
    if g is not None and transposed and len(g) == kernel.shape[2]:  # gains of output channels
        kernel = np.swapaxes(normalise(np.swapaxes(kernel, 2, 3), g), 2, 3)
    elif g is not None:
        kernel = normalise(kernel, g)
    return Convolution(f"{stem}kernel:0", kernel[:, 0] if transposed else kernel, weights[f"{stem}bias:0"], transposed)
