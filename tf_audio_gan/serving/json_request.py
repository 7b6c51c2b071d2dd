"""The JSON of a predict request -> one NumPy array for each input of the signature.

Row form (`instances`) and columnar form (`inputs`) and their error texts are those of TensorFlow Serving.
"""

import numpy as np

from tf_audio_gan.serving.json_parse import shown
from tf_audio_gan.serving.json_values import array_of, is_base64, read_tensor, shape_of, walk, whole_array
from tf_audio_gan.serving.status import RequestError


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


def _is_record(value):
    return isinstance(value, dict) and not is_base64(value)


def _read_columns(value, signature):
    if _is_record(value):
        missing = next((name for name in sorted(signature) if name not in value), None)
        if missing is not None:
            raise RequestError(f"Missing named input: {missing} in 'inputs' object.")
        return {name: read_tensor(value[name], dtype) for name, dtype in sorted(signature.items())}
    if len(signature) > 1:
        raise RequestError(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    return {name: read_tensor(value, dtype) for name, dtype in signature.items()}


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
    arrays = {name: whole_array(values, signature[name]) for name, values in columns.items()}
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
    return {name: array_of(values[name], (len(rows), *shapes[name]), signature[name]) for name in shapes}


def _walk_row_value(name, value, signature, shapes, values):
    if name not in signature:
        raise RequestError(f"JSON object: does not have named input: {name}")
    shape, flat = shape_of(value), []
    walk(value, 0, shape, signature[name], flat)
    expected = shapes.setdefault(name, shape)
    size, expected_size = int(np.prod(shape)), int(np.prod(expected))
    if size != expected_size:
        raise RequestError(f"Expecting tensor size: {expected_size} but got: {size}")
    if shape != expected:
        raise RequestError(f"Expecting shape {_shape_text(expected)} but got: {_shape_text(shape)}")
    values[name] += flat


def _shape_text(shape):
    return f"[{','.join(map(str, shape))}]"
