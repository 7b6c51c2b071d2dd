"""The client on the model of the conformance cases, over both interfaces: the server under test, or any other."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import tf_audio_gan
from tests.serving.conftest import GRPC, URL
from tf_audio_gan.serving import ServerError

only_embedded = pytest.mark.skipif(bool(URL or GRPC), reason="what the embedded server alone answers")


@pytest.fixture(params=["http", "grpc"])
def url(request):
    if request.param == "http":
        return request.getfixturevalue("ask").url
    return f"grpc://{request.getfixturevalue('call').address}"


@pytest.fixture
def client(url):
    with tf_audio_gan.Client(url, "m") as client:
        yield client


def test_status_and_metadata_are_the_same_over_both(ask, call):
    rest, grpc = (tf_audio_gan.Client(url, "m") for url in (ask.url, f"grpc://{call.address}"))
    assert rest.status() == grpc.status()
    assert [(v["version"], v["state"]) for v in grpc.status()] == [("2", "AVAILABLE"), ("1", "AVAILABLE")]
    ours, theirs = grpc.metadata(), rest.metadata()
    assert ours.keys() == theirs.keys() and ours["wav"]["inputs"]["seed"]["dtype"] == "DT_INT64"
    for name, signature in theirs.items():  # the init operation has no types
        for side in ("inputs", "outputs"):
            assert ours[name][side].keys() == signature[side].keys()
            for alias, info in signature[side].items():
                assert ours[name][side][alias]["tensor_shape"] == info["tensor_shape"]
                assert ours[name][side][alias]["dtype"] == info["dtype"] or info["dtype"] == "DT_INVALID"


def test_predict(client):
    (y,) = client.predict({"x": [1, 2]}).values()
    assert y.dtype == np.float32 and y.tolist() == [2.5, 3.0]
    found = client.predict({"a": np.ones((1, 2)), "b": [1]}, "two")
    assert found["s"].tolist() == [[2, 2]] and found["n"].tolist() == [2] and found["n"].dtype == np.int32
    assert client.predict({"t": [b"\xff\x00", "text"]}, "byt")["t_bytes"].tolist() == [b"\xff\x00", b"text"]
    (k,) = client.predict({"k": [-(2**63), 2**63 - 1]}, "i64").values()
    assert k.tolist() == [-(2**63), 2**63 - 1]
    assert client.predict({"k": [True, False]}, "bool")["k"].tolist() == [True, False]
    assert client.predict({"k": [255, 0]}, "u8")["k"].tolist() == [255, 0]
    found = client.predict({"x": np.array([math.nan, -math.inf], "float32")})["y"]
    assert math.isnan(found[0]) and found[1] == -math.inf
    assert client.predict({"x": np.zeros((0,))})["y"].shape == (0,)
    assert client.predict({"x": np.zeros((2, 3))[:, ::2]})["y"].shape == (2, 2)


def test_half_precision_travels_over_grpc(call):
    with tf_audio_gan.Client(f"grpc://{call.address}", "m") as client:
        k = client.predict({"k": np.array([1.5, -2], "float16")}, "f16")["k"]
        assert k.dtype == np.float16 and k.tolist() == [1.5, -2]


def test_versions_and_labels(url):
    for which, wanted in (({"version": 1}, 1.5), ({"label": "stable"}, 1.5), ({}, 2.5)):
        with tf_audio_gan.Client(url, "m", **which) as client:
            assert client.predict({"x": [1.0]})["y"].tolist() == [wanted]
    with tf_audio_gan.Client(url, "m", version=99) as client, pytest.raises(ServerError, match=r"Specific\(m, 99\)"):
        client.predict({"x": [1.0]})


def test_errors_are_the_servers_words_in_one_line(client, url):
    with pytest.raises(ServerError, match="Matrix size-incompatible") as error:
        client.predict({"z": np.ones((1, 5))}, "mat")
    assert error.value.status == 400 and "\n" not in str(error.value)
    assert str(error.value).endswith("(gRPC INVALID_ARGUMENT)" if url.startswith("grpc") else "(HTTP 400)")
    with tf_audio_gan.Client(url, "none") as other:
        with pytest.raises(ServerError, match="Could not find any versions of model none"):
            other.status()
        with pytest.raises(ServerError, match=r"Servable not found for request: Latest\(none\)"):
            other.predict({"x": [1.0]})


@pytest.mark.parametrize(
    "inputs, signature, message",
    [
        ({"x": [1.0]}, "nope", "has the signatures bool, byt, .*Received: 'nope'"),
        ({"a": [[1, 2]]}, "two", "'two' takes a, b. Received: a"),
        ({}, "two", "takes a, b. Received: nothing"),
        ({"x": ["text"]}, "serving_default", r"input x must be DT_FLOAT \(float32\)"),
        ({"k": [1.5]}, "i32", "input k must be DT_INT32 .*received float64"),
        ({"t": [5]}, "str", "input t must be DT_STRING .*neither text nor bytes"),
    ],
)
def test_what_does_not_fit_is_said_before_it_is_sent(client, inputs, signature, message):
    with pytest.raises(ValueError, match=message):
        client.predict(inputs, signature)


@only_embedded
def test_the_only_model_is_found(url, base, serve):
    with tf_audio_gan.Client(url) as client:
        assert client.model == "m" and client.predict({"x": [1.0]})["y"].tolist() == [2.5]
    server, _ = serve({"a": base, 'b, "c" ä': base}, grpc_port=0)
    several = server.url if url.startswith("http") else f"grpc://127.0.0.1:{server.grpc_port}"
    with tf_audio_gan.Client(several) as client:
        with pytest.raises(ValueError, match=r"name the model, as in Client\(url, 'a'\): the server has a, b, \"c\" ä"):
            client.status()


def test_sounds_of_models_that_do_not_describe_themselves(client):
    """The fixture's `wav` makes noise of 16 samples: its rate is that of the file."""
    (first, second), rate = client.generate(seed=[1, 2])
    assert rate == 16000 and first.shape == (16, 1) and first.dtype == np.float32
    again, _ = client.generate(n=2, seed=1)
    np.testing.assert_array_equal(again, [first, second])
    with pytest.raises(ValueError, match="takes no labels. Received: labels=3"):
        client.generate(labels=3)
    for call in (lambda: client.vocode(np.zeros((2, 80))), lambda: client.enhance(np.zeros(100, "float32"))):
        with pytest.raises(ValueError, match="'m' at .* does not describe itself; export it again"):
            call()
    with pytest.raises(ValueError, match="n and batch_size must be at least 1"):
        client.generate(n=0)


