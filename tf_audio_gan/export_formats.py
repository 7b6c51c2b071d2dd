"""The generator alone as one file for other runtimes: LiteRT (.tflite) and ONNX, read back and compared."""

import json
import tempfile
from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable
from tf_audio_gan.models.vocoder import Vocoder

SUFFIXES = {"litert": ".tflite", "onnx": ".onnx"}
OPSET = 18  # of ONNX; onnxruntime 1.14 and later read it
LIMIT, HALF_LIMIT = 1e-4, 0.02  # largest difference from the model, of the loudest sample; with float16 weights
_INVERSE = ("IFFT", "IRFFT")  # prefixes of operations, the inverse STFT's


def write(model, out, format, float16=False):
    """Writes the generator to one file, whose inputs are of any batch and, for vocoders, any number of frames.

    A vocoder's input is `mel` [batch, frames, n_mels] and, for Parallel WaveGAN, `noise` [batch, frames * hop, 1] of
    standard normal numbers, which the caller draws: LiteRT cannot express the noise that `vocode` makes of a seed.
    Another model's inputs are those of its signature `serving_default`. The output is `audio`. FILE.json beside it says
    the sample rate, the inputs, the mel settings and, for cutting mels into chunks, the least and the receptive frames.
    The file is read by its own runtime, at two batch sizes and lengths, and compared.

    Args:
        model: an `AudioGAN` that computes in float32.
        out: the file, ending in .tflite or .onnx.
        format: "litert" or "onnx".
        float16: LiteRT only: weights of half the size; the arithmetic stays float32.

    Returns:
        pathlib.Path of the file. It appears whole or not at all.

    Raises:
        ImportError: an extra is missing: `litert` or `onnx`.
        ValueError: another suffix, the file exists, the format cannot express the model's graph, or the file does not
            repeat the model's audio within 1e-4 of the loudest sample (float16: 2 %).
    """
    out = Path(out)
    _check_arguments(out, format)
    runtime = _load_litert() if format == "litert" else _load_onnx()
    signature = model.portable_signature() if isinstance(model, Vocoder) else model.signatures()["serving_default"]
    function = _traced(model, signature, format)
    with durable.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with durable.whole(out) as new:
        new.write_bytes(_converted(model, function, format, float16))
        _compare(model, signature, runtime(new), out, float16)
    durable.write_text(Path(f"{out}.json"), json.dumps(_card(model, signature, float16), indent=2) + "\n")
    return out


def _check_arguments(out, format):
    if format not in SUFFIXES:
        raise ValueError(f"format must be saved_model, {' or '.join(SUFFIXES)}. Received: format={format!r}")
    if out.suffix != SUFFIXES[format]:
        raise ValueError(f"a file of format {format} must end in {SUFFIXES[format]}. Received: {out}")
    for path in (out, Path(f"{out}.json")):
        if path.exists():
            raise ValueError(f"{path} exists and will not be overwritten. Choose another path.")


def _traced(model, signature, format):
    import tensorflow as tf

    specs = {name: tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in signature.inputs.items()}
    call = tf.function(lambda **tensors: signature.function(**tensors), autograph=False)
    function = call.get_concrete_function(**specs)
    nodes = function.graph.as_graph_def(add_shapes=False)
    kinds = {node.op for node in nodes.node} | {node.op for f in nodes.library.function for node in f.node_def}
    if wrong := sorted(kind for kind in kinds if kind.startswith(_INVERSE)):
        raise _inexpressible(model, format, f"it has {', '.join(wrong)}: an inverse STFT")
    return function


def _inexpressible(model, format, reason):
    return ValueError(
        f"a {type(model).__name__} cannot be written as {format}: {reason}. Use the format saved_model instead."
    )


def _converted(model, function, format, float16):
    """The file's bytes."""
    convert = _to_litert if format == "litert" else _to_onnx
    try:
        return convert(model, function, float16)
    except Exception as error:  # converters raise many kinds; each means that the graph cannot be written
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _inexpressible(model, format, f"the converter says: {lines[0][:300]}") from error


