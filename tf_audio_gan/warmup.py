"""Warm-up records for TensorFlow Serving: requests kept beside a SavedModel, run before it is served.

The file is a TFRecord of `tensorflow.serving.PredictionLog`, of which only the few fields needed are described here.
"""

from pathlib import Path

import tensorflow as tf

from tf_audio_gan.protos import message_classes

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving reads no more
_FIELDS = {  # of tensorflow_serving/apis/{model,predict,prediction_log}.proto
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "Input": [("key", 1, "string"), ("value", 2, "bytes")],  # the value is a TensorProto, kept as its bytes
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "Input*")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}


def prediction_log():
    """The class of PredictionLog messages; `inputs` is a list of (key, serialized TensorProto): a map on the wire."""
    return message_classes("tf_audio_gan.warmup", _FIELDS)["PredictionLog"]


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
