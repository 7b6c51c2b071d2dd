"""Checkpoints of descriptinc/melgan-neurips: netG.pt, and netD.pt beside it."""

from tf_audio_gan.audio.mel import MelFrontEnd
from tf_audio_gan.convert.state_dict import kind_of, load_torch
from tf_audio_gan.convert.torch_file import TorchFile
from tf_audio_gan.convert.torch_melgan import (
    discriminator_keywords,
    discriminator_names,
    generator_names,
    melgan_keywords,
)
from tf_audio_gan.models.melgan.melgan import MelGAN

PROJECT = "descriptinc/melgan-neurips"
PARTS = {"dilated": "block.2", "pointwise": "block.4", "shortcut": "shortcut"}
LAYERS = "model.disc_{scale}.model.layer_{layer}"
ARGUMENTS = {"n_mel_channels": "n_mels", "n_residual_layers": "stacks"}  # of args.yml


def melgan_neurips_names(network):
    """Table of a `melgan.networks.Generator` for the project's `Generator`."""
    return generator_names(network, "model", PARTS)


def melgan_neurips_discriminator_names(network):
    """Table of a `melgan.networks.Discriminator` for the project's `Discriminator`."""
    return discriminator_names(network, LAYERS)


def read(path, discriminator=None):
    """The model of a checkpoint.

    Args:
        path: netG.pt or best_netG.pt, in either format of torch.save. An args.yml beside it must fit.
        discriminator: netD.pt, or None.

    Returns:
        (`MelGAN`, whether its discriminator came too, facts for metadata.json, files that were read).

    Raises:
        ValueError: another file, or settings that this package does not have.
    """
    state = _state(path, "model.1.bias", "a generator (netG.pt or best_netG.pt)")
    keywords = melgan_keywords(state, "model")
    front_end = MelFrontEnd.from_name("melgan", n_mels=keywords.pop("n_mels"))
    files = [path, *_check_arguments(path, keywords | {"n_mels": front_end.n_mels})]
    if (keywords.pop("kernel_size"), keywords.pop("out_channels")) != (7, 1):
        raise ValueError(f"{path} has other first and last layers than {PROJECT}: expected 7 taps and one output")
    if discriminator is not None:
        d_state = _state(discriminator, "model.disc_0.model.layer_0.1.bias", "a discriminator (netD.pt)")
        found = discriminator_keywords(d_state, LAYERS)
        keywords["downsample_scales"] = found.pop("downsample_scales")
        keywords |= {f"d_{name}": value for name, value in found.items()}
        files.append(discriminator)
    model = MelGAN(front_end=front_end.get_config(), **keywords)
    load_torch(model.ema_generator, state, melgan_neurips_names(model.ema_generator))
    if discriminator is not None:
        load_torch(model.discriminator, d_state, melgan_neurips_discriminator_names(model.discriminator))
    return model, discriminator is not None, {}, files


def _state(path, key, wanted):
    file = TorchFile(path)
    names = file.content if isinstance(file.content, dict) else {}
    if key not in names:
        raise ValueError(f"{path} is {kind_of(file.content)}; expected {wanted} of {PROJECT}")
    return file.arrays(names)


def _check_arguments(path, keywords):
    """args.yml holds a tag of a Python class, so it is read as lines of text; returns it as a list if it is there."""
    arguments = path.parent / "args.yml"
    if not arguments.is_file():
        return []
    text = arguments.read_text(encoding="utf-8", errors="replace")
    said = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    for theirs, ours in ARGUMENTS.items():
        value = said.get(theirs, "").strip()
        if value.isdecimal() and int(value) != keywords[ours]:
            raise ValueError(
                f"{arguments} says {theirs}: {value}, but {path.name} has {keywords[ours]}: they are of two runs. "
                "Put the checkpoint beside its own args.yml, or into a folder without one."
            )
    return [arguments]
