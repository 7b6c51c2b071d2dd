"""Checkpoints of kan-bayashi/ParallelWaveGAN: MelGAN, Multi-band MelGAN, Parallel WaveGAN, and discriminators."""

import re

from tf_audio_gan.convert.kanbayashi_settings import check_settings, training_keywords
from tf_audio_gan.convert.settings import beside, front_end, read_yaml
from tf_audio_gan.convert.state_dict import kernel_shapes, kind_of, load_torch
from tf_audio_gan.convert.torch_file import TorchFile
from tf_audio_gan.convert.torch_melgan import (
    discriminator_keywords,
    discriminator_names,
    generator_names,
    melgan_keywords,
)
from tf_audio_gan.models.melgan.melgan import MelGAN, MultiBandMelGAN
from tf_audio_gan.models.parallel_wavegan.parallel_wavegan import ParallelWaveGAN

PROJECT = "kan-bayashi/ParallelWaveGAN"
PARTS = {"dilated": "stack.2", "pointwise": "stack.4", "shortcut": "skip_layer"}
LAYERS = "discriminators.{scale}.layers.{layer}"
OLD_CUTOFF = 0.15  # of the filter bank of checkpoints up to version 0.4.2; later ones have 0.142


def kanbayashi_melgan_names(network):
    """Table of a `melgan.networks.Generator` for the project's `MelGANGenerator` (not causal)."""
    return generator_names(network, "melgan", PARTS)


def kanbayashi_melgan_discriminator_names(network):
    """Table of a `melgan.networks.Discriminator` for the project's `MelGANMultiScaleDiscriminator`."""
    return discriminator_names(network, LAYERS)


def kanbayashi_pwg_names(network):
    """Table of a `parallel_wavegan.networks.Generator` for the project's `ParallelWaveGANGenerator`.

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
    """Table of a `parallel_wavegan.networks.Discriminator` for the project's `ParallelWaveGANDiscriminator`."""
    return {name: f"conv_layers.{2 * i}" for i, name in enumerate(network.convs)}


def read(path, config=None, stats=None, generator_only=False):
    """The model of a checkpoint.

    Args:
        path: checkpoint-*steps.pkl.
        config: its config.yml; None: the one beside it.
        stats: stats.h5 or stats.npy, the mean and scale by which its mels are normalised; None: the one beside it.
        generator_only: leave the discriminator out, also one that this package does not have.

    Returns:
        (model, whether its discriminator came too, facts for metadata.json, files that were read).

    Raises:
        FileNotFoundError: no config or statistics.
        ValueError: another file, or settings that this package does not have.
    """
    file = TorchFile(path)
    networks = file.content.get("model") if isinstance(file.content, dict) else None
    if not isinstance(networks, dict) or not isinstance(networks.get("generator"), dict):
        raise ValueError(f"{path} is {kind_of(file.content)}; expected a checkpoint of {PROJECT} with its config.yml")
    where = beside(path, config, ["config.yml", "config.yaml"], "the settings that training wrote")
    settings = read_yaml(where)
    statistics = beside(path, stats, ["stats.h5", "stats.npy"], "mean and scale of its training mels")
    mels = front_end(settings, where, statistics)
    d_state = None if generator_only else networks.get("discriminator")
    kind = check_settings(settings, where, with_discriminator=d_state is not None)
    states = file.arrays(networks["generator"]), None if d_state is None else file.arrays(d_state)
    model = (_parallel_wavegan if kind == "ParallelWaveGANGenerator" else _melgan)(path, states, settings, where, mels)
    steps = file.content.get("steps")
    facts = {"steps": steps} if isinstance(steps, int) else {}
    return model, d_state is not None, facts, [path, where, statistics]


def _melgan(path, states, settings, where, mels):
    state, d_state = states
    if "melgan.1.bias" not in state:
        raise ValueError(f"{path} holds {kind_of(state)}; expected the MelGAN generator that {where} describes")
    keywords = melgan_keywords(state, "melgan")
    _agree(keywords, settings["generator_params"], where, {"in_channels": "n_mels", "num_mels": "n_mels"})
    bands = keywords.pop("out_channels")
    _agree_mels(keywords.pop("n_mels"), mels, where)
    keywords = {**keywords, "bands": bands, **training_keywords(settings, mels.hop_length)}
    if keywords.pop("kernel_size") != 7:
        raise ValueError(f"{path}: the first and last convolution must have 7 taps; this package's have no others")
    if bands > 1:
        keywords["pqmf_cutoff"] = _pqmf_cutoff(settings, where)
    if d_state is not None:
        found = discriminator_keywords(d_state, LAYERS)
        keywords["downsample_scales"] = found.pop("downsample_scales")
        keywords |= {f"d_{name}": value for name, value in found.items()}
    model = (MultiBandMelGAN if bands > 1 else MelGAN)(front_end=mels.get_config(), d_init="normal", **keywords)
    load_torch(model.ema_generator, state, kanbayashi_melgan_names(model.ema_generator))
    if d_state is not None:
        load_torch(model.discriminator, d_state, kanbayashi_melgan_discriminator_names(model.discriminator))
    return model


