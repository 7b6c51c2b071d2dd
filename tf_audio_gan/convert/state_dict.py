"""PyTorch state dicts, {name: numpy array}, into networks of this package.

Kernels are weight-normalised in the old spelling (weight_g, weight_v) or the new one (parametrizations), or fused. A
table of names is {our layer's name: the name before ".weight" and ".bias" there}.
"""

import numpy as np

GAINS = ("weight_g", "parametrizations.weight.original0")
DIRECTIONS = ("weight_v", "parametrizations.weight.original1")
KNOWN = {  # a name that only one kind of file has: what that is
    "model.disc_0.model.layer_0.1": "a discriminator of descriptinc/melgan-neurips",
    "model.1": "a generator of descriptinc/melgan-neurips",
    "melgan.1": "a MelGAN generator of kan-bayashi/ParallelWaveGAN",
    "melgan.0.conv": "a causal MelGAN generator of kan-bayashi/ParallelWaveGAN",
    "upsample_net.conv_in": "a Parallel WaveGAN generator of kan-bayashi/ParallelWaveGAN",
    "discriminators.0.layers.0.1": "a MelGAN discriminator of kan-bayashi/ParallelWaveGAN",
    "discriminators.0.layers.0.0": "a MelGAN discriminator of kan-bayashi/ParallelWaveGAN",
    "input_conv": "a HiFi-GAN generator of kan-bayashi/ParallelWaveGAN",
    "conv_pre": "a HiFi-GAN generator of jik876/hifi-gan",
    "noise_upsample.0": "a StyleMelGAN generator of kan-bayashi/ParallelWaveGAN",
}


def kernel_shapes(state):
    """{layer's name: its kernel's shape, as PyTorch has it} in the order of the state dict, whatever the spelling."""
    shapes = {}
    for key, value in state.items():
        for kind in (*DIRECTIONS, "weight"):
            if key.endswith(f".{kind}"):
                shapes[key.removesuffix(f".{kind}")] = tuple(value.shape)
                break
    return shapes


def kind_of(content):
    """What a file holds, in words for an error."""
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    if isinstance(content.get("model"), dict):
        return "a whole checkpoint of kan-bayashi/ParallelWaveGAN (or of a project that saves as it does)"
    names = {str(key).partition(".weight")[0].partition(".parametrizations")[0] for key in content}
    for name, kind in KNOWN.items():
        if name in names:
            return kind
    return f"a dict of {', '.join(repr(str(key)[:60]) for key in list(content)[:3]) or 'nothing'}"


def load_torch(network, state, names, unused=()):
    """Sets a network's weights from a PyTorch state dict.

    Args:
        network: a `ConvNetwork`, with or without weight normalisation.
        state: {name: array}, all of them for this network.
        names: {our layer: name there}, of a function of the projects' modules.
        unused: names there that have no layer here.

    Returns:
        `network`.

    Raises:
        ValueError: a tensor is missing, left over, of another shape, or holds NaN or infinite numbers.
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
            g = np.reshape(_fitting(state, f"{name}.{gain}", None), -1)
            return v, shaped(g, f"{name}.{gain}", shape[-1:]), keys
    return _transposed(state, f"{name}.weight", shape), None, {f"{name}.weight"}


def _transposed(state, key, shape):
    """Reverses the axes: (out, in, time) -> (time, in, out), and (in, out, time) -> (time, out, in) just so."""
    array = np.transpose(_fitting(state, key, None))
    return shaped(array.reshape(shape) if array.size == np.prod(shape) and array.ndim == 4 else array, key, shape)


def _fitting(state, key, shape):
    if key not in state:
        raise ValueError(f"the state dict has no tensor {key}. It holds, e.g.: {', '.join(list(state)[:5])}")
    array = np.asarray(state[key])
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"{key} holds NaN or infinite numbers, or none at all: the training it is from had diverged")
    return array if shape is None else shaped(array, key, shape)


def shaped(array, key, shape):
    """`array` if it has that shape, else ValueError."""
    if tuple(array.shape) != tuple(shape):
        raise ValueError(
            f"{key} does not fit this network: expected the shape {tuple(shape)}, received {array.shape} (both with "
            "the axes as Keras has them). Its settings (channels, scales, stacks) must be those of the file."
        )
    return array


def normalise(v, g):
    """The kernel g x v / ||v|| in numpy, the norm over all axes but the last."""
    return v * (g / np.sqrt(np.sum(np.square(v), axis=tuple(range(v.ndim - 1)))))
