"""A preset becomes a SavedModel that TensorFlow Serving loads: named signatures, warm-up records, checked on disk.

Or one file for LiteRT or ONNX runtimes (`export_formats`).
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable, export_formats
from tf_audio_gan.audio.io import wav_bytes
from tf_audio_gan.models.gan import AudioGAN, from_preset

DESCRIBE = "describe"


def export(preset, out, *, version=None, format="saved_model", float16=False):
    """Writes OUT/<version>/saved_model.pb with the generator alone.

    Signatures (all inputs and outputs with a leading batch dimension): those of the model's `signatures()`, e.g.
    `serving_default` (latents or mels to audio) and `from_seed` (one integer a row to audio), and beside them their
    forms with `wav_bytes` for audio (16-bit WAV files, base64 over REST): `wav`, and for vocoders `wav_to_wav`, which
    refuses another sample rate than the model's. `describe` answers the model's `description()` as JSON text, one for
    each of its `row`s, for clients that only reach a server. Core TensorFlow operations only. After writing, the file
    is loaded again and every signature compared with the model's. The formats "litert" and "onnx" write the generator
    alone to one file instead: see `export_formats.write`.

    Args:
        preset: an `AudioGAN`, or the handle of a preset.
        out: the model's base folder; its name is the model's name for the server. Other formats: the file, ending in
            .tflite or .onnx.
        version: whole number from 1; None: one more than the largest there. For saved_model only.
        format: "saved_model", "litert" or "onnx".
        float16: LiteRT's weights in float16, half the size.

    Returns:
        pathlib.Path of the version's folder, or of the file. It appears whole or not at all.

    Raises:
        ImportError: the format's extra (`litert`, `onnx`) is missing.
        RuntimeError: another backend than TensorFlow.
        ValueError: the version exists, or the written model does not repeat the model's audio.
    """
    backend.require_tensorflow("SavedModel exports" if format == "saved_model" else "exports")
    import tensorflow as tf

    if format != "saved_model" and version is not None:
        raise ValueError(f"version is for format saved_model. Received: {format=}, {version=}")
    if float16 and format != "litert":
        raise ValueError(f"float16 is for format litert. Received: {format=}, {float16=}")
    model = (preset if isinstance(preset, AudioGAN) else from_preset(preset)).in_float32()
    if format != "saved_model":
        return export_formats.write(model, out, format, float16)
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
    """{signature name: concrete function}, the forms with WAV files added."""
    functions = {}
    for name, s in model.signatures().items():
        functions[name] = _concrete(s.inputs, s.function, s.within)
        if s.wav:
            functions[s.wav] = _concrete(*_with_wav(s, model.sample_rate), s.within)
    functions[DESCRIBE] = _concrete({"row": ((None,), "int64")}, _describing(model.description()), {})
    return functions


def _describing(description):
    """A function of rows that says the same for each: outputs without a batch dimension cannot be asked for by rows."""
    import tensorflow as tf

    text = json.dumps(description)
    return lambda row: {"description": tf.fill(tf.shape(row), text)}


def _with_wav(signature, sample_rate):
    """Inputs and function of a signature whose audio, in and out, is WAV files: one string a sound."""
    import tensorflow as tf

    inputs, function = signature.inputs, signature.function
    if "audio" not in inputs:
        return inputs, lambda **tensors: {"wav_bytes": _encode(function(**tensors)["audio"], sample_rate)}

    others = {name: spec for name, spec in inputs.items() if name != "audio"}

    def one(row):
        given = {name: row[name][None] for name in others}
        audio = _decode(row["wav_bytes"], sample_rate)[None]
        return _encode(function(audio=audio, **given)["audio"], sample_rate)[0]

    def each(**rows):
        return {"wav_bytes": tf.map_fn(one, rows, fn_output_signature=tf.string)}

    return {"wav_bytes": ((None,), "string"), **others}, each


def _concrete(inputs, function, within):
    import tensorflow as tf

    def call(**tensors):
        tensors = {name: tf.ensure_shape(x, inputs[name][0]) for name, x in tensors.items()}
        return function(**{name: _bounded(name, x, within.get(name)) for name, x in tensors.items()})

    specs = {name: tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()}
    return tf.function(call, autograph=False).get_concrete_function(**specs)


def _bounded(name, numbers, allowed):
    """The same whole numbers; an error, when the graph runs, for one that is not in a range."""
    import tensorflow as tf

    if allowed is None:
        return numbers
    fine = tf.reduce_all((numbers >= allowed[0]) & (numbers <= allowed[-1]))
    with tf.control_dependencies(
        [tf.debugging.Assert(fine, [f"{name} must be from {allowed[0]} to {allowed[-1]}; received:", numbers])]
    ):
        return tf.identity(numbers)


def _encode(audio, sample_rate):
    import tensorflow as tf

    return tf.map_fn(lambda x: tf.audio.encode_wav(x, sample_rate), audio, fn_output_signature=tf.string)


def _decode(wav, sample_rate):
    """A 16-bit PCM WAV file as audio [samples, 1], channels averaged; an error for another sample rate."""
    import tensorflow as tf

    audio, rate = tf.audio.decode_wav(wav)
    message = f"the WAV file must have a sample rate of {sample_rate} Hz; received:"
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(rate, sample_rate), [message, rate])]):
        return tf.reduce_mean(audio, axis=1, keepdims=True)


def _save(model, functions, folder):
    import tensorflow as tf

    module = tf.Module()
    module.generator_variables = [v.value for v in model.served_network().variables]
    tf.saved_model.save(module, str(folder), signatures=functions)


def _write_extras(model, functions, folder, name):
    from tf_audio_gan.warmup import write_warmup_requests

    (folder / "assets.extra").mkdir()
    card = {"model": type(model).__name__, "sample_rate": model.sample_rate, "signatures": sorted(functions)}
    text = json.dumps({**model.get_config(), **card}, indent=2, default=list)
    (folder / "assets.extra" / "model_card.json").write_text(text + "\n", encoding="utf-8")
    requests = []
    for given, s in model.signatures().items():
        for rows in (1, 4):
            example = {
                n: np.full(_shape(shape, rows, s.steps), s.within.get(n, range(1))[0], dtype)
                for n, (shape, dtype) in s.inputs.items()
            }
            requests.append((given, example))
            if s.wav:
                requests.append((s.wav, _as_wav(example, model.sample_rate)))
    write_warmup_requests(folder, name, [*requests, (DESCRIBE, {"row": np.zeros(1, "int64")})])


def _shape(shape, rows, steps):
    return [rows, *(steps if n is None else n for n in shape[1:])]


def _as_wav(example, sample_rate):
    if "audio" not in example:
        return example
    example = dict(example)
    files = [wav_bytes(audio, sample_rate) for audio in example.pop("audio")]
    return {**example, "wav_bytes": np.array(files, object)}


def _compare(model, folder):
    """Every signature of the written model against the model's own, on random inputs."""
    import tensorflow as tf

    loaded, rng = tf.saved_model.load(str(folder)).signatures, np.random.default_rng(0)
    for name, s in model.signatures().items():
        example = {
            n: tf.constant(_random(rng, _shape(shape, 2, s.steps), d, s.within.get(n)))
            for n, (shape, d) in s.inputs.items()
        }
        for key, wanted in s.function(**example).items():
            difference = float(np.abs(loaded[name](**example)[key].numpy() - wanted.numpy()).max())
            limit = 1e-5 * max(1.0, float(np.abs(wanted.numpy()).max()))
            if not difference <= limit:
                raise ValueError(
                    f"the exported model's {key} ({name}) differs from the model's by {difference:g} "
                    f"(at most {limit:g} is right: 1e-5, or that of the loudest sample)"
                )


def _random(rng, shape, dtype, allowed):
    if "int" in dtype:
        return rng.choice(allowed or range(1000), shape).astype(dtype)
    return rng.uniform(-1, 1, shape).astype(dtype)