def _parallel_wavegan(path, states, settings, where, mels):
    state, d_state = states
    keywords = pwg_keywords(state, settings["generator_params"].get("stacks", 3))
    _agree(
        keywords,
        settings["generator_params"] | settings["generator_params"]["upsample_params"],
        where,
        {"layers": "blocks", "aux_channels": "n_mels"},
    )
    _agree_mels(keywords.pop("n_mels"), mels, where)
    keywords |= training_keywords(settings, mels.hop_length)
    if d_state is not None:
        kernels = list(kernel_shapes(d_state).values())
        if len(kernels) < 2 or any(len(shape) != 3 or shape[2] != 3 for shape in kernels):
            raise ValueError(f"{path}: its discriminator must be of two or more convolutions of 3 taps")
        keywords |= {"d_layers": len(kernels), "d_channels": kernels[0][0]}
    model = ParallelWaveGAN(front_end=mels.get_config(), **keywords)
    network = model.ema_generator
    load_torch(network, state, kanbayashi_pwg_names(network), kanbayashi_pwg_unused(network))
    if d_state is not None:
        load_torch(model.discriminator, d_state, kanbayashi_pwg_discriminator_names(model.discriminator))
    return model


def pwg_keywords(state, stacks):
    """The keywords of `parallel_wavegan.networks.Generator` that a state dict implies.

    Args:
        state: {name: array}.
        stacks: cycles of dilations, which no shape shows.

    Raises:
        ValueError: the layers are not those of such a generator.
    """
    shapes = kernel_shapes(state)
    blocks = [shape for name, shape in shapes.items() if re.fullmatch(r"conv_layers\.\d+\.conv", name)]
    ups = [shape for name, shape in shapes.items() if name.startswith("upsample_net.upsample.up_layers.")]
    try:
        (residual, _, _), (skip, _, _) = shapes["first_conv"], shapes["last_conv_layers.1"]
        n_mels = shapes["upsample_net.conv_in"][1]
        gate, _, kernel_size = blocks[0]
    except (KeyError, IndexError, ValueError):
        raise ValueError(f"its weights are {kind_of(state)}; expected a Parallel WaveGAN generator") from None
    if blocks != [(gate, residual, kernel_size)] * len(blocks) or any(shape[:3] != (1, 1, 1) for shape in ups):
        raise ValueError("no Parallel WaveGAN generator that is known: expected equal blocks, and upsampling over time")
    return {
        "n_mels": n_mels, "blocks": len(blocks), "stacks": stacks, "residual_channels": residual, "gate_channels": gate,
        "skip_channels": skip, "kernel_size": kernel_size, "upsample_scales": tuple(shape[3] // 2 for shape in ups),
    }  # fmt: skip


def _agree(found, said, where, renamed):
    """Refuses a config of another model: one whose settings the weights' shapes contradict."""
    for name, value in said.items():
        ours = renamed.get(name, name)
        value = tuple(value) if isinstance(value, list) else value
        if ours in found and found[ours] != value:
            raise ValueError(
                f"{where} says {name}: {value}, but the checkpoint has {found[ours]}: they are of two models"
            )


def _agree_mels(n_mels, mels, where):
    if n_mels != mels.n_mels:
        raise ValueError(
            f"{where} says num_mels: {mels.n_mels}, but the checkpoint takes {n_mels}: they are of two models"
        )


def _pqmf_cutoff(settings, where):
    """The cut-off that the project's own loader would take."""
    bank = settings.get("pqmf_params") or {}
    if not isinstance(bank, dict) or (bank.get("taps", 62), bank.get("beta", 9.0)) != (62, 9.0):
        raise ValueError(f"{where}: the filter bank must have 62 taps and beta 9. Received: pqmf_params: {bank}")
    if "cutoff_ratio" in bank:
        return float(bank["cutoff_ratio"])
    version = str(settings.get("version", "0.1.0"))
    parts = [int(part) if part.isdecimal() else part for part in re.findall(r"\d+|[a-z]+", version)]
    try:
        return OLD_CUTOFF if parts <= [0, 4, 2] else 0.142
    except TypeError:
        raise ValueError(f"{where}: version must be one like 0.5.1. Received: {version!r}") from None
