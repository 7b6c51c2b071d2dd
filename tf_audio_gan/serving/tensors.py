"""TensorProtos <-> arrays, for the gRPC interface: as bytes, because that is what travels."""

import math

import numpy as np

from tf_audio_gan.serving.status import RequestError

LARGEST = 2**31  # bytes; a message is no larger, but a shape can state anything
_PACKED = {"float32": b"\x2a", "float64": b"\x32"}  # tags of float_val and double_val, whose packed form is the array's
_FIELDS = {
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "object": "string_val",
}
_KNOWN = {*_PACKED, *_FIELDS, "string", "complex64", "complex128"}


def read_tensor(name, data):
    """The array of a serialized TensorProto.

    Args:
        name: of the input, for the error.
        data: bytes.

    Returns:
        array of the proto's type and shape; strings as an object array of bytes.

    Raises:
        RequestError: it is no TensorProto, or holds other values than its type and shape say.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import tensor_pb2

    try:
        proto = tensor_pb2.TensorProto.FromString(data)
        sizes = [dim.size for dim in proto.tensor_shape.dim]
        dtype = tf.as_dtype(proto.dtype)
        if dtype.name not in _KNOWN:
            raise ValueError(f"it is of type {dtype.name}")
        if proto.tensor_shape.unknown_rank or min(sizes, default=0) < 0 or len(sizes) > 32:
            raise ValueError("its shape is not known")
        if math.prod(sizes) * max(dtype.size or 1, 1) > LARGEST:
            raise ValueError("it is too large")
        if dtype == tf.string and proto.tensor_content:
            raise ValueError("strings have no tensor_content")
        array = tf.make_ndarray(proto)
    except (DecodeError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RequestError(f"tensor parsing error: {name} ({error})") from None
    return np.asarray(array)


def write_tensor(array):
    """The serialized TensorProto of an array, with its values in the typed field: clients read `float_val`."""
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    array = np.asarray(array)
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    name = array.dtype.name
    if name in _PACKED:
        values = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        return proto.SerializeToString() + _PACKED[name] + _varint(len(values)) + values
    if name in ("float16", "bfloat16"):
        proto.half_val.extend(array.view(np.uint16).ravel().tolist())
    elif name in _FIELDS:
        getattr(proto, _FIELDS[name]).extend(array.ravel().tolist())
    else:
        proto.tensor_content = array.tobytes()
    return proto.SerializeToString()


def _varint(number):
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])
