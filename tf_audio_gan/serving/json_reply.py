"""Arrays -> the JSON of a predict reply, in the form and types of TensorFlow Serving.

A float is printed with the fewest digits that read back as the same float32 or float64, always with a `.` or an
exponent; NaN and the infinities are the bare tokens `NaN`, `Infinity`, `-Infinity`.
"""

import base64
import json
import re

import numpy as np

from tf_audio_gan.serving.json_values import CPP_NAMES, FLOATS, INTEGERS
from tf_audio_gan.serving.status import RequestError


def _orjson():
    try:
        import orjson
    except ImportError as error:
        raise ImportError("the server needs orjson: pip install 'tf-audio-gan[serve]'") from error
    return orjson


def write_reply(outputs, row):
    """The body of a predict reply.

    Args:
        outputs: dict, output name -> array, not empty.
        row: bool, answer `predictions` by row, else `outputs` by name.

    Returns:
        bytes.

    Raises:
        RequestError: an output's type has no JSON form, or in row form an output has no batch dimension or another
            batch size than the rest.
    """
    outputs = dict(sorted(outputs.items()))
    if not row:
        if len(outputs) == 1:
            return b'{"outputs":%s}' % write_tensor(*outputs.popitem())
        return b'{"outputs":%s}' % _members({name: write_tensor(name, array) for name, array in outputs.items()})
    size = _batch_size(outputs)
    if len(outputs) == 1:
        return b'{"predictions":%s}' % write_tensor(*outputs.popitem())
    rows = (_members({name: write_tensor(name, array[i]) for name, array in outputs.items()}) for i in range(size))
    return b'{"predictions":[%s]}' % b",".join(rows)


def _members(texts):
    return b"{%s}" % b",".join(b"%s:%s" % (json.dumps(name).encode(), text) for name, text in texts.items())


def _batch_size(outputs):
    size = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise RequestError(f"Tensor name: {name} has no shape information ")
        if len(array) < 1:
            raise RequestError(f"Tensor name: {name} has invalid batch size: {len(array)}")
        if size not in (None, len(array)):
            raise RequestError(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}",
            )
        size = len(array)
    return size


def write_tensor(name, array):
    """One tensor as JSON bytes: a scalar, or nested lists of the array's shape.

    Args:
        name: the output's name; a string tensor whose name ends in `_bytes` is written as `{"b64": ...}`.
        array: array or NumPy scalar of any shape; strings as an object array of bytes.

    Returns:
        bytes.
    """
    array = np.asarray(array)
    dtype = array.dtype.name
    if array.dtype == object:
        return _strings(array.tolist(), name.endswith("_bytes"))
    if dtype not in FLOATS and dtype not in INTEGERS and dtype != "bool" and array.size:
        raise RequestError(f"Failed to write JSON value for tensor type: {CPP_NAMES.get(dtype, dtype)}")
    if array.ndim == 0:
        return write_tensor(name, array.reshape(1))[1:-1]
    if not array.size:
        return json.dumps(np.zeros(array.shape).tolist()).encode()
    orjson = _orjson()
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return text if dtype not in FLOATS or np.isfinite(array).all() else _with_tokens(text, array)


def _with_tokens(text, array):
    """Put the tokens of the non-finite values, in order, where orjson wrote null."""
    names = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}
    tokens = iter([names[str(value)] for value in array[~np.isfinite(array)].tolist()])
    return re.sub(b"null", lambda _: next(tokens), text)


def _strings(value, as_bytes):
    if isinstance(value, list):
        return b"[%s]" % b",".join(_strings(item, as_bytes) for item in value)
    if as_bytes:
        return b'{"b64":"%s"}' % base64.b64encode(value)
    text = value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")
