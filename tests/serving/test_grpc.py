"""What TensorFlow Serving answers over gRPC, case by case (the numbers are those of the list of cases)."""

import os
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tests.serving.conftest import GRPC, Caller
from tf_audio_gan.serving.messages import messages

F32 = {"dtype": 1}
only_embedded = pytest.mark.skipif(bool(GRPC), reason="changes the server's models or its limits")


def tensor(*values, dtype=1, shape=None, field="float_val", **rest):
    """A TensorProto as its bytes."""
    proto = tensor_pb2.TensorProto(dtype=dtype, **({field: values} if values else {}), **rest)
    for size in (len(values),) if shape is None else shape:
        proto.tensor_shape.dim.add(size=size)
    return proto.SerializeToString()


def predict(signature=None, model="m", output_filter=(), version=None, label=None, **inputs):
    """The fields of a PredictRequest."""
    spec = {"name": model, "signature_name": signature or ""}
    if version is not None:
        spec["version"] = {"value": version}
    if label is not None:
        spec["version_label"] = label
    entries = [{"key": key, "value": value} for key, value in inputs.items()]
    return {"model_spec": spec, "inputs": entries, "output_filter": list(output_filter)}


def outputs(reply):
    return {entry.key: tensor_pb2.TensorProto.FromString(entry.value) for entry in reply.outputs}


def example(x):
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[x]))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature})).SerializeToString()


def examples(*values):
    return {"example_list": {"examples": [example(x) for x in values]}}


def test_g1_predict(call):
    reply = call("Predict", **predict(x=tensor(1, 2, 5)))
    y = outputs(reply)["y"]
    assert list(y.float_val) == [2.5, 3.0, 4.5] and not y.tensor_content and y.tensor_shape.dim[0].size == 3
    spec = reply.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 2, "serving_default")


def test_g2_content_and_repeated_values(call):
    content = tensor(shape=[3], tensor_content=np.array([1, 2, 5], "<f4").tobytes())
    assert list(outputs(call("Predict", **predict(x=content)))["y"].float_val) == [2.5, 3.0, 4.5]
    assert list(outputs(call("Predict", **predict(x=tensor(7, shape=[3]))))["y"].float_val) == [5.5] * 3


def test_g3_version_and_label(call):
    for which in ({"version": 1}, {"label": "stable"}):
        reply = call("Predict", **predict(x=tensor(1), **which))
        assert reply.model_spec.version.value == 1 and list(outputs(reply)["y"].float_val) == [1.5]


BAD_SHAPE = tensor(1, 2, shape=[1])
REFUSED = [
    ("G4", predict(version=99, x=tensor(1)), "NOT_FOUND", "Servable not found for request: Specific(m, 99)"),
    ("G4", predict(model="nope", x=tensor(1)), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
    ("G4", predict(label="zzz", x=tensor(1)), "INVALID_ARGUMENT", "Unrecognized servable version label"),
    ("G5", {}, "INVALID_ARGUMENT", "Missing ModelSpec"),
    ("G5", predict(model="", x=tensor(1)), "INVALID_ARGUMENT", "no name specified"),
    ("G6", predict("nope", x=tensor(1)), "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
    (
        "G7",
        predict("two", a=tensor(1, 2, shape=[1, 2])),
        "INVALID_ARGUMENT",
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
    ),
    ("G7", predict("two", a=tensor(1), b=tensor(1), q=tensor(1)), "INVALID_ARGUMENT", "Sent extra: {q}."),
    ("G7", predict("two", a=tensor(1), q=tensor(1)), "INVALID_ARGUMENT", "not found in request and no default value"),
    ("G8", predict(x=tensor(1, dtype=2, field="double_val")), "INVALID_ARGUMENT", "float"),
    ("G9", predict(x=BAD_SHAPE), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=tensor(1, dtype=20)), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=tensor(1, dtype=999)), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=tensor(1, shape=[2**40])), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=tensor(1, shape=[-1])), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=tensor(shape=[3], tensor_content=b"12345")), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G9", predict(x=b"\xff\xff"), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ("G10", predict(output_filter=["zz"], x=tensor(1)), "INVALID_ARGUMENT", "output tensor alias not found"),
    ("G10", predict(output_filter=["y", "y"], x=tensor(1)), "INVALID_ARGUMENT", "duplicate output tensor alias"),
    ("op", predict("mat", z=tensor(1, 2, shape=[1, 2])), "INVALID_ARGUMENT", "Matrix size-incompatible"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[3][:40]}")
