"""Types of tensors as the server names them, and arrays of them."""

from typing import NamedTuple

import numpy as np

TYPES = {  # number and name in TensorFlow -> NumPy's
    1: ("DT_FLOAT", "float32"),
    2: ("DT_DOUBLE", "float64"),
    3: ("DT_INT32", "int32"),
    4: ("DT_UINT8", "uint8"),
    5: ("DT_INT16", "int16"),
    6: ("DT_INT8", "int8"),
    7: ("DT_STRING", "object"),
    9: ("DT_INT64", "int64"),
    10: ("DT_BOOL", "bool"),
    17: ("DT_UINT16", "uint16"),
    19: ("DT_HALF", "float16"),
}
NUMPY = dict(TYPES.values())
NUMBERS = {numpy: number for number, (_, numpy) in TYPES.items()}


class Spec(NamedTuple):
    """Which model is asked: its name, and a version number or a label, or neither for the highest version."""

    model: str
    version: int | None = None
    label: str | None = None


def array_of(name, value, dtype):
    """A value as an array of a signature's type; text as bytes.

    Args:
        name: of the input, for the error.
        value: array, number, text, bytes, or nested lists of them.
        dtype: as metadata names it, e.g. "DT_FLOAT".

    Returns:
        Array; strings as an object array of bytes.

    Raises:
        ValueError: the value is not of that type, or a type that no client of ours has.
    """
    if dtype not in NUMPY:
        raise ValueError(f"input {name} is of type {dtype}; there is no such array here")
    try:
        if dtype == "DT_STRING":
            return _bytes(value)
        array = np.asarray(value)
        if dtype.startswith(("DT_INT", "DT_UINT")) and array.size and array.dtype.kind not in "iu":
            raise ValueError(f"received {array.dtype}")
        return array.astype(NUMPY[dtype])
    except (TypeError, ValueError) as error:
        raise ValueError(f"input {name} must be {dtype} ({NUMPY[dtype]}): {error}") from None


def _bytes(value):
    array = np.array(value, object)
    flat = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
    if any(not isinstance(item, bytes) for item in flat):
        raise ValueError("received something that is neither text nor bytes")
    made = np.empty(len(flat), object)
    made[:] = flat
    return made.reshape(array.shape)
