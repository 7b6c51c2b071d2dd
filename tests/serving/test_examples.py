"""Classify and regress over REST, case by case (the numbers are those of the list of cases)."""

import base64

import pytest
import tensorflow as tf

from tf_audio_gan.serving.examples import read_examples

REFUSED = [
    # (case, verb, body, part of the error)
    (81, "classify", '{"examples":[{"x":1.0}]}', "No classification inputs found in SignatureDef"),
    (81, "classify", '{"signature_name":"two","examples":[{"x":1.0}]}', "Expected one input Tensor."),
    (81, "regress", '{"examples":[{"x":1.0}]}', "No regression inputs found in SignatureDef"),
    (81, "regress", '{"signature_name":"cls","examples":[{"x":1.0}]}', "No regression outputs found in SignatureDef"),
    (82, "regress", '{"signature_name":"nope","examples":[{"x":1.0}]}', "No signature was found with the name"),
    (82, "regress", '{"signature_name":"reg"}', "key 'examples' is expected"),
    (82, "regress", '{"signature_name":"reg","examples":[]}', "is an empty array"),
    (82, "regress", '{"signature_name":"reg","examples":{}}', "list/array"),
    (83, "regress", '{"signature_name":"reg","examples":[{"x":[10,10.0]}]}', "expecting type: int64"),
    (83, "regress", '{"signature_name":"reg","examples":[{"x":[1,null]}]}', "unexpected JSON type: Null"),
    (83, "regress", '{"signature_name":"reg","examples":[{"x":[[1]]}]}', "unexpected JSON type: Array"),
    ("item", "classify", '{"signature_name":"cls","examples":[1]}', "Example must be JSON object but got"),
    ("context", "classify", '{"signature_name":"cls","context":[],"examples":[{"x":1.0}]}', "Example must be JSON"),
    ("range", "regress", '{"signature_name":"reg","examples":[{"x":9223372036854775808}]}', "out of range"),
    ("missing feature", "regress", '{"signature_name":"reg","examples":[{"z":1.0}]}', "x"),
]


def test_79_regress(ask):
    body = '{"signature_name":"reg","examples":[{"x":80.0},{"x":[2.0]}]}'
    reply = ask("POST", "/v1/models/m:regress", body)
    assert (reply.status, reply.json) == (200, {"results": [42.0, 3.0]})
    assert ask("POST", "/v1/models/m/labels/stable:regress", body).json == {"results": [41.0, 2.0]}


def test_80_classify(ask):
    reply = ask("POST", "/v1/models/m:classify", '{"signature_name":"cls","examples":[{"x":20.0}]}')
    assert (reply.status, reply.json) == (200, {"results": [[["", 12.0]]]})
    body = '{"signature_name":"labels","context":{"x":3.0},"examples":[{},{"x":1.5}]}'
    assert ask("POST", "/v1/models/m:classify", body).json == {
        "results": [[["a", 3.0], ["b", -3.0]], [["a", 1.5], ["b", -1.5]]]
    }


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[1]}-{case[2][:50]}")
def test_refused(ask, case):
    _, verb, body, text = case
    reply = ask("POST", f"/v1/models/m:{verb}", body)
    assert reply.status == 400 and reply.json.keys() == {"error"} and text in reply.error


def test_unknown_model_after_the_body(ask):
    assert ask("POST", "/v1/models/nope:regress", '{"examples":[{"x":1.0}]}').status == 404
    assert ask("POST", "/v1/models/nope:regress", '{"examples":[]}').status == 400


def test_the_kinds_of_features():
    given = {"i": [1, True], "f": 0.5, "s": ["a", {"b64": base64.b64encode(b"\xff").decode()}], "none": []}
    (serialized,) = read_examples({"examples": [given], "context": {"i": 7, "c": 8}}, "classify")
    features = tf.train.Example.FromString(serialized).features.feature
    assert list(features["i"].int64_list.value) == [1, 1] and list(features["c"].int64_list.value) == [8]
    assert list(features["f"].float_list.value) == [0.5]
    assert list(features["s"].bytes_list.value) == [b"a", b"\xff"]
    assert features["none"].WhichOneof("kind") is None