def test_g4_to_g10_refused(call, case):
    _, fields, code, text = case
    found, details = call.error("Predict", **fields)
    assert found == code and text in details


def test_g10_output_filter(call):
    ab = {"a": tensor(1, 2, shape=[1, 2]), "b": tensor(7, dtype=3, field="int_val")}
    reply = call("Predict", **predict("two", output_filter=["n"], **ab))
    assert {key: list(proto.int_val) for key, proto in outputs(reply).items()} == {"n": [8]}
    assert outputs(call("Predict", **predict("two", **ab))).keys() == {"s", "n"}


def test_g11_zero_rows(call):
    y = outputs(call("Predict", **predict(x=tensor(shape=[0]))))["y"]
    assert [dim.size for dim in y.tensor_shape.dim] == [0] and not y.float_val


def test_g12_what_rest_rows_cannot_say(call):
    reply = outputs(call("Predict", **predict("scal", x=tensor(1))))
    assert not reply["c"].tensor_shape.dim and list(reply["c"].int_val) == [3]
    assert {k: len(v.float_val) for k, v in outputs(call("Predict", **predict("mixb", x=tensor(1, 2)))).items()} == {
        "y": 2,
        "w": 1,
    }
    half = tensor(0x3C00, 0x4000, dtype=19, field="half_val")
    assert list(outputs(call("Predict", **predict("f16", k=half)))["k"].half_val) == [0x3C00, 0x4000]


def test_types_pass_unchanged(call):
    for signature, dtype, field, values in (
        ("i32", 3, "int_val", [-5, 7]),
        ("u8", 4, "int_val", [0, 255]),
        ("i64", 9, "int64_val", [-(2**63), 2**63 - 1]),
        ("bool", 10, "bool_val", [True, False]),
    ):
        reply = call("Predict", **predict(signature, k=tensor(*values, dtype=dtype, field=field)))
        assert list(getattr(outputs(reply)["k"], field)) == values
    reply = call("Predict", **predict("byt", t=tensor(b"\xff\x00", b"", dtype=7, field="string_val")))
    assert list(outputs(reply)["t_bytes"].string_val) == [b"\xff\x00", b""]


def test_g13_metadata(call):
    spec = {"name": "m"}
    reply = call("GetModelMetadata", model_spec=spec, metadata_field=["signature_def"])
    (entry,) = reply.metadata
    assert entry.key == "signature_def" and reply.model_spec.version.value == 2
    assert entry.value.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    found = messages().SignatureDefMap.FromString(entry.value.value).signature_def
    signatures = {one.key: meta_graph_pb2.SignatureDef.FromString(one.value) for one in found}
    assert signatures["two"].inputs.keys() == {"a", "b"} and "__saved_model_init_op" in signatures
    assert call.error("GetModelMetadata", model_spec=spec)[1].endswith("must specify at least one metadata_field")
    code, text = call.error("GetModelMetadata", model_spec=spec, metadata_field=["foo"])
    assert code == "INVALID_ARGUMENT" and "is not supported" in text


def test_g14_status(call):
    def states(**spec):
        reply = call("GetModelStatus", service="ModelService", model_spec={"name": "m", **spec})
        return [(one.version, one.state, one.status.error_code) for one in reply.model_version_status]

    assert states() == states(version_label="zzz") == [(2, 30, 0), (1, 30, 0)]
    assert states(version={"value": 1}) == [(1, 30, 0)]
    for spec in ({"name": "m", "version": {"value": 99}}, {"name": "nope"}):
        assert call.error("GetModelStatus", service="ModelService", model_spec=spec)[0] == "NOT_FOUND"


def spec(signature, model="m"):
    return {"name": model, "signature_name": signature}


def task(signature, method, model="m"):
    return {"model_spec": spec(signature, model), "method_name": f"tensorflow/serving/{method}"}


def test_g15_classify_regress_and_both(call):
    reply = call("Classify", model_spec=spec("labels"), input=examples(2.0))
    (row,) = reply.result.classifications
    assert [(one.label, one.score) for one in row.classes] == [(b"a", 2.0), (b"b", -2.0)]
    assert reply.model_spec.version.value == 2 and reply.model_spec.signature_name == "labels"
    with_context = {"example_list_with_context": {"examples": [b"", example(4.0)], "context": example(2.0)}}
    reply = call("Regress", model_spec=spec("reg"), input=with_context)
    assert [one.value for one in reply.result.regressions] == [3.0, 4.0]
    both = [task("cls", "classify"), task("reg", "regress")]
    first, second = call("MultiInference", tasks=both, input=examples(2.0)).results
    assert first.classification_result.classifications[0].classes[0].score == 3.0
    assert second.regression_result.regressions[0].value == 3.0 and second.model_spec.signature_name == "reg"


