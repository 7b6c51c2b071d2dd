"""Weights of MelGAN and Parallel WaveGAN from other projects: which of their tensors is which layer here.

Four sources: descriptinc/melgan-neurips and kan-bayashi/ParallelWaveGAN (PyTorch state dicts of numpy arrays; kernels
weight-normalised in the old or the new spelling, or fused), TensorSpeech/TensorFlowTTS (Keras 2 weights files). A state
is {name: array}; a table of names is {our layer's name: the name before ".weight" and ".bias" there}.
"""

import numpy as np

GAINS = ("weight_g", "parametrizations.weight.original0")
DIRECTIONS = ("weight_v", "parametrizations.weight.original1")


def load_torch(network, state, names, unused=()):
    """Sets a network's weights from a PyTorch state dict.

    Args:
        network: a `ConvNetwork`, with or without weight normalisation.
        state: {name: array}, all of them for this network.
        names: {our layer: name there}, of one of the functions below.
        unused: names there that have no layer here.

    Returns:
        `network`.

    Raises:
        ValueError: a tensor is missing, left over, or of another shape.
    """
    left = {key for key in state if not key.startswith(tuple(f"{name}." for name in unused))}
    for ours, theirs in names.items():
        left -= _load_layer(network.convs[ours], state, theirs)
    if left:
        raise ValueError(f"the state dict holds tensors that this network does not have: {', '.join(sorted(left)[:5])}")
    return network


def _load_layer(layer, state, name):
    """Sets one layer; returns the names that were used."""
    inner = getattr(layer, "layer", layer)
    v, g, used = _kernel(state, name, inner.kernel.shape)
    if g is None and layer is not inner:
        layer.set_kernel(v)
    elif layer is not inner:
        inner.kernel.assign(v)
        layer.g.assign(g)
    else:
        inner.kernel.assign(v if g is None else normalise(v, g))
    if inner.use_bias:
        inner.bias.assign(_fitting(state, f"{name}.bias", inner.bias.shape))
        used.add(f"{name}.bias")
    return used


def _kernel(state, name, shape):
    """(kernel or direction in Keras's layout, gains or None, names used)."""
    for gain, direction in zip(GAINS, DIRECTIONS, strict=True):
        if f"{name}.{direction}" in state:
            keys = {f"{name}.{gain}", f"{name}.{direction}"}
            v = _transposed(state, f"{name}.{direction}", shape)
            return v, np.reshape(_fitting(state, f"{name}.{gain}", None), -1), keys
    return _transposed(state, f"{name}.weight", shape), None, {f"{name}.weight"}


def _transposed(state, key, shape):
    """Reverses the axes: (out, in, time) -> (time, in, out), and (in, out, time) -> (time, out, in) just so."""
    array = np.transpose(_fitting(state, key, None))
    return _shaped(array.reshape(shape) if array.size == np.prod(shape) and array.ndim == 4 else array, key, shape)


def _fitting(state, key, shape):
    if key not in state:
        raise ValueError(f"the state dict has no tensor {key}. It holds, e.g.: {', '.join(list(state)[:5])}")
    array = np.asarray(state[key])
    return array if shape is None else _shaped(array, key, shape)


def _shaped(array, key, shape):
    if tuple(array.shape) != tuple(shape):
        raise ValueError(
            f"{key} does not fit this network: expected the shape {tuple(shape)}, received {array.shape} (both with "
            "the axes as Keras has them). Its settings (channels, scales, stacks) must be those of the file."
        )
    return array


def normalise(v, g):
    """The kernel g x v / ||v|| in numpy, the norm over all axes but the last."""
    return v * (g / np.sqrt(np.sum(np.square(v), axis=tuple(range(v.ndim - 1)))))


def melgan_neurips_names(network):
    """Table of a `melgan.networks.Generator` for descriptinc/melgan-neurips's `Generator`."""
    return _sequential_melgan(network, "model", {"dilated": "block.2", "pointwise": "block.4", "shortcut": "shortcut"})


def kanbayashi_melgan_names(network):
    """Table of a `melgan.networks.Generator` for kan-bayashi/ParallelWaveGAN's `MelGANGenerator` (not causal)."""
    return _sequential_melgan(
        network, "melgan", {"dilated": "stack.2", "pointwise": "stack.4", "shortcut": "skip_layer"}
    )


def _sequential_melgan(network, root, parts):
    """Both number the entries of one list: pad, conv, then per scale activation, up, stacks; activation, pad, conv."""
    names, at = {"in": f"{root}.1"}, 3
    for i in range(len(network.scales)):
        names[f"up_{i}"] = f"{root}.{at}"
        for j in range(network.stacks):
            names |= {f"stack_{i}_{j}_{ours}": f"{root}.{at + 1 + j}.{theirs}" for ours, theirs in parts.items()}
        at += network.stacks + 2
    return names | {"out": f"{root}.{at + 1}"}


def melgan_neurips_discriminator_names(network):
    """Table of a `melgan.networks.Discriminator` for descriptinc/melgan-neurips's `Discriminator`."""
    return _layers(network, "model.disc_{scale}.model.layer_{layer}")


def kanbayashi_melgan_discriminator_names(network):
    """Table of a `melgan.networks.Discriminator` for kan-bayashi's `MelGANMultiScaleDiscriminator`."""
    return _layers(network, "discriminators.{scale}.layers.{layer}")


