"""The JSON of a predict request -> one NumPy array for each input of the signature.

Row form (`instances`) and columnar form (`inputs`), types and error texts are those of TensorFlow Serving. Whole
lists are converted at once where they are well formed; the element by element walk runs for strings, and to find the
exact words for what is wrong.
"""

import base64
import binascii
import itertools
import re

import numpy as np

from tf_audio_gan.serving.json_parse import shown, to_bytes
from tf_audio_gan.serving.status import RequestError

INT32 = (-(2**31), 2**31 - 1)
INTEGERS = {  # what the JSON may hold; the smaller types wrap around, as they do in TensorFlow Serving
    "int8": INT32,
    "int16": INT32,
    "int32": INT32,
    "uint8": INT32,
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
FLOATS = ("float32", "float64")
CPP_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def read_tensors(request, signature):
    """Read the `instances` or `inputs` of a predict request.

    Args:
        request: dict, the parsed body.
        signature: dict, input name -> dtype name as in `tf.DType.name`, not empty.

    Returns:
        (arrays, row): dict of input name -> array, and whether the request is in row form.

    Raises:
        RequestError: the request does not fit the signature.
    """
    if "instances" in request:
        if "inputs" in request:
            raise _document_error(
                request, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
            )
        return _read_rows(request, signature), True
    if "inputs" in request:
        return _read_columns(request["inputs"], signature), False
    raise RequestError("Missing 'inputs' or 'instances' key")


def _document_error(request, reason):
    return RequestError(f"JSON Value: {shown(request)} {reason}")


def _is_base64(value):
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _is_record(value):
    return isinstance(value, dict) and not _is_base64(value)


def _read_columns(value, signature):
    if _is_record(value):
        missing = next((name for name in sorted(signature) if name not in value), None)
        if missing is not None:
            raise RequestError(f"Missing named input: {missing} in 'inputs' object.")
        return {name: _tensor(value[name], dtype) for name, dtype in sorted(signature.items())}
    if len(signature) > 1:
        raise RequestError(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    return {name: _tensor(value, dtype) for name, dtype in signature.items()}


def _read_rows(request, signature):
    rows = request["instances"]
    if not isinstance(rows, list):
        raise _document_error(request, "Expecting 'instances' to be an list/array")
    if not rows:
        raise _document_error(request, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(signature) > 1:
        raise RequestError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if _is_record(rows[0]):
        columns = _record_columns(rows, signature)
    else:
        columns = _plain_column(rows, signature)
    arrays = {name: _whole_array(values, signature[name]) for name, values in columns.items()}
    if any(array is None for array in arrays.values()):
        return _walk_rows(rows, signature)
    return arrays


def _plain_column(rows, signature):
    for index, row in enumerate(rows):
        if _is_record(row):
            _walk_rows(rows[:index], signature)
            raise RequestError(f"Expecting value/list but got object at item {index} of input list")
    return {next(iter(signature)): rows}


def _record_columns(rows, signature):
    """Values of each input over all rows; every row must have exactly the signature's keys."""
    for index, row in enumerate(rows):
        if not _is_record(row):
            _walk_rows(rows[:index], signature)
            raise RequestError(f"Expecting object but got list at item {index} of input list")
        if row.keys() != signature.keys():
            _walk_rows(rows[: index + 1], signature)
    return {name: [row[name] for row in rows] for name in signature}


def _walk_rows(rows, signature):
    """Read row by row, as TensorFlow Serving does: the first thing wrong is the one reported."""
    shapes, values = {}, {name: [] for name in signature}
    for index, row in enumerate(rows):
        named = row.items() if _is_record(row) else [(next(iter(signature)), row)]
        for name, value in named:
            try:
                _walk_row_value(name, value, signature, shapes, values)
            except RequestError as error:
                key = f" key: {name}" if _is_record(row) else ""
                raise RequestError(
                    f"Failed to process element: {index}{key} of 'instances' list. Error: {error.code}: {error.message}"
                ) from None
        if _is_record(row) and row.keys() != signature.keys():
            raise RequestError(
                f"Failed to process element: {index} of 'instances' list. JSON object: {shown(row)} keys must be "
                f"equal to: {','.join(sorted(signature))}"
            )
    return {name: _array(values[name], (len(rows), *shapes[name]), signature[name]) for name in shapes}


def _walk_row_value(name, value, signature, shapes, values):
    if name not in signature:
        raise RequestError(f"JSON object: does not have named input: {name}")
    shape, flat = _shape(value), []
    _walk(value, 0, shape, signature[name], flat)
    expected = shapes.setdefault(name, shape)
    size, expected_size = int(np.prod(shape)), int(np.prod(expected))
    if size != expected_size:
        raise RequestError(f"Expecting tensor size: {expected_size} but got: {size}")
    if shape != expected:
        raise RequestError(f"Expecting shape {_shape_text(expected)} but got: {_shape_text(shape)}")
    values[name] += flat


def _shape_text(shape):
    return f"[{','.join(map(str, shape))}]"


def _shape(value):
    """Shape of a nested list, going by the first element of each list."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _tensor(value, dtype):
    array = _whole_array(value, dtype)
    if array is None:
        shape, flat = _shape(value), []
        _walk(value, 0, shape, dtype, flat)
        array = _array(flat, shape, dtype)
    return array


def _whole_array(value, dtype):
    """The array of a well-formed nested list of numbers or booleans; None sends it to the walk."""
    if dtype not in FLOATS and dtype not in INTEGERS and dtype != "bool":
        return None
    shape, flat = _shape(value), [value]
    for size in shape:
        if set(map(type, flat)) != {list} or set(map(len, flat)) != {size}:
            return None
        flat = list(itertools.chain.from_iterable(flat))
    allowed = {bool} if dtype == "bool" else {int} if dtype in INTEGERS else {int, float}
    if not set(map(type, flat)) <= allowed:
        return None
    if dtype in INTEGERS and flat and not (INTEGERS[dtype][0] <= min(flat) and max(flat) <= INTEGERS[dtype][1]):
        return None
    return _array(flat, shape, dtype)


def _array(flat, shape, dtype):
    """Values in C order -> array; integers wrap around and floats round or overflow to infinity."""
    if dtype == "string":
        array = np.empty(len(flat), dtype=object)
        array[:] = flat
    elif dtype in INTEGERS:
        array = np.array(flat, np.uint64 if dtype == "uint64" else np.int64).astype(dtype)
    elif dtype == "float32":
        with np.errstate(over="ignore", under="ignore"):
            array = np.array(flat, np.float64).astype(np.float32)
    elif dtype in ("float64", "bool"):
        array = np.array(flat, dtype)
    else:  # a list without values is all that JSON can hold of the other types; the session knows them by number
        import tensorflow as tf

        array = np.zeros(0, tf.as_dtype(dtype).as_numpy_dtype)
    try:
        return array.reshape(shape)
    except ValueError:  # NumPy holds at most 64 dimensions (32 before NumPy 2)
        raise RequestError(f"Expecting a tensor of at most 32 dimensions but got: {len(shape)}") from None


def _walk(value, level, shape, dtype, flat):
    """Append the values of a nested list to `flat`, checking it against `shape` on the way."""
    if not isinstance(value, list):
        if level != len(shape):
            raise RequestError(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise RequestError(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise RequestError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _walk(item, level + 1, shape, dtype, flat)


def _leaf(value, dtype):
    if dtype == "string":
        if isinstance(value, dict):
            return _unbase64(value)
        good = isinstance(value, str)
    elif isinstance(value, dict):
        good = False
    elif dtype in FLOATS:
        good = type(value) in (int, float)
    elif dtype in INTEGERS:
        good = type(value) is int and INTEGERS[dtype][0] <= value <= INTEGERS[dtype][1]
    elif dtype == "bool":
        good = isinstance(value, bool)
    else:
        name = CPP_NAMES.get(dtype, dtype)
        raise RequestError(f"Conversion of JSON Value: {shown(value)} to type: {name}", "UNIMPLEMENTED")
    if not good:
        raise RequestError(
            f"JSON Value: {shown(value)} Type: {_json_type(value)} is not of expected type: "
            f"{CPP_NAMES.get(dtype, dtype)}"
        )
    return to_bytes(value) if dtype == "string" else value


def _json_type(value):
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    return {dict: "Object", list: "Array", str: "String"}.get(type(value), "Number")


def _unbase64(value):
    if not _is_base64(value):
        raise RequestError(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    data = to_bytes(value["b64"]).translate(None, b" \t\n\v\f\r")
    if data and not data.endswith(b"="):
        data += b"=" * (-len(data) % 4)
    try:
        if not _BASE64.fullmatch(data):
            raise binascii.Error
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise RequestError("Unable to base64 decode") from None
