"""A parsed JSON value -> one NumPy array, with the types and error texts of TensorFlow Serving.

Well-formed lists of numbers are converted at once; the element by element walk runs for strings, and to find the
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


def is_base64(value):
    """Whether a value is `{"b64": "..."}`, which stands for bytes wherever it is found."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def shape_of(value):
    """Shape of a nested list, going by the first element of each list."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def read_tensor(value, dtype):
    """The array of a scalar or nested list.

    Args:
        value: parsed JSON.
        dtype: name of the type, as in `tf.DType.name`.

    Returns:
        An array of the value's own shape; strings as an object array of bytes.

    Raises:
        RequestError: the lists are ragged, or a value is not of the type.
    """
    array = whole_array(value, dtype)
    if array is None:
        shape, flat = shape_of(value), []
        walk(value, 0, shape, dtype, flat)
        array = array_of(flat, shape, dtype)
    return array


def whole_array(value, dtype):
    """The array of a well-formed nested list of numbers or booleans; None sends it to the walk."""
    if dtype not in FLOATS and dtype not in INTEGERS and dtype != "bool":
        return None
    shape, flat = shape_of(value), [value]
    for size in shape:
        if set(map(type, flat)) != {list} or set(map(len, flat)) != {size}:
            return None
        flat = list(itertools.chain.from_iterable(flat))
    allowed = {bool} if dtype == "bool" else {int} if dtype in INTEGERS else {int, float}
    if not set(map(type, flat)) <= allowed:
        return None
    if dtype in INTEGERS and flat and not (INTEGERS[dtype][0] <= min(flat) and max(flat) <= INTEGERS[dtype][1]):
        return None
    return array_of(flat, shape, dtype)


def array_of(flat, shape, dtype):
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


def walk(value, level, shape, dtype, flat):
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
        walk(item, level + 1, shape, dtype, flat)


def _leaf(value, dtype):
    if dtype == "string":
        if isinstance(value, dict):
            return unbase64(value)
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
            f"JSON Value: {shown(value)} Type: {json_type(value)} is not of expected type: "
            f"{CPP_NAMES.get(dtype, dtype)}"
        )
    return to_bytes(value) if dtype == "string" else value


def json_type(value):
    """A parsed value's type as error messages name it."""
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    return {dict: "Object", list: "Array", str: "String"}.get(type(value), "Number")


def unbase64(value):
    """The bytes of `{"b64": "..."}`; padding may be missing and white space is skipped."""
    if not is_base64(value):
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
