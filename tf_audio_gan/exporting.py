"""A preset becomes a SavedModel that TensorFlow Serving loads: named signatures, warm-up records, checked on disk."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable
from tf_audio_gan.models.gan import AudioGAN, from_preset


def export(preset, out, *, version=None):
    """Writes OUT/<version>/saved_model.pb with the generator alone.

    Signatures (all inputs and outputs with a leading batch dimension): those of the model's `signatures()`, e.g.
    `serving_default` (latents to audio) and `from_seed` (one integer a row to audio), and `wav` (one integer a row to
    `wav_bytes`, a 16-bit WAV file; base64 over REST). Core TensorFlow operations only. After writing, the file is
    loaded again and compared with the model.

    Args:
        preset: an `AudioGAN`, or the handle of a preset.
        out: the model's base folder; its name is the model's name for the server.
        version: whole number from 1; None: one more than the largest there.

    Returns:
        pathlib.Path of the version's folder. It appears whole or not at all.

    Raises:
        RuntimeError: another backend than TensorFlow.
        ValueError: the version exists, or the written model does not repeat the model's audio.
    """
    backend.require_tensorflow("SavedModel exports")
    import tensorflow as tf

    model = (preset if isinstance(preset, AudioGAN) else from_preset(preset)).in_float32()
    out = Path(out)
    target = out / str(_version(out, version))
    with durable.writing(target):
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="tmp-", dir=out))
    try:
        functions = _functions(model)
        _save(model, functions, staging)
        _write_extras(model, functions, staging, out.name)
        _compare(model, staging)
        staging.chmod(0o755)
        os.rename(staging, target)
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise durable.cannot_write(target, error) from error
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target


def _version(out, version):
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; export needs a folder of its own. Choose another path.")
    if (out / "saved_model.pb").exists():
        raise ValueError(f"{out} is a version itself; export takes the folder above it: {out.parent}")
    existing = [int(p.name) for p in out.iterdir() if p.name.isdecimal()] if out.exists() else []
    if version is None:
        return max(existing, default=0) + 1
    if not isinstance(version, int) or not 0 < version < 2**63:
        raise ValueError(f"version must be a whole number from 1 and below 2^63. Received: version={version!r}")
    if version in existing:
        raise ValueError(f"{out / str(version)} exists and will not be overwritten. Use version={max(existing) + 1}.")
    return version


def _functions(model):
    """{signature name: concrete function}, the WAV form added."""
    signatures = {name: (s.inputs, s.function) for name, s in model.signatures().items()}
    inputs, audio = signatures["from_seed"]
    signatures["wav"] = (inputs, lambda **tensors: {"wav_bytes": _encode(audio(**tensors)["audio"], model.sample_rate)})
    return {name: _concrete(inputs, function) for name, (inputs, function) in signatures.items()}


def _concrete(inputs, function):
    import tensorflow as tf

    def call(**tensors):
        return function(**{name: tf.ensure_shape(x, inputs[name][0]) for name, x in tensors.items()})

    specs = {name: tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()}
    return tf.function(call, autograph=False).get_concrete_function(**specs)


def _encode(audio, sample_rate):
    import tensorflow as tf

    return tf.map_fn(lambda x: tf.audio.encode_wav(x, sample_rate), audio, fn_output_signature=tf.string)


def _save(model, functions, folder):
    import tensorflow as tf

    module = tf.Module()
    module.generator_variables = [v.value for v in model.ema_generator.variables]
    tf.saved_model.save(module, str(folder), signatures=functions)


def _write_extras(model, functions, folder, name):
    from tf_audio_gan.warmup import write_warmup_requests

    (folder / "assets.extra").mkdir()
    card = {"model": type(model).__name__, "sample_rate": model.sample_rate, "signatures": sorted(functions)}
    text = json.dumps({**model.get_config(), **card}, indent=2, default=list)
    (folder / "assets.extra" / "model_card.json").write_text(text + "\n", encoding="utf-8")
    requests = [
        (signature, {n: np.zeros([rows, *shape[1:]], dtype) for n, (shape, dtype) in _inputs(function).items()})
        for signature, function in functions.items()
        for rows in (1, 4)
    ]
    write_warmup_requests(folder, name, requests)


def _inputs(function):
    specs = function.structured_input_signature[1].values()
    return {s.name: (s.shape.as_list(), s.dtype.as_numpy_dtype) for s in specs}


def _compare(model, folder):
    import tensorflow as tf

    seeds = np.array([0, 1], "int64")
    loaded = tf.saved_model.load(str(folder)).signatures["from_seed"](seed=tf.constant(seeds))["audio"].numpy()
    difference = float(np.abs(loaded - model.generate(2, seed=seeds)).max())
    if not difference <= 1e-5:
        raise ValueError(
            f"the exported model's audio differs from the model's by {difference:g} (at most 1e-5 is right)"
        )
