"""What TensorFlow Serving answers to a predict request, case by case (the numbers are those of the list of cases)."""

import json
import math

import pytest

GOOD = [
    # (case, signature, body, answer)
    (1, None, '{"instances":[1.0,2.0,5.0]}', {"predictions": [2.5, 3.0, 4.5]}),
    (2, None, '{"instances":[1,2,5]}', {"predictions": [2.5, 3.0, 4.5]}),
    (3, None, '{"instances":[{"x":1.0},{"x":2.0}]}', {"predictions": [2.5, 3.0]}),
    (4, None, '{"inputs":[3.0,4.0]}', {"outputs": [3.5, 4.0]}),
    (5, None, '{"inputs":{"x":[3.0]}}', {"outputs": [3.5]}),
    (6, None, '{"inputs":1.0}', {"outputs": 2.5}),
    (7, None, '{"instances":[[1.0,2.0],[3.0,4.0]]}', {"predictions": [[2.5, 3.0], [3.5, 4.0]]}),
    (9, None, '{"signature_name":"serving_default","instances":[3.0]}', {"predictions": [3.5]}),
    (9, None, '{"signature_name":"","instances":[3.0],"other":{}}', {"predictions": [3.5]}),
    (10, "two", '{"instances":[{"a":[1,2],"b":7}]}', {"predictions": [{"s": [2.0, 4.0], "n": 8}]}),
    (11, "two", '{"inputs":{"a":[[1,2]],"b":[7]}}', {"outputs": {"s": [[2.0, 4.0]], "n": [8]}}),
    (12, "two", '{"inputs":{"a":[[1,2]],"b":[7],"zz":1}}', {"outputs": {"s": [[2.0, 4.0]], "n": [8]}}),
    (22, None, '{"instances":[1]} trailing', {"predictions": [2.5]}),
    (28, None, '{"inputs":[]}', {"outputs": []}),
    (35, "u8", '{"instances":[300,-1]}', {"predictions": [44, 255]}),
    (37, None, '{"instances":[1e39,-1e39]}', {"predictions": [math.inf, -math.inf]}),
    (39, None, '{"instances":[Infinity, -Infinity, Inf, -Inf]}', {"predictions": [math.inf, -math.inf] * 2}),
    (41, "nan", '{"instances":[1.0]}', {"predictions": [math.inf]}),
    (44, "scal", '{"inputs":[1.0]}', {"outputs": {"y": [2.0], "c": 3}}),
    (53, "str", '{"instances":[{"b64":"aGVsbG8="},{"b64":"d29ybGQ="}]}', {"predictions": ["hello", "world"]}),
    (53, "str", '{"instances":[{"b64":" aGVs\\nbG8"}, "g\\u00fcn"]}', {"predictions": ["hello", "gün"]}),
    (54, "byt", '{"instances":["hello"]}', {"predictions": [{"b64": "aGVsbG8="}]}),
    ("i64", "i64", '{"inputs":[9223372036854775807]}', {"outputs": [2**63 - 1]}),
    ("bool", "bool", '{"inputs":[[true],[false]]}', {"outputs": [[True], [False]]}),
    ("first key wins", None, '{"instances":[1],"instances":[2]}', {"predictions": [2.5]}),
    ("BOM", None, '\ufeff{"instances":[1]}', {"predictions": [2.5]}),
    ("object keys", "two", '{"instances":[{"b":7,"a":[1,2]}]}', {"predictions": [{"s": [2.0, 4.0], "n": 8}]}),
]
BAD = [
    # (case, signature, body, part of the error)
    (13, "two", '{"instances":[{"a":[1,2],"b":7,"zz":1}]}', "does not have named input: zz"),
    (14, "two", '{"instances":[{"a":[1,2]}]}', "keys must be equal to: a,b"),
    (15, "two", '{"inputs":{"a":[[1,2]]}}', "Missing named input: b in 'inputs' object."),
    (16, "two", '{"instances":[[1,2]]}', "instances is a plain list, but expecting list of objects"),
    (17, "two", '{"inputs":[[1,2]]}', "inputs is a plain value/list, but expecting an object"),
    (18, None, '{"instances":[{"x":1},2]}', "Expecting object but got list at item 1"),
    (19, None, '{"instances":[1,{"x":2}]}', "Expecting value/list but got object at item 1"),
    (20, None, "", "JSON Parse error: The document is empty"),
    (21, None, "instances = [1]", "JSON Parse error: Invalid value"),
    (23, None, "[1,2]", "Is not object"),
    (24, None, "{}", "Missing 'inputs' or 'instances' key"),
    (25, None, '{"instances":[1],"inputs":[1]}', "expecting only one of 'inputs' or 'instances'"),
    (26, None, '{"instances":1.0}', "Expecting 'instances' to be an list/array"),
    (27, None, '{"instances":[]}', "No values in 'instances' array"),
    (29, None, '{"signature_name":100}', "'signature_name' key must be a string value."),
    (
        30,
        None,
        '{"signature_name":"nope","instances":[1]}',
        'Serving signature name: "nope" not found in signature def',
    ),
    (31, "__saved_model_init_op", '{"instances":[1]}', "Failed to get input map for signature"),
    (32, None, '{"instances":["x"]}', "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT:"),
    (32, None, '{"instances":["x"]}', "Type: String is not of expected type: float"),
    (33, None, '{"instances":[null]}', "Type: Null"),
    (33, None, '{"instances":[true]}', "Type: True"),
    (34, "i32", '{"instances":[1.0]}', "not of expected type: int32"),
    (34, "i32", '{"instances":[2147483648]}', "not of expected type: int32"),
    (34, "u8", '{"instances":[2147483648]}', "not of expected type: uint8"),
    (36, "bool", '{"instances":[1]}', "not of expected type: bool"),
    (38, None, '{"instances":[1e999]}', "JSON Parse error"),
    (40, None, '{"instances":[Nan]}', "JSON Parse error"),
    (42, "f16", '{"instances":[1.0]}', "Conversion of JSON Value"),
    (43, "half", '{"instances":[1.0]}', "Failed to write JSON value for tensor type: half"),
    (44, "scal", '{"instances":[1.0]}', "Tensor name: c has no shape information"),
    (45, "mixb", '{"instances":[1.0,2.0]}', "has inconsistent batch size"),
    (46, None, '{"instances":[[1,2],[3]]}', "Expecting tensor size: 2 but got: 1"),
    (47, None, '{"instances":[[1,2],[[3,4]]]}', "Expecting shape [2] but got: [1,2]"),
    (47, None, '{"instances":[1,[1]]}', "Expecting shape"),
    (48, None, '{"instances":[[[1,2],[3]]]}', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    (49, None, '{"inputs":[[1,2],[3]]}', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    (50, None, '{"inputs":[1,[2]]}', "Encountered list at unexpected level: 1 expected < 1"),
    (51, None, '{"inputs":[[1],2]}', "found at incorrect level: 2 in the JSON DOM"),
    (52, "mat", '{"instances":[[1,2,3,4,5]]}', "Matrix size-incompatible"),
    (55, "str", '{"instances":[{"b64":"***"}]}', "Unable to base64 decode"),
    (55, "str", '{"instances":[{"b64":"_-8="}]}', "Unable to base64 decode"),
    (56, None, '{"instances":[{"b64":"aGVsbG8="}]}', "Type: Object is not of expected type: float"),
    (57, "str", '{"instances":[{"b64":5}]}', "does not have named input: b64"),
    ("depth", None, '{"instances":' + "[" * 500_000, "JSON Parse error"),
    ("depth", None, '{"inputs":' + "[" * 300 + "1" + "]" * 300 + "}", ""),
]


def ids(case):
    return f"{case[0]}-{case[2][:30]}"


@pytest.mark.parametrize("case", GOOD, ids=ids)
def test_answered(ask, case):
    _, signature, body, answer = case
    reply = ask.predict(body if signature else body.encode(), signature)
    assert (reply.status, reply.json) == (200, answer)
    assert reply.headers["content-type"] == "application/json" and "date" in reply.headers
    assert "server" not in reply.headers


@pytest.mark.parametrize("case", BAD, ids=ids)
def test_refused(ask, case):
    _, signature, body, text = case
    reply = ask.predict(body, signature)
    assert reply.status == 400 and reply.json.keys() == {"error"} and text in reply.error


def test_39_nan_tokens(ask):
    reply = ask.predict('{"instances":[NaN, Infinity, -Infinity, -NaN]}')
    text = reply.body.decode().replace(" ", "").replace("\n", "")
    assert reply.status == 200 and text.startswith('{"predictions":[NaN,Infinity,-Infinity')
    assert text.count("NaN") == 2


def test_42_columnar_half_is_unimplemented(ask):
    reply = ask.predict('{"inputs":[1.0]}', "f16")
    assert reply.status == 501 and "Conversion of JSON Value" in reply.error


def test_floats_keep_their_digits_and_are_never_integers(ask):
    values = [0.1, 1 / 3, 1e-7, 9e6, -0.0, 3.0, 1.17549435e-38, 3.4028235e38]
    reply = ask.predict(json.dumps({"inputs": {"x": [2 * (v - 2) for v in values[:4]]}}))
    assert all(isinstance(v, float) for v in reply.json["outputs"])
    import numpy as np

    from tf_audio_gan.serving.json_reply import write_tensor

    for dtype in ("float32", "float64"):
        array = np.array(values, dtype)
        assert np.array_equal(np.array(json.loads(write_tensor("y", array)), dtype), array)
    assert b"0.1," in write_tensor("y", np.array(values, "float32"))


def test_a_string_is_not_touched_by_the_tokens(ask):
    reply = ask.predict('{"instances":["Inf -NaN \\" Inf", "NaN\\\\"]}', "str")
    assert reply.json == {"predictions": ['Inf -NaN " Inf', "NaN\\"]}


def test_bytes_that_are_not_utf8_pass_through(ask):
    reply = ask.predict(b'{"signature_name":"byt","instances":["\xff\x00"]}'.replace(b"\x00", b"\\u0000"))
    assert reply.json == {"predictions": [{"b64": "/wA="}]}


def test_a_lone_surrogate_is_refused(ask):
    assert ask.predict('{"instances":["\\ud800"]}', "str").status == 400
    assert ask.predict('{"instances":["\\ud83c\\udfb5"]}', "str").json == {"predictions": ["🎵"]}