def _to_litert(model, function, float16):
    import tensorflow as tf

    module = tf.Module()
    module.generator_variables = [v.value for v in model.served_network().variables]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _to_onnx(model, function, float16):
    import tensorflow as tf
    from tf2onnx.convert import from_function

    specs = function.structured_input_signature[1]
    call = tf.function(lambda *tensors: function(**dict(zip(specs, tensors, strict=True))), autograph=False)
    proto, _ = from_function(call, input_signature=list(specs.values()), opset=OPSET)
    for node in proto.graph.node:
        _pad_explicitly(node)
    for value in (*proto.graph.input, *proto.graph.output):
        for size, name in zip(value.type.tensor_type.shape.dim, _axes(value.name), strict=False):
            if not size.HasField("dim_value"):
                size.dim_param = name
    return proto.SerializeToString()


def _pad_explicitly(node):
    """Dilated convolutions of padding "same", which onnxruntime refuses, get the same padding in numbers (stride 1)."""
    found = {a.name: a for a in node.attribute}
    dilations = list(found["dilations"].ints) if "dilations" in found else []
    same = "auto_pad" in found and found["auto_pad"].s == b"SAME_UPPER" and set(found["strides"].ints) == {1}
    if node.op_type != "Conv" or max(dilations, default=1) == 1 or not same:
        return
    from onnx.helper import make_attribute

    total = [d * (k - 1) for d, k in zip(dilations, found["kernel_shape"].ints, strict=True)]
    node.attribute.remove(found["auto_pad"])
    node.attribute.append(make_attribute("pads", [t // 2 for t in total] + [t - t // 2 for t in total]))


def _axes(name):
    return "batch", "frames" if name == "mel" else "samples"


def _load_litert():
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError("the format litert needs ai-edge-litert: pip install 'tf-audio-gan[litert]'") from error

    def load(path):
        runner = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
        return lambda inputs: runner(**inputs)["audio"]

    return load


def _load_onnx():
    try:
        import onnxruntime
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise ImportError("the format onnx needs tf2onnx and onnxruntime: pip install 'tf-audio-gan[onnx]'") from error

    def load(path):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda inputs: session.run(["audio"], inputs)[0]

    return load


def _compare(model, signature, run, out, float16):
    """The written file against the model at two batch sizes and lengths."""
    rng = np.random.default_rng(0)
    for rows, steps in ((1, signature.steps), (2, signature.steps + 13)):
        inputs = {name: _example(model, name, *spec, rows, steps, rng) for name, spec in signature.inputs.items()}
        wanted = np.asarray(signature.function(**inputs)["audio"])
        try:
            found = run(inputs)
        except Exception as error:  # runtimes raise many kinds; each means that the file does not work
            raise ValueError(f"the file written for {out} does not run: {str(error).strip()[:300]}") from error
        limit = (HALF_LIMIT if float16 else LIMIT) * max(float(np.abs(wanted).max()), 1e-2)
        same = found.shape == wanted.shape
        difference = float(np.abs(found - wanted).max()) if same else float("inf")
        if not difference <= limit:
            raise ValueError(
                f"the file written for {out} differs from the model by {difference:g} for {rows} rows of {steps} "
                f"steps (at most {limit:g} is right; shapes {found.shape} and {wanted.shape})"
            )


def _example(model, name, shape, dtype, rows, steps, rng):
    length = steps * model.hop_length if name == "noise" else steps
    shape = [rows, *(length if n is None else n for n in shape[1:])]
    return rng.integers(0, 2, shape).astype(dtype) if "int" in dtype else rng.uniform(-1, 1, shape).astype(dtype)


def _card(model, signature, float16):
    inputs = {name: {"shape": list(shape), "dtype": dtype} for name, (shape, dtype) in signature.inputs.items()}
    card = {"model": type(model).__name__, "format": 1, "float16_weights": float16, "inputs": inputs}
    if isinstance(model, Vocoder):
        card |= {"least_frames": model.least_frames, "receptive_frames": model.receptive_frames}
    return {**card, "output": "audio", "written_with": " ".join(backend.version()), **model.audio_settings()}
