"""Classify and regress: a signature of serialized `tf.Example`s, run and read as TensorFlow Serving does."""

import numpy as np

from tf_audio_gan.serving.status import RequestError


def classify(version, name, examples, **run):
    """Classify examples.

    Args:
        version: `version.Version`.
        name: str, a signature with the input `inputs` and the outputs `classes` and `scores`, or one of them.
        examples: list of bytes, serialized `tf.Example`s.
        run: keywords of `version.run`.

    Returns:
        list with one list of (label in bytes, score) for each example; `b""` where there are no labels, 0 where there
        are no scores.

    Raises:
        RequestError: the signature is not one to classify with, or its outputs are not [batch, classes].
    """
    signature = _checked(version, name, "classification", range(1, 3))
    if not {"classes", "scores"} & signature.outputs.keys():
        raise RequestError(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature '
            f"was: {signature}"
        )
    outputs = _run(version, name, examples, run)
    found = {key: outputs[key] for key in ("classes", "scores") if key in outputs}
    for key, array in found.items():
        if array.ndim != 2 or len(array) != len(examples):
            raise RequestError(f"Expected {key} Tensor shape: [{len(examples)} num_classes] but got {array.shape}")
    if "scores" in found and found["scores"].dtype != np.float32:
        raise RequestError(f"Expected scores Tensor of DT_FLOAT. Got: {found['scores'].dtype}")
    if "classes" in found and found["classes"].dtype != object:
        raise RequestError(f"Expected classes Tensor of DT_STRING. Got: {found['classes'].dtype}")
    if len({array.shape for array in found.values()}) > 1:
        raise RequestError("Tensors classes and scores should have the same shape")
    labels = found.get("classes", np.full(next(iter(found.values())).shape, b"", object))
    scores = found.get("scores", np.zeros(labels.shape, np.float32))
    return [list(zip(*row, strict=True)) for row in zip(labels, scores, strict=True)]


def regress(version, name, examples, **run):
    """Array of one float32 for each example, by the output `outputs`; arguments and errors as `classify`."""
    signature = _checked(version, name, "regression", range(1, 2))
    if "outputs" not in signature.outputs:
        raise RequestError(f"No regression outputs found in SignatureDef: {signature}")
    array = _run(version, name, examples, run)["outputs"]
    if array.ndim not in (1, 2) or array.size != len(examples) or len(array) != len(examples):
        raise RequestError(
            f"Expected Tensor shape: either [{len(examples)}] or [{len(examples)} 1] but got {array.shape}"
        )
    if array.dtype != np.float32:
        raise RequestError(f"Expected output Tensor of DT_FLOAT. Got: {array.dtype}")
    return array.reshape(-1)


def _checked(version, name, kind, counts):
    if name not in version.signatures:
        raise RequestError(f"No signature was found with the name: {name}")
    signature = version.signatures[name]
    if len(signature.inputs) != 1:
        raise RequestError("Expected one input Tensor.")
    if "inputs" not in signature.inputs:
        raise RequestError(f"No {kind} inputs found in SignatureDef: {signature}")
    if len(signature.outputs) not in counts:
        raise RequestError(f"Expected {' or '.join(map(str, counts))} output Tensors, found {len(signature.outputs)}")
    return signature


def _run(version, name, examples, run):
    array = np.empty(len(examples), object)
    array[:] = examples
    return version.run(name, {"inputs": array}, **run)