@pytest.mark.parametrize(
    "tasks, code, text",
    [
        ([task("cls", "classify"), task("reg", "regress", "n")], "INVALID_ARGUMENT", "must access the same model name"),
        ([task("cls", "classify"), task("cls", "classify")], "INVALID_ARGUMENT", "Duplicate evaluation of signature"),
        ([task("cls", "predict")], "UNIMPLEMENTED", "Unsupported signature method_name"),
        ([], "INVALID_ARGUMENT", "no tasks"),
    ],
)
def test_g15_multi_inference_refused(call, tasks, code, text):
    found, details = call.error("MultiInference", tasks=tasks, input=examples(2.0))
    assert found == code and text in details


def test_g16_no_examples(call):
    for given in ({"example_list": {}}, {}):
        code, text = call.error("Classify", model_spec=spec("cls"), input=given)
        assert code == "INVALID_ARGUMENT" and "Input is empty." in text
    assert call.error("Regress", model_spec=spec("nope"), input=examples(1.0))[0] == "INVALID_ARGUMENT"


@only_embedded
def test_g17_reload(serve, base, tmp_path):
    server, _ = serve({"m": base, "n": base}, grpc_port=0)
    call = Caller(f"127.0.0.1:{server.grpc_port}")

    def reload(*models, error=False, **rest):
        configs = [{"name": name, "base_path": str(path)} for name, path in models]
        fields = {"service": "ModelService", "config": {"model_config_list": {"config": configs}}, **rest}
        return (call.error if error else call)("HandleReloadConfigRequest", **fields)

    reply = reload(("n", base), metric_names=[":tensorflow:x"])
    assert reply.status.error_code == 0 and reply.metric[0].name == ":tensorflow:x"
    assert call.error("Predict", **predict(x=tensor(1)))[0] == "NOT_FOUND"
    assert call("Predict", **predict(model="n", x=tensor(1))).model_spec.version.value == 2
    reload(("n", base), ("m", base))
    assert call("Predict", **predict(x=tensor(1))).model_spec.version.value == 2
    for models, text in (
        ([("m", "relative")], "absolute path"),
        ([("m", base), ("m", base)], "multiple times"),
        ([("m", tmp_path / "none")], "is not a folder"),
    ):
        code, details = reload(*models, error=True)
        assert code == "INVALID_ARGUMENT" and text in details
    label = {"name": "m", "base_path": str(base), "version_labels": [{"key": "a", "value": 1}]}
    config = {"model_config_list": {"config": [label]}}
    code, details = call.error("HandleReloadConfigRequest", service="ModelService", config=config)
    assert code == "FAILED_PRECONDITION" and "not currently available for inference" in details
    code, details = call.error("HandleReloadConfigRequest", service="ModelService", config={})
    assert code == "INVALID_ARGUMENT" and "Only ModelConfigList is currently supported" in details
    for model in ("m", "n"):
        assert call("Predict", **predict(model=model, x=tensor(1))).model_spec.version.value == 2
    call.channel.close()


def test_g18_large_replies_need_a_raised_limit(call):
    shape = [2**21]  # 8 MiB
    assert call.error("Predict", **predict(x=tensor(1, shape=shape)))[0] == "RESOURCE_EXHAUSTED"
    raised = Caller(call.address, max_receive_message_length=-1)
    y = outputs(raised("Predict", **predict(x=tensor(1, shape=shape))))["y"]
    assert len(y.float_val) == 2**21
    raised.channel.close()


def test_g19_deadline(call):
    assert call.error("Predict", timeout=0.1, **predict("slow", x=tensor(2e9)))[0] == "DEADLINE_EXCEEDED"
    assert list(outputs(call("Predict", **predict(x=tensor(1))))["y"].float_val) == [2.5]


def test_g20_unknown_method(call):
    import grpc

    unknown = call.channel.unary_unary("/tensorflow.serving.PredictionService/Nonsense")
    with pytest.raises(grpc.RpcError) as raised:
        unknown(b"", timeout=60)
    assert raised.value.code().name == "UNIMPLEMENTED"


@only_embedded
def test_health(call):
    assert call("Check", service="Health").status == 1
    assert call("Check", service="Health", **{}).status == 1
    import grpc

    check = call.channel.unary_unary("/grpc.health.v1.Health/Check")
    with pytest.raises(grpc.RpcError) as raised:
        check(messages().HealthCheckRequest(service="zzz").SerializeToString(), timeout=60)
    assert raised.value.code().name == "NOT_FOUND"