def _layers(network, pattern):
    """The first entry of a layer is its padding or its convolution; the last layer is the convolution itself."""
    last, names = len(network.strides) + 2, {}
    for scale in range(network.scales):
        for layer in range(last + 1):
            inner = {0: ".1", last: ""}.get(layer, ".0")
            names[f"scale_{scale}_layer_{layer}"] = pattern.format(scale=scale, layer=layer) + inner
    return names


def kanbayashi_pwg_names(network):
    """Table of a `parallel_wavegan.networks.Generator` for kan-bayashi's `ParallelWaveGANGenerator`.

    Leave out `kanbayashi_pwg_unused(network)`.
    """
    names = {"mel_in": "upsample_net.conv_in", "first": "first_conv"}
    names |= {f"up_{i}": f"upsample_net.upsample.up_layers.{2 * i + 1}" for i in range(len(network.scales))}
    parts = {"dilated": "conv", "mel": "conv1x1_aux", "skip": "conv1x1_skip", "out": "conv1x1_out"}
    for i in range(network.blocks):
        names |= {f"block_{i}_{ours}": f"conv_layers.{i}.{theirs}" for ours, theirs in parts.items()}
    del names[f"block_{network.blocks - 1}_out"]
    return names | {"head_0": "last_conv_layers.1", "head_1": "last_conv_layers.3"}


def kanbayashi_pwg_unused(network):
    """What the peer's last block computes and throws away."""
    return (f"conv_layers.{network.blocks - 1}.conv1x1_out",)


def kanbayashi_pwg_discriminator_names(network):
    """Table of a `parallel_wavegan.networks.Discriminator` for kan-bayashi's `ParallelWaveGANDiscriminator`."""
    return {name: f"conv_layers.{2 * i}" for i, name in enumerate(network.convs)}


def melgan_keywords(state, root):
    """The keywords of `melgan.networks.Generator` that a state dict of either project implies.

    Args:
        state: {name: array}.
        root: "model" (melgan-neurips) or "melgan" (kan-bayashi).

    Returns:
        dict of n_mels, channels, upsample_scales, stacks, kernel_size, out_channels.
    """
    kernels = _sequence(state, f"{root}.")
    numbers = sorted(kernels)
    if len(numbers) < 3:
        raise ValueError(f"no MelGAN generator: fewer than 3 convolutions are called {root}.<number>")
    channels, n_mels, size = kernels[numbers[0]].shape
    ups = numbers[1:-1]
    return {
        "n_mels": n_mels, "channels": channels, "upsample_scales": tuple(kernels[n].shape[2] // 2 for n in ups),
        "stacks": (numbers[-1] - ups[-1]) - 3, "kernel_size": size, "out_channels": kernels[numbers[-1]].shape[0],
    }  # fmt: skip


def _sequence(state, prefix):
    """{n: kernel} of the layers called <prefix><n>, those inside residual stacks left out."""
    found = {}
    for key, value in state.items():
        number, _, kind = key.removeprefix(prefix).partition(".")
        if key.startswith(prefix) and number.isdigit() and kind in ("weight", *DIRECTIONS):
            found[int(number)] = np.asarray(value)
    return found


def load_tensorflowtts_melgan(network, path):
    """Sets a `melgan.networks.Generator` from a weights file of TensorFlowTTS's `TFMelGANGenerator`.

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
    if any(scale % 2 for scale in network.scales):
        raise ValueError(
            f"{path}: TensorFlowTTS upsamples odd scales with another offset, which this network does not have. "
            f"Received: upsample_scales={network.scales}"
        )
    convolutions = _keras2_convolutions(path)
    if len(convolutions) != len(network.convs):
        raise ValueError(f"{path} holds {len(convolutions)} convolutions; this network has {len(network.convs)}")
    for layer, (name, kernel, bias) in zip(network.convs.values(), convolutions, strict=True):
        inner = getattr(layer, "layer", layer)
        kernel = _shaped(kernel, f"{path}: {name}", inner.kernel.shape)
        layer.set_kernel(kernel) if layer is not inner else inner.kernel.assign(kernel)
        inner.bias.assign(_shaped(bias, f"{path}: the bias beside {name}", inner.bias.shape))
    return network


def _keras2_convolutions(path):
    """[(kernel's name, fused kernel [time, ., .], bias)] of a Keras 2 weights file, in the order of the network."""
    import h5py

    with h5py.File(path) as file:
        if "layer_names" not in file.attrs:
            raise ValueError(f"{path} is no weights file of Keras 2: it has no layer_names")
        weights = {}
        for layer in file.attrs["layer_names"]:
            names = file[layer].attrs["weight_names"]
            weights |= {str(name): file[layer][name][()] for name in names}
    kernels = [name for name in weights if name.endswith("/kernel:0")]
    stems = [name.removesuffix("kernel:0") for name in kernels]
    return [(f"{s}kernel:0", _fused(weights, s), weights[f"{s}bias:0"]) for s in stems]


def _fused(weights, stem):
    kernel, g = weights[f"{stem}kernel:0"], weights.get(f"{stem}g:0")
    if g is not None and kernel.ndim == 4 and len(g) == kernel.shape[2]:  # transposed: gains of output channels
        kernel = np.swapaxes(normalise(np.swapaxes(kernel, 2, 3), g), 2, 3)
    elif g is not None:
        kernel = normalise(kernel, g)
    return kernel[:, 0] if kernel.ndim == 4 else kernel
