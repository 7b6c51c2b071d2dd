"""Running a version's warm-up records before it is served."""

import contextlib

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tf_audio_gan.serving.messages import messages
from tf_audio_gan.serving.status import RequestError
from tf_audio_gan.warmup import FILE, MAX_RECORDS


def warm_up(version):
    """Run a version's warm-up records.

    Args:
        version: `version.Version`.

    Returns:
        int, how many records there are.

    Raises:
        RequestError: the file cannot be read or a record fails, with the record's place in the file.
    """
    path = version.path / FILE
    if not path.exists():
        return 0
    from google.protobuf import message

    log_class = messages().PredictionLog
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if count == MAX_RECORDS:
                raise RequestError(f"there are more than the {MAX_RECORDS} records allowed")
            _run_record(version, log_class.FromString(record))
            count += 1
    except (RequestError, tf.errors.OpError, message.DecodeError, ValueError, TypeError) as error:
        raise RequestError(f"warm-up record {count} of {path} fails: {error}") from error
    return count


def _run_record(version, log):
    kind = log.WhichOneof("log_type")
    if kind is None:
        raise RequestError("it is not a predict, classify, regress or multi-inference request")
    request = getattr(log, kind).request
    if kind == "predict_log":
        _predict(version, request)
        return
    from tf_audio_gan.serving.prediction_service import PredictionService

    for asked in request.tasks if kind == "multi_inference_log" else [request]:
        asked.model_spec.name = "any"  # a record's name is not looked at
    methods = {"classify_log": "classify", "regress_log": "regress", "multi_inference_log": "multi_inference"}
    getattr(PredictionService(_Only(version)), methods[kind])(request, 0)


class _Only:
    """Stands for `servables.Servables` while a version is not served yet."""

    def __init__(self, version):
        self._version = version

    def use(self, name, number=None, label=None):
        return contextlib.nullcontext(self._version)


def _predict(version, request):
    name = request.model_spec.signature_name or "serving_default"
    wanted = version.signature(name).inputs
    inputs = {item.key: tf.make_ndarray(tensor_pb2.TensorProto.FromString(item.value)) for item in request.inputs}
    if not inputs or inputs.keys() != wanted.keys():
        raise RequestError(f"signature {name!r} has the inputs {sorted(wanted)}, the record {sorted(inputs)}")
    version.run_alone(name, inputs, 0)