@only_embedded
def test_stop_finishes_what_ends_in_time_and_cancels_the_rest(base):
    from tf_audio_gan.serving.server import Server

    server = Server({"m": base}, port=0, grpc_port=0, timeout_ms=2000)
    server.start()
    calls = [Caller(f"127.0.0.1:{server.grpc_port}") for _ in range(2)]
    codes = [None, None]

    def one(index, count):
        import grpc

        try:
            calls[index]("Predict", timeout=None, **predict("slow", x=tensor(count)))
            codes[index] = "OK"
        except grpc.RpcError as error:
            codes[index] = error.code().name

    threads = [threading.Thread(target=one, args=pair) for pair in ((0, 20000), (1, 2e9))]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 30
    for thread in threads:
        thread.join(30)
    assert codes[0] == "OK" and codes[1] in ("CANCELLED", "UNAVAILABLE")
    for call in calls:
        call.channel.close()


@only_embedded
def test_too_many_waiting_requests_are_refused_at_once(serve, monkeypatch):
    import grpc

    from tf_audio_gan.serving import grpc_server

    monkeypatch.setattr(grpc_server, "MAX_WAITING", 1 - min(32, 4 * (os.cpu_count() or 1)))
    server, _ = serve(grpc_port=0)
    call = Caller(f"127.0.0.1:{server.grpc_port}")
    grpc.channel_ready_future(call.channel).result(30)
    path = "/tensorflow.serving.PredictionService/Predict"
    slow = messages().PredictRequest(**predict("slow", x=tensor(2e9))).SerializeToString()
    running = call.channel.unary_unary(path).future(slow, timeout=6)
    time.sleep(1.5)
    started = time.monotonic()
    assert call.error("Predict", **predict(x=tensor(1)))[0] == "RESOURCE_EXHAUSTED"
    assert time.monotonic() - started < 2
    assert running.exception().code().name == "DEADLINE_EXCEEDED"
    call.channel.close()


@only_embedded
def test_a_port_in_use_is_one_clear_error(embedded, base):
    from tf_audio_gan.serving.server import Server

    with pytest.raises(OSError, match="for gRPC; choose another port"):
        Server({"m": base}, port=0, grpc_port=embedded.grpc_port).start()


@only_embedded
def test_probes_are_answered_while_predictions_wait(serve, monkeypatch):
    from tf_audio_gan.serving import grpc_server

    monkeypatch.setattr(grpc_server, "MAX_WAITING", 8)
    server, _ = serve(grpc_port=0)
    call = Caller(f"127.0.0.1:{server.grpc_port}")
    assert call("Check", service="Health").status == 1
    path, most = "/tensorflow.serving.PredictionService/Predict", min(32, 4 * (os.cpu_count() or 1)) + 8
    slow = messages().PredictRequest(**predict("slow", x=tensor(2e9))).SerializeToString()
    running = [call.channel.unary_unary(path).future(slow, timeout=6.3) for _ in range(most + 5)]
    time.sleep(1.5)
    started = time.monotonic()
    assert call("Check", service="Health").status == 1
    assert call("GetModelStatus", service="ModelService", model_spec={"name": "m"}).model_version_status
    assert call("GetModelMetadata", model_spec={"name": "m"}, metadata_field=["signature_def"]).metadata
    large = tensor(1, shape=[2**20], field="float_val")
    assert call.error("Predict", **predict(x=large)) == (
        "RESOURCE_EXHAUSTED",
        "8 requests are waiting already; try again later",
    )
    assert time.monotonic() - started < 3
    codes = [one.exception().code().name for one in running]
    assert codes.count("RESOURCE_EXHAUSTED") == 5 and codes.count("DEADLINE_EXCEEDED") == most
    time.sleep(1)  # what runs has a limit of 6.4 s there
    assert list(outputs(call("Predict", **predict(x=tensor(1))))["y"].float_val) == [2.5]
    call.channel.close()


@only_embedded
def test_messages_past_the_room_for_all_are_unavailable(serve):
    server, _ = serve(grpc_port=0)
    call = Caller(f"127.0.0.1:{server.grpc_port}")
    server._room.taken = server._room.size - 10
    code, text = call.error("Predict", **predict(x=tensor(*range(100))))
    assert code == "UNAVAILABLE" and "fill the 400 MiB for bodies; try again later" in text
    server._room.taken = 0
    assert list(outputs(call("Predict", **predict(x=tensor(1))))["y"].float_val) == [2.5]
    assert server._room.taken == 0
    call.channel.close()