def test_it_needs_no_tensorflow(url):
    code = (
        "import sys; sys.modules.update(tensorflow=None, keras=None)\n"
        "from tf_audio_gan import Client\n"
        f"audio, rate = Client({url!r}, 'm').generate(seed=[1, 2])\n"
        "import tf_audio_gan.chunking, tf_audio_gan.data.resample, tf_audio_gan.data.labels, tf_audio_gan.audio.io\n"
        "print(audio.shape, rate)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "(2, 16, 1) 16000\n", ran.stderr


def test_json_holds_floats_in_their_own_digits_and_what_is_not_finite(monkeypatch):
    from tf_audio_gan.serving.asking.rest import _json

    numbers = np.array([0.1, 1e-30, -3.4028235e38], "float32")
    inputs = {"x": numbers, "t": np.array([b"\x00"], object)}
    text = _json({"signature_name": "s", "inputs": inputs})
    assert b'"x":[0.1,1e-30,-3.4028235e+38]' in text and json.loads(text)["inputs"]["t"] == [{"b64": "AA=="}]
    assert b"NaN" in _json({"signature_name": "s", "inputs": {"x": np.array([math.nan], "float32")}})
    monkeypatch.setitem(sys.modules, "orjson", None)
    np.testing.assert_array_equal(np.array(json.loads(_json({"inputs": inputs}))["inputs"]["x"], "float32"), numbers)
