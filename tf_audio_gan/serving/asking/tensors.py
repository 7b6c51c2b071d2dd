"""TensorProtos <-> arrays and SignatureDefs -> dicts, without TensorFlow: its messages, as far as a client needs them.

Packed numbers travel as their bytes, so `float_val` and `double_val` are read as such, at once.
"""

import functools
import math

import numpy as np

from tf_audio_gan.protos import message_classes
from tf_audio_gan.serving.asking.types import NUMBERS, TYPES

_SHAPE = ("tensor_shape", 2, "Shape")
_MESSAGES = {
    "Dim": [("size", 1, "int64")],
    "Shape": [("dim", 2, "Dim*"), ("unknown_rank", 3, "bool")],
    "Tensor": [
        ("dtype", 1, "int32"), _SHAPE, ("tensor_content", 4, "bytes"), ("float_val", 5, "bytes"),
        ("double_val", 6, "bytes"), ("int_val", 7, "int32*"), ("string_val", 8, "bytes*"), ("int64_val", 10, "int64*"),
        ("bool_val", 11, "bool*"), ("half_val", 13, "int32*"),
    ],
    "Info": [("dtype", 2, "int32"), ("tensor_shape", 3, "Shape")],
    "InfoEntry": [("key", 1, "string"), ("value", 2, "Info")],
    "Signature": [("inputs", 1, "InfoEntry*"), ("outputs", 2, "InfoEntry*")],
}  # fmt: skip
_FIELDS = {"int64": "int64_val", "bool": "bool_val", "float16": "half_val", "object": "string_val"}  # others: int_val


@functools.cache
def _classes():
    return message_classes("tf_audio_gan.asking", _MESSAGES)


def write_tensor(array):
    """The serialized TensorProto of an array; strings are an object array of bytes."""
    proto = _classes()["Tensor"](dtype=NUMBERS[array.dtype.name])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype == object:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return proto.SerializeToString()


def read_tensor(name, data):
    """The array of a serialized TensorProto.

    Args:
        name: of the output, for the error.
        data: bytes.

    Returns:
        array; strings as an object array of bytes.

    Raises:
        ValueError: a type that is not among `types.TYPES`, or other values than the shape says.
    """
    proto = _classes()["Tensor"].FromString(data)
    if proto.dtype not in TYPES:
        raise ValueError(f"output {name} is of TensorFlow's type {proto.dtype}; there is no such array here")
    dtype, shape = TYPES[proto.dtype][1], [dim.size for dim in proto.tensor_shape.dim]
    values, count = _values(proto, dtype), math.prod(shape)
    if len(values) == 1 != count:  # the last value stands for all that follow
        values = np.repeat(values, count)
    if len(values) != count:
        raise ValueError(f"output {name} of shape {shape} came with {len(values)} values")
    return values.reshape(shape)


def _values(proto, dtype):
    packed = {"float32": proto.float_val, "float64": proto.double_val}.get(dtype)
    if proto.tensor_content or packed is not None:
        little = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(proto.tensor_content or packed, little).astype(dtype, copy=False)
    values = list(getattr(proto, _FIELDS.get(dtype, "int_val")))
    if dtype == "float16":
        return np.array(values, "uint16").view("float16")
    array = np.empty(len(values), dtype)
    array[:] = values
    return array


def read_signature(data):
    """A serialized SignatureDef in the form that REST has, as far as types and shapes go."""
    signature = _classes()["Signature"].FromString(data)
    return {
        side: {entry.key: _info(entry.value) for entry in getattr(signature, side)} for side in ("inputs", "outputs")
    }


def _info(info):
    dims = [{"size": str(dim.size), "name": ""} for dim in info.tensor_shape.dim]
    dtype = TYPES.get(info.dtype, (f"DT_{info.dtype}",))[0]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": info.tensor_shape.unknown_rank}}
