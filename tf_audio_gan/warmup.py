"""Warm-up records for TensorFlow Serving: requests kept beside a SavedModel, run before it is served.

The file is a TFRecord of `tensorflow.serving.PredictionLog`. Only the few fields needed are described here, in a
descriptor pool of their own: nothing has to be installed, and nothing collides with `tensorflow-serving-api`.
"""

from pathlib import Path

import tensorflow as tf

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving reads no more
_PACKAGE = "tf_audio_gan.warmup"
_FIELDS = {  # message: [(field, number, type)], of tensorflow_serving/apis/{model,predict,prediction_log}.proto
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "Input": [("key", 1, "string"), ("value", 2, "bytes")],  # the value is a TensorProto, kept as its bytes
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "Input*")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}


def prediction_log():
    """The class of PredictionLog messages; `inputs` is a list of (key, serialized TensorProto): a map on the wire."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="tf_audio_gan/warmup.proto", package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            if kind in ("string", "bytes"):
                field.type = kinds.TYPE_STRING if kind == "string" else kinds.TYPE_BYTES
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog"))


def write_warmup_requests(folder, model, requests):
    """Writes one record for each request to assets.extra/tf_serving_warmup_requests.

    Args:
        folder: of the version, which holds saved_model.pb; assets.extra must exist.
        model: the model's name, stored in each record (servers do not check it).
        requests: list of (signature name, {input name: array}).
    """
    log_class = prediction_log()
    with tf.io.TFRecordWriter(str(Path(folder) / FILE)) as writer:
        for signature, inputs in requests:
            log = log_class()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = model, signature
            for name, array in inputs.items():
                request.inputs.add(key=name, value=tf.make_tensor_proto(array).SerializeToString())
            writer.write(log.SerializeToString())
