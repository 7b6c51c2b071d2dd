"""The stubs of `tensorflow-serving-api` talk to the server: `make test-clients` installs them."""

import numpy as np
import pytest
import tensorflow as tf

apis = pytest.importorskip("tensorflow_serving.apis", reason="tensorflow-serving-api is not installed")


@pytest.fixture(scope="module")
def stubs(call):
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    prediction = prediction_service_pb2_grpc.PredictionServiceStub(call.channel)
    return prediction, model_service_pb2_grpc.ModelServiceStub(call.channel)


def test_predict(stubs):
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "m", "two"
    request.inputs["a"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]]))
    request.inputs["b"].CopyFrom(tf.make_tensor_proto([7]))
    reply = stubs[0].Predict(request, timeout=60)
    assert reply.model_spec.version.value == 2 and reply.model_spec.signature_name == "two"
    assert list(reply.outputs["s"].float_val) == [2.0, 4.0]
    np.testing.assert_array_equal(tf.make_ndarray(reply.outputs["n"]), [8])
    request.output_filter.append("n")
    request.model_spec.version_label = "stable"
    reply = stubs[0].Predict(request, timeout=60)
    assert list(reply.outputs) == ["n"] and reply.model_spec.version.value == 1


def test_classify_regress_and_both(stubs):
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

    def filled(request, signature):
        request.model_spec.name, request.model_spec.signature_name = "m", signature
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
        return request

    reply = stubs[0].Classify(filled(classification_pb2.ClassificationRequest(), "labels"), timeout=60)
    classes = reply.result.classifications[0].classes
    assert [(one.label, one.score) for one in classes] == [("a", 2.0), ("b", -2.0)]
    reply = stubs[0].Regress(filled(regression_pb2.RegressionRequest(), "reg"), timeout=60)
    assert [one.value for one in reply.result.regressions] == [3.0]
    request = inference_pb2.MultiInferenceRequest()
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
    for signature, method in (("cls", "classify"), ("reg", "regress")):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "m", signature
    reply = stubs[0].MultiInference(request, timeout=60)
    assert [one.WhichOneof("result") for one in reply.results] == ["classification_result", "regression_result"]


def test_metadata_and_status(stubs):
    from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "m"
    reply = stubs[0].GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == 1
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    reply = stubs[1].GetModelStatus(request, timeout=60)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(one.version, one.state) for one in reply.model_version_status] == [(2, available), (1, available)]


def test_reload(stubs):
    import grpc
    from tensorflow_serving.apis import model_management_pb2

    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="m", base_path="relative", model_platform="tensorflow")
    with pytest.raises(grpc.RpcError) as raised:
        stubs[1].HandleReloadConfigRequest(request, timeout=60)
    assert raised.value.code().name == "INVALID_ARGUMENT" and "absolute path" in raised.value.details()
