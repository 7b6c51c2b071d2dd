"""Checkpoints of Magenta's GANSynth (TensorFlow 1): a folder of stages, or one stage, with experiment.json."""

import json
import re
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tf_audio_gan.models.gansynth.gansynth import PITCHES, GANSynth
from tf_audio_gan.models.gansynth.scaling import EXAMPLES, MEASURED

PROJECT = "magenta/magenta (gansynth)"
AVERAGE = "ExponentialMovingAverage"
_NAME = re.compile(rf"progressive_gan_block_(\d+)/(conv0|conv1|to_rgb)/(?:conv2d/)?(kernel|bias)/{AVERAGE}$")
_REPRESENTATIONS = {"mel": "if_mel", "linear": "if", "phase": "phase"}
_NORMALIZERS = {
    "specgrams_prespecified_normalizer": "magenta", "none": "none", "specgrams_simple_normalizer": "simple",
    "specgrams_freq_normalizer": "frequency",
}  # fmt: skip
_UNSAID = {  # what Magenta takes for a setting that experiment.json leaves out
    "data_type": "mel", "audio_length": 64000, "sample_rate": 16000, "start_height": 4, "start_width": 8,
    "fmap_base": 512, "fmap_max": 128, "data_normalizer": "specgrams_prespecified_normalizer", "num_resolutions": 7,
    "latent_vector_size": 256,
}  # fmt: skip
_HIRES = _UNSAID | {"start_height": 2, "start_width": 16, "fmap_base": 4096, "fmap_max": 256}  # mel_prog_hires
_FIXED = {  # setting: what this package's networks have
    "kernel_size": 3, "scale_base": 2, "fmap_decay": 1.0, "simple_arch": False, "to_rgb_activation": "tanh",
    "scale_mode": "ALL",
}  # fmt: skip
_SCALES = ("mag_normalizer_a", "mag_normalizer_b", "p_normalizer_a", "p_normalizer_b")


def read(path):
    """The model of a checkpoint; the weights are the moving average's, those that Magenta generates with.

    Args:
        path: a folder with stage_00000 and so on (the last one is taken), a stage's folder, or a file of a checkpoint
            (model.ckpt-N.index). An experiment.json in the folder or above it gives the settings, for what it leaves
            out Magenta's own; without one they are those of mel_prog_hires. A normalizer that was measured is in the
            folder's assets/.

    Returns:
        (`GANSynth`, False: no discriminator, facts for metadata.json, files that were read).

    Raises:
        FileNotFoundError: no checkpoint there.
        ImportError: TensorFlow, which wrote the file, is not installed.
        ValueError: another file, an unfinished stage, or settings that this package does not have.
    """
    prefix = _prefix(path)
    experiment, settings = _settings(prefix)
    weights = _weights(prefix)
    blocks = max(block for block, _, _ in weights)
    size = weights[1, "conv0", "kernel"].shape
    where = experiment or "mel_prog_hires (there is no experiment.json)"
    model = _model(settings, blocks, size, where, prefix.parent.name)
    _load(model.ema_generator, weights, prefix)
    facts, measured = _scale(settings, model, prefix)
    model.ema_generator.facts.assign(progress=blocks - 1, **facts)
    files = [file for file in sorted(prefix.parent.glob(f"{prefix.name}.*")) if not file.name.endswith(".meta")]
    files += [file for file in (experiment, measured) if file]
    return model, False, {"checkpoint": prefix.name, "stage": prefix.parent.name}, files


def _prefix(path):
    """The checkpoint's path without its endings."""
    if path.is_dir():
        stages = sorted(p for p in path.glob("stage_*") if any(p.glob("*.index")))
        folder = stages[-1] if stages else path
        found = sorted(folder.glob("*.index"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])
        if not found:
            raise FileNotFoundError(
                f"{path} holds no checkpoint of {PROJECT}: expected stage_00012/model.ckpt-11000000.index and its data"
            )
        path = found[-1]
    name = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name)
    prefix = path.with_name(name)
    for ending in ("index", "data-*"):
        if not list(prefix.parent.glob(f"{name}.{ending}")):
            raise FileNotFoundError(
                f"{prefix}.{ending} is missing; a checkpoint is a file .index and one or more .data"
            )
    return prefix


