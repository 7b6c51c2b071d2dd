"""MelGANs of PyTorch: melgan-neurips and kan-bayashi number the layers of one list in the same way."""

from tf_audio_gan.convert.state_dict import kernel_shapes


def generator_names(network, root, parts):
    """Table of a `melgan.networks.Generator`.

    The list is: pad, convolution; for each scale activation, transposed convolution, residual stacks; activation, pad,
    convolution.

    Args:
        network: the generator.
        root: what the list is called there.
        parts: {"dilated", "pointwise", "shortcut": its name within a residual stack there}.
    """
    names, at = {"in": f"{root}.1"}, 3
    for i in range(len(network.scales)):
        names[f"up_{i}"] = f"{root}.{at}"
        for j in range(network.stacks):
            names |= {f"stack_{i}_{j}_{ours}": f"{root}.{at + 1 + j}.{theirs}" for ours, theirs in parts.items()}
        at += network.stacks + 2
    return names | {"out": f"{root}.{at + 1}"}


def discriminator_names(network, pattern):
    """Table of a `melgan.networks.Discriminator`: {scale} and {layer} stand in the pattern.

    The first entry of a layer is its padding or its convolution; the last layer is the convolution itself.
    """
    last, names = len(network.strides) + 2, {}
    for scale in range(network.scales):
        for layer in range(last + 1):
            inner = {0: ".1", last: ""}.get(layer, ".0")
            names[f"scale_{scale}_layer_{layer}"] = pattern.format(scale=scale, layer=layer) + inner
    return names


def melgan_keywords(state, root):
    """The keywords of `melgan.networks.Generator` that a state dict of either project implies.

    Args:
        state: {name: array}.
        root: "model" (melgan-neurips) or "melgan" (kan-bayashi).

    Returns:
        dict of n_mels, channels, upsample_scales, stacks, kernel_size, out_channels.

    Raises:
        ValueError: the layers are not those of such a generator.
    """
    shapes = kernel_shapes(state)
    kernels = _sequence(shapes, f"{root}.")
    numbers = sorted(kernels)
    if len(numbers) < 3 or any(len(kernels[n]) != 3 for n in numbers):
        raise ValueError(f"no MelGAN generator: fewer than 3 convolutions are called {root}.<number>")
    channels, n_mels, size = kernels[numbers[0]]
    ups = numbers[1:-1]
    stacks = (numbers[-1] - ups[-1]) - 3
    halved = all(kernels[n][:2] == (channels >> i, channels >> i + 1) for i, n in enumerate(ups))
    if not halved or len(shapes) != 2 + len(ups) * (1 + 3 * stacks):
        raise ValueError(
            f"no MelGAN generator: its {len(shapes)} layers are not a first and a last one, and for each scale one "
            "that halves the channels and as many residual stacks of 3"
        )
    return {
        "n_mels": n_mels, "channels": channels, "upsample_scales": tuple(kernels[n][2] // 2 for n in ups),
        "stacks": stacks, "kernel_size": size, "out_channels": kernels[numbers[-1]][0],
    }  # fmt: skip


def _sequence(shapes, prefix):
    """{n: kernel's shape} of the layers called <prefix><n>, those inside residual stacks left out."""
    numbered = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
    return {int(n): shape for n, shape in numbered.items() if n.isdecimal() and len(n) < 6}


def discriminator_keywords(state, pattern):
    """The keywords of `melgan.networks.Discriminator` that a state dict implies; `pattern` as in `discriminator_names`.

    Returns:
        dict of scales, channels, max_channels, downsample_scales.

    Raises:
        ValueError: the layers are not those of such a discriminator.
    """
    shapes = list(kernel_shapes(state).items())
    first = pattern.format(scale=0, layer="")
    one = [shape for name, shape in shapes if name.startswith(first)]
    scales = len(shapes) // max(1, len(one))
    if len(one) < 4 or [shape for _, shape in shapes] != one * scales or any(len(shape) != 3 for shape in one):
        raise ValueError(f"no discriminator of MelGAN: expected scales of 4 or more equal layers called {first}...")
    taps = [shape[2] for shape in one]
    strides = tuple((k - 1) // 10 for k in taps[1:-2])
    if taps != [15, *(10 * s + 1 for s in strides), 5, 3] or any(shape[1] != 4 for shape in one[1:-2]):
        raise ValueError(
            "a discriminator of MelGAN's kind with other kernels than this package's: expected 15 taps, 10 s + 1 for "
            f"each stride s (4 channels in a group), 5, 3. Received: {taps}"
        )
    return {
        "scales": scales, "channels": one[0][0], "max_channels": max(shape[0] for shape in one),
        "downsample_scales": strides,
    }  # fmt: skip
