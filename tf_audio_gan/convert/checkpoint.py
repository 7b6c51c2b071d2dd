"""Checkpoints of other projects into presets."""

from collections import namedtuple
from pathlib import Path

from tf_audio_gan import durable
from tf_audio_gan.convert import kanbayashi, magenta, melgan_neurips, tensorflowtts

PROJECTS = {  # name: (module, the options of `convert_checkpoint` that it takes)
    "melgan-neurips": (melgan_neurips, {"discriminator"}),
    "kan-bayashi": (kanbayashi, {"config", "stats", "generator_only"}),
    "tensorflowtts": (tensorflowtts, {"config", "stats"}),
    "magenta-gansynth": (magenta, set()),
}
TERMS = "The weights keep their authors' terms, and those of the recordings they were trained on: read them before use."
Converted = namedtuple("Converted", "preset model discriminator")
Converted.__doc__ = """What `convert_checkpoint` made.

Attributes:
    preset: path of the folder.
    model: as `from_preset` would open it.
    discriminator: whether the preset has one; without, training on begins with a new one.
"""


def convert_checkpoint(project, file, out, *, config=None, stats=None, discriminator=None, generator_only=False):
    """Makes a preset of a checkpoint of another project, without that project's code and without PyTorch.

    Nothing that stands in the file is run: names of classes and functions in it are refused, but for those of tensors.
    Settings come from the weights' shapes and from the files beside the checkpoint; the generator's weights become both
    the generator and its moving average.

    Args:
        project: "melgan-neurips" (descriptinc), "kan-bayashi" (ParallelWaveGAN: MelGAN, Multi-band MelGAN, Parallel
            WaveGAN), "tensorflowtts" (TensorSpeech: MelGAN, Multi-band MelGAN) or "magenta-gansynth".
        file: the checkpoint: .pt, .pkl or .h5; of Magenta the folder of stages, or one of them.
        out: folder of the preset; appears whole or not at all, replaces an older preset.
        config: YAML: kan-bayashi's config.yml (default: beside `file`), or TensorFlowTTS's mel settings (default:
            LJSpeech's).
        stats: the mean and scale of the mels, .h5 or .npy (default: stats.h5 or stats.npy beside `file`).
        discriminator: melgan-neurips's netD.pt, if it is to come too.
        generator_only: leave kan-bayashi's discriminator out.

    Returns:
        `Converted`.

    Raises:
        FileNotFoundError: a file is missing.
        ImportError: PyYAML is not installed (extra `convert`).
        ValueError: another project or file, an option that the project does not have, or a network that this package
            does not have.
    """
    if project not in PROJECTS:
        raise ValueError(f"checkpoints come from {', '.join(PROJECTS)}. Received: {project!r}")
    module, takes = PROJECTS[project]
    options = {"config": config, "stats": stats, "discriminator": discriminator, "generator_only": generator_only}
    given = {name: value for name, value in options.items() if value}
    if unknown := sorted(given.keys() - takes):
        raise ValueError(
            f"{project} has no use for {', '.join(unknown)}; it takes {', '.join(sorted(takes)) or 'none'}"
        )
    file = Path(file)
    if not (file.is_file() or project == "magenta-gansynth" and file.is_dir()):
        raise FileNotFoundError(f"{file} does not exist; expected a checkpoint of {module.PROJECT}")
    given = {name: value if isinstance(value, bool) else Path(value) for name, value in given.items()}
    model, has_discriminator, facts, files = module.read(file, **given)
    model.generator.set_weights(model.ema_generator.get_weights())
    metadata = _metadata(module.PROJECT, files, facts, has_discriminator)
    model.save_to_preset(out, metadata=metadata, discriminator=has_discriminator)
    return Converted(Path(out), model, has_discriminator)


def _metadata(project, files, facts, has_discriminator):
    return {
        "converted_from": {
            "project": project,
            "files": {path.name: {"bytes": path.stat().st_size, "sha256": durable.sha256(path)} for path in files},
            **facts,
        },
        "discriminator": "converted" if has_discriminator else "none: training on begins with a new one",
        "licence": TERMS,
    }