def _settings(prefix):
    """(path of experiment.json or None, all settings)."""
    run = prefix.parent.parent if prefix.parent.name.startswith("stage_") else prefix.parent
    places = [folder / "experiment.json" for folder in (prefix.parent, run, run.parent)]
    experiment = next((place for place in places if place.is_file()), None)
    if experiment is None:
        return None, dict(_HIRES)
    try:
        said = json.loads(experiment.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{experiment} is not JSON: {error}") from None
    if isinstance(said, dict) and isinstance(said.get("jobs"), dict):  # of a sweep, as Magenta's first versions read it
        if run.name not in said["jobs"]:
            raise ValueError(f"{experiment} has no job {run.name}. It has {', '.join(said['jobs'])}")
        said = said["jobs"][run.name]
    if not isinstance(said, dict):
        raise ValueError(f"{experiment} holds {type(said).__name__}; expected the flags of a training, an object")
    for name, value in _FIXED.items():
        if said.get(name, value) != value:
            raise ValueError(f"{experiment} says {name} = {said[name]!r}; this package's GANSynth has {value!r} only")
    for name, usual in _UNSAID.items():
        if not isinstance(said.get(name, usual), str if isinstance(usual, str) else int):
            raise ValueError(f"{experiment} says {name} = {said[name]!r}; expected such as {usual!r}")
    return experiment, _UNSAID | said


def _weights(prefix):
    """{(block, layer, kind): array} of the generator's moving average."""
    try:
        import tensorflow as tf
    except ImportError:
        raise ImportError("checkpoints of TensorFlow 1 are read by TensorFlow: pip install tensorflow") from None
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = list(reader.get_variable_to_shape_map())
        found = {match: name for name in names if (match := _NAME.search(name)) and "enerator" in name}
        weights = {(int(m[1]), m[2], m[3]): reader.get_tensor(name) for m, name in found.items()}
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise ValueError(f"{prefix} cannot be read as a checkpoint: {' '.join(str(error).split())[:200]}") from None
    if (1, "conv0", "kernel") not in weights:
        raise ValueError(
            f"{prefix} holds no moving average of a generator of {PROJECT}: expected variables such as "
            f"Generator/progressive_gan_generator/progressive_gan_block_1/conv0/conv2d/kernel/{AVERAGE}. "
            f"Found {len(names)}, e.g. {', '.join(sorted(names)[:3])}"
        )
    return weights


def _model(settings, blocks, size, where, stage):
    """A `GANSynth` of the settings; `size` is that of the first kernel, [height, width, inputs, filters]."""
    kind, normalizer = settings["data_type"], settings["data_normalizer"]
    for name, value, known in (("data_type", kind, _REPRESENTATIONS), ("data_normalizer", normalizer, _NORMALIZERS)):
        if value not in known:
            raise ValueError(f"{where} says {name} = {value!r}; known: {', '.join(known)}")
    wanted, number = settings["num_resolutions"], re.fullmatch(r"stage_(\d+)", stage)
    if blocks != wanted:
        raise ValueError(f"this stage has {blocks} of the {wanted} blocks ({where}); give the last stage")
    if number and int(number[1]) != 2 * wanted - 2:
        raise ValueError(f"in {stage} the last of {wanted} blocks fades in; give the last stage, {2 * wanted - 2:05d}")
    start, latents = (settings["start_height"], settings["start_width"]), settings["latent_vector_size"]
    if start != size[:2]:
        raise ValueError(f"the first kernel is {size[0]} x {size[1]}, but {where} says {start[0]} x {start[1]}")
    if size[2] - latents != len(PITCHES):
        raise ValueError(
            f"the first kernel takes {size[2]} numbers, of which {where} says latents are {latents}; the rest must be "
            f"{len(PITCHES)} pitches, MIDI {PITCHES[0]} to {PITCHES[-1]}. Received: {size[2] - latents}"
        )
    growth = 2 ** (blocks - 1)
    return GANSynth(
        sample_rate=settings["sample_rate"], length=settings["audio_length"],
        representation=_REPRESENTATIONS[kind], frames=start[0] * growth, bins=start[1] * growth, blocks=blocks,
        normalizer=_NORMALIZERS[normalizer], latent_dim=latents, filters=settings["fmap_base"],
        max_filters=settings["fmap_max"],
    )  # fmt: skip


def _scale(settings, model, prefix):
    """(values of `NoteFacts` of the normalizer, the file that they are from or None)."""
    if model.normalizer not in MEASURED:
        scale = [float(settings[name]) for name in _SCALES if name in settings]
        given = len(scale) == 4 and model.normalizer == "magenta"
        return {"slope": [scale[::2]], "offset": [scale[1::2]]} if given else {}, None
    file = prefix.parent.parent / "assets" / f"{settings['data_normalizer']}.npz"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing, in which Magenta keeps the scale that it measured on its data")
    wanted = (4,) if model.normalizer == "simple" else (model.pictures.bins, 4)
    try:
        with np.load(file, allow_pickle=False) as found:
            scale = found["normalizer"]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ValueError(f"{file} is not a normalizer of {PROJECT}: {error}") from None
    if scale.shape != wanted or not np.isfinite(scale).all() or not scale.reshape(-1, 4)[:, ::2].all():
        raise ValueError(f"{file} must hold finite numbers {list(wanted)}, slopes not 0. Received: {list(scale.shape)}")
    scale = scale.reshape(-1, 4)
    return {"slope": scale[:, ::2], "offset": scale[:, 1::2], "measured": EXAMPLES}, file


def _load(network, weights, prefix):
    for b in range(1, network.blocks + 1):
        layers = {"conv0": network.block(b)[0], "conv1": network.block(b)[1], "to_rgb": network.rgb[b - 1]}
        for name, layer in layers.items():
            for kind in ("kernel", "bias"):
                variable, value = getattr(layer, kind), weights.get((b, name, kind))
                what = f"{Path(prefix).name}: {name} of block {b}"
                if value is None:
                    raise ValueError(f"{what} has no {kind}; the checkpoint is not whole")
                if value.shape != tuple(variable.shape):
                    raise ValueError(f"{what} has a {kind} of {value.shape}; the settings want {tuple(variable.shape)}")
                if not np.isfinite(value).all():
                    raise ValueError(f"{what} holds NaN or infinite numbers; take an earlier checkpoint")
                variable.assign(value)
