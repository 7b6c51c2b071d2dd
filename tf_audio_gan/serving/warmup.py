"""The requests in `assets.extra/tf_serving_warmup_requests`, run once before a version is served.

The file is a TFRecord of `tensorflow.serving.PredictionLog`. Only the few fields needed are described here, in a
descriptor pool of their own, so that nothing collides with an installed `tensorflow-serving-api`.
"""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tf_audio_gan.serving.status import RequestError

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000
_FIELDS = {  # message -> field -> (number, type); a tensor is kept as its bytes
    "ModelSpec": {"signature_name": (3, "string")},
    "Input": {"key": (1, "string"), "value": (2, "bytes")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "repeated Input")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


def _prediction_log_class():
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="warmup.proto", package="tf_audio_gan.warmup", syntax="proto3")
    for name, fields in _FIELDS.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = types.LABEL_REPEATED if kind.startswith("repeated ") else types.LABEL_OPTIONAL
            kind = kind.removeprefix("repeated ")
            if kind in ("string", "bytes"):
                scalar = types.TYPE_STRING if kind == "string" else types.TYPE_BYTES
                described.field.add(name=field, number=number, label=label, type=scalar)
            else:
                type_name = f".{file.package}.{kind}"
                described.field.add(
                    name=field, number=number, label=label, type=types.TYPE_MESSAGE, type_name=type_name
                )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.PredictionLog"))


def warm_up(version):
    """Run a version's warm-up records.

    Args:
        version: `servables.Version`.

    Raises:
        RequestError: the file cannot be read or a record fails, with the record's place in the file.
    """
    path = version.path / FILE
    if not path.exists():
        return
    from google.protobuf import message

    log_class = _prediction_log_class()
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if count == MAX_RECORDS:
                raise RequestError(f"there are more than the {MAX_RECORDS} records allowed")
            _run_record(version, log_class.FromString(record))
            count += 1
    except (RequestError, tf.errors.OpError, message.DecodeError, ValueError, TypeError) as error:
        raise RequestError(f"warm-up record {count} of {path} fails: {error}") from error


def _run_record(version, log):
    if not log.HasField("predict_log"):
        raise RequestError("it is not a predict request, and this server runs no other kind")
    request = log.predict_log.request
    name = request.model_spec.signature_name or "serving_default"
    wanted = version.signature(name).inputs
    inputs = {item.key: tf.make_ndarray(tensor_pb2.TensorProto.FromString(item.value)) for item in request.inputs}
    if not inputs or inputs.keys() != wanted.keys():
        raise RequestError(f"signature {name!r} has the inputs {sorted(wanted)}, the record {sorted(inputs)}")
    version.run(name, inputs)
