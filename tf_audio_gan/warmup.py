"""Warm-up records for TensorFlow Serving: a TFRecord of PredictionLog messages, run before a version is served.

The messages are built from a private copy of the few fields they need, so that no serving package has to be installed.
"""

import tensorflow as tf

_PACKAGE = "tf_audio_gan.warmup"
_FIELDS = {  # message: [(field, number, type)], of tensorflow_serving/apis/{model,predict,prediction_log}.proto
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "InputsEntry": [("key", 1, "string"), ("value", 2, "bytes")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "InputsEntry*")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}


def _messages():
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="tf_audio_gan/warmup.proto", package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _FIELDS.items():
        proto = file.message_type.add(name=message)
        for name, number, kind in fields:
            label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            field = proto.field.add(name=name, number=number, label=label)
            if kind in ("string", "bytes"):
                field.type = kinds.TYPE_STRING if kind == "string" else kinds.TYPE_BYTES
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {m: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{m}")) for m in _FIELDS}


def write_warmup_requests(path, model, requests):
    """Writes one PredictionLog record for each request.

    Args:
        path: of `assets.extra/tf_serving_warmup_requests`.
        model: the model's name, stored in each record (servers do not check it).
        requests: list of (signature name, {input name: array}).
    """
    messages = _messages()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            log = messages["PredictionLog"]()
            log.predict_log.request.model_spec.name = model
            log.predict_log.request.model_spec.signature_name = signature
            for name, array in inputs.items():
                tensor = tf.make_tensor_proto(array).SerializeToString()
                log.predict_log.request.inputs.add(key=name, value=tensor)
            writer.write(log.SerializeToString())
