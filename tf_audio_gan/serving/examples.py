"""The JSON of classify and regress requests -> serialized `tf.Example`s, with the error texts of TensorFlow Serving."""

import json

from tf_audio_gan.serving.json_parse import shown, to_bytes
from tf_audio_gan.serving.json_reply import write_tensor
from tf_audio_gan.serving.json_values import is_base64, json_type, unbase64
from tf_audio_gan.serving.status import RequestError


def read_examples(request, verb):
    """Read the `examples`, and the `context` that goes into each, of a parsed request.

    Args:
        request: dict, the parsed body.
        verb: "classify" or "regress", for the words of an error.

    Returns:
        list of bytes, one serialized `tf.Example` for each example.

    Raises:
        RequestError: there are no examples, or a feature is not a list of integers, of decimals or of strings.
    """
    context = _features(request["context"]) if "context" in request else {}
    if "examples" not in request:
        raise _error(request, f"When method is {verb}, key 'examples' is expected and was not found")
    examples = request["examples"]
    if not isinstance(examples, list):
        raise _error(request, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise _error(request, "'examples' value is an empty array")
    return [_serialized(context | _features(example)) for example in examples]


def _error(value, reason):
    return RequestError(f"JSON Value: {shown(value)} {reason}")


def _features(example):
    """Feature name -> (kind, values) of one JSON object."""
    if not isinstance(example, dict) or is_base64(example):
        raise _error(example, f"Example must be JSON object but got JSON type: {json_type(example)}")
    return {name: _feature(name, value) for name, value in example.items()}


def _feature(name, value):
    values = value if isinstance(value, list) else [value]
    kinds = [_kind(name, item) for item in values]
    for item, kind in zip(values, kinds, strict=True):
        if kind != kinds[0]:
            raise _error(item, f"Unexpected JSON type of Example feature: {name} expecting type: {kinds[0]}")
    if kinds[:1] == ["int64"] and any(not -(2**63) <= item < 2**63 for item in values):
        raise _error(value, f"Value out of range of Example feature: {name} expecting type: int64")
    return (kinds[0] if kinds else None), values


def _kind(name, value):
    """Integers and booleans are int64, decimals float, strings and base64 bytes."""
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, int | float):  # bool is an int, too
        return "float" if isinstance(value, float) else "int64"
    raise _error(value, f"Example feature: {name} has unexpected JSON type: {json_type(value)}")


def _serialized(features):
    import tensorflow as tf

    example = tf.train.Example()
    for name, (kind, values) in features.items():
        feature = example.features.feature[to_bytes(name).decode("utf-8", "replace")]
        if kind == "bytes":
            feature.bytes_list.value.extend(to_bytes(v) if isinstance(v, str) else unbase64(v) for v in values)
        elif kind == "float":
            feature.float_list.value.extend(values)
        elif kind == "int64":
            feature.int64_list.value.extend(map(int, values))
    return example.SerializeToString()


def write_results(results):
    """The body of a reply.

    Args:
        results: `examples_run.regress`'s array of floats, or `examples_run.classify`'s list of (label, score) lists.

    Returns:
        bytes.
    """
    if not isinstance(results, list):
        return b'{"results":%s}' % write_tensor("results", results)
    rows = (b",".join(_pair(*pair) for pair in row) for row in results)
    return b'{"results":[%s]}' % b",".join(b"[%s]" % row for row in rows)


def _pair(label, score):
    text = json.dumps(label.decode("utf-8", "surrogateescape"), ensure_ascii=False)
    return b"[%s,%s]" % (text.encode("utf-8", "surrogateescape"), write_tensor("score", score))
