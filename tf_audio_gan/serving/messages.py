"""The messages of TensorFlow Serving's gRPC interface and of its text files.

Numbers and types are those of tensorflow_serving/apis/*.proto, config/*.proto, session_bundle_config.proto and
monitoring_config.proto. Tensors, examples and signatures are kept as their bytes: TensorFlow has their classes.
"""

import functools
import types

from tf_audio_gan.protos import message_classes

STATES = {"UNKNOWN": 0, "START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}
_ENTRY = [("key", 1, "string"), ("value", 2, "bytes")]
_REPLY = [("model_spec", 2, "ModelSpec")]
_ASK = [("model_spec", 1, "ModelSpec")]
_APIS = {
    "Int64Value": [("value", 1, "int64")],
    "ModelSpec": [
        ("name", 1, "string"),
        ("version", 2, "Int64Value@version_choice"),
        ("version_label", 4, "string@version_choice"),
        ("signature_name", 3, "string"),
    ],
    "Entry": _ENTRY,
    "PredictRequest": [*_ASK, ("inputs", 2, "Entry*"), ("output_filter", 3, "string*")],
    "PredictResponse": [*_REPLY, ("outputs", 1, "Entry*")],
    "ExampleList": [("examples", 1, "bytes*")],
    "ExampleListWithContext": [("examples", 1, "bytes*"), ("context", 2, "bytes")],
    "Input": [
        ("example_list", 1, "ExampleList@kind"),
        ("example_list_with_context", 2, "ExampleListWithContext@kind"),
    ],
    "Class": [("label", 1, "bytes"), ("score", 2, "float")],  # a string, which is not checked to be UTF-8
    "Classifications": [("classes", 1, "Class*")],
    "ClassificationResult": [("classifications", 1, "Classifications*")],
    "ClassificationRequest": [*_ASK, ("input", 2, "Input")],
    "ClassificationResponse": [*_REPLY, ("result", 1, "ClassificationResult")],
    "Regression": [("value", 1, "float")],
    "RegressionResult": [("regressions", 1, "Regression*")],
    "RegressionRequest": [*_ASK, ("input", 2, "Input")],
    "RegressionResponse": [*_REPLY, ("result", 1, "RegressionResult")],
    "InferenceTask": [*_ASK, ("method_name", 2, "string")],
    "InferenceResult": [
        *_ASK,
        ("classification_result", 2, "ClassificationResult@result"),
        ("regression_result", 3, "RegressionResult@result"),
    ],
    "MultiInferenceRequest": [("tasks", 1, "InferenceTask*"), ("input", 2, "Input")],
    "MultiInferenceResponse": [("results", 1, "InferenceResult*")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "ClassifyLog": [("request", 1, "ClassificationRequest")],
    "RegressLog": [("request", 1, "RegressionRequest")],
    "MultiInferenceLog": [("request", 1, "MultiInferenceRequest")],
    "PredictionLog": [
        ("classify_log", 2, "ClassifyLog@log_type"),
        ("regress_log", 3, "RegressLog@log_type"),
        ("predict_log", 6, "PredictLog@log_type"),
        ("multi_inference_log", 4, "MultiInferenceLog@log_type"),
    ],
    "GetModelMetadataRequest": [*_ASK, ("metadata_field", 2, "string*")],
    "Any": [("type_url", 1, "string"), ("value", 2, "bytes")],
    "MetadataEntry": [("key", 1, "string"), ("value", 2, "Any")],
    "GetModelMetadataResponse": [*_ASK, ("metadata", 2, "MetadataEntry*")],
    "SignatureDefMap": [("signature_def", 1, "Entry*")],
    "StatusProto": [("error_code", 1, "int32"), ("error_message", 2, "string")],
    "GetModelStatusRequest": _ASK,
    "ModelVersionStatus": [("version", 1, "int64"), ("state", 2, "int32"), ("status", 3, "StatusProto")],
    "GetModelStatusResponse": [("model_version_status", 1, "ModelVersionStatus*")],
    "Metric": [("name", 1, "string"), ("int64_value_increase", 2, "int64@value_increase")],
    "ReloadConfigRequest": [("config", 1, "ModelServerConfig"), ("metric_names", 2, "string*")],
    "ReloadConfigResponse": [("status", 1, "StatusProto"), ("metric", 2, "Metric*")],
    "HealthCheckRequest": [("service", 1, "string")],
    "HealthCheckResponse": [("status", 1, "int32")],
}
_MODELS = {
    "Latest": [("num_versions", 1, "uint32")],
    "All": [],
    "Specific": [("versions", 1, "int64*")],
    "ServableVersionPolicy": [
        ("latest", 100, "Latest@policy_choice"),
        ("all", 101, "All@policy_choice"),
        ("specific", 102, "Specific@policy_choice"),
    ],
    "VersionLabel": [("key", 1, "string"), ("value", 2, "int64")],
    "LogCollectorConfig": [("type", 1, "string"), ("filename_prefix", 2, "string")],
    "SamplingConfig": [("sampling_rate", 1, "double")],
    "LoggingConfig": [("log_collector_config", 1, "LogCollectorConfig"), ("sampling_config", 2, "SamplingConfig")],
    "ModelConfig": [
        ("name", 1, "string"),
        ("base_path", 2, "string"),
        ("model_type", 3, "ModelType"),
        ("model_platform", 4, "string"),
        ("logging_config", 6, "LoggingConfig"),
        ("model_version_policy", 7, "ServableVersionPolicy"),
        ("version_labels", 8, "VersionLabel*"),
    ],
    "ModelConfigList": [("config", 1, "ModelConfig*")],
    "ModelServerConfig": [
        ("model_config_list", 1, "ModelConfigList@config"),
        ("custom_model_config", 2, "Any@config"),
    ],
}
_FILES = {  # read as text alone, where a field's number does not count
    "StringValue": [("value", 1, "string")],
    "BoolValue": [("value", 1, "bool")],
    "BatchingParameters": [
        ("max_batch_size", 1, "Int64Value"),
        ("batch_timeout_micros", 2, "Int64Value"),
        ("max_enqueued_batches", 3, "Int64Value"),
        ("num_batch_threads", 4, "Int64Value"),
        ("thread_pool_name", 5, "StringValue"),
        ("allowed_batch_sizes", 6, "int64*"),
        ("pad_variable_length_inputs", 7, "bool"),
        ("enable_large_batch_splitting", 8, "BoolValue"),
        ("max_execution_batch_size", 9, "Int64Value"),
    ],
    "PrometheusConfig": [("enable", 1, "bool"), ("path", 2, "string")],
    "MonitoringConfig": [("prometheus_config", 1, "PrometheusConfig")],
}
_ENUMS = {"ModelType": {"MODEL_TYPE_UNSPECIFIED": 0, "TENSORFLOW": 1, "OTHER": 2}}


@functools.cache
def messages():
    """The classes, as attributes of one object."""
    return types.SimpleNamespace(**message_classes("tf_audio_gan.serving", {**_APIS, **_MODELS, **_FILES}, _ENUMS))


def read_text_file(path, kind):
    """Read a text file of one message, as TensorFlow Serving's flags name them.

    Args:
        path: of the file.
        kind: name of the message.

    Returns:
        The message.

    Raises:
        ValueError: there is no such file, or it is not text of that message.
    """
    from google.protobuf import text_format

    try:
        with open(path, encoding="utf-8") as file:
            return text_format.Parse(file.read(), getattr(messages(), kind)())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a text protocol buffer of {kind}: {error}") from error
