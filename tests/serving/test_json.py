"""Bodies that a JSON parser and a JSON writer meet, beyond the listed cases."""

import math
import time

import numpy as np
import pytest

from tf_audio_gan.serving.json_parse import parse_object
from tf_audio_gan.serving.json_reply import write_reply, write_tensor
from tf_audio_gan.serving.json_request import read_tensors
from tf_audio_gan.serving.status import RequestError


@pytest.mark.parametrize(
    "body, value",
    [
        (b'{"a": 1e308, "b": 1e-999}', {"a": 1e308, "b": 0.0}),
        (b'{"a": %s}' % (b"9" * 305), {"a": 1e305}),
        (b'{"a": 18446744073709551615, "b": 1e+305}', {"a": 2**64 - 1, "b": 1e305}),
        (b'{"a": Inf, "s": "\\\\", "t": "Inf\\"Inf -NaN", "u": -Inf}',
         {"a": math.inf, "s": "\\", "t": 'Inf"Inf -NaN', "u": -math.inf}),
        (b' \n{"a": {"b": 1, "b": 2}}{', {"a": {"b": 1}}),
    ],
)  # fmt: skip
def test_parsed(body, value):
    assert parse_object(body) == value


@pytest.mark.parametrize(
    "body, text",
    [
        (b'{"a": -1e400}', "Number too big"),
        (b'{"a": %s}' % (b"9" * 5000), "Number too big"),
        (b'{"a": 1,}', "Missing a name for object member"),
        (b'{"a" 1}', "Missing a colon"),
        (b'{"a": 01}', "Missing a comma"),
        (b'{"a": "x', "Missing a closing quotation mark"),
        (b'{"a": "\n"}', "Invalid encoding"),
        (b'{"a": "\\q"}', "Invalid escape character"),
        (b'{"a": "\\udc80"}', "surrogate"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b" \n", "The document is empty"),
    ],
)
def test_not_parsed(body, text):
    with pytest.raises(RequestError, match=text):
        parse_object(body)


def test_no_body_takes_quadratic_time():
    started = time.monotonic()
    for start in (b'{"a":"Inf', b'{"a":Inf,"b":"', b'{"a":"\\ud800'):
        for middle in (b'\\"', b'"', b"\\\\", b"e9"):
            with pytest.raises(RequestError):
                parse_object(start + middle * 200_000)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("dtype, bits", [("float32", "u4"), ("float64", "u8")])
def test_any_float_survives_the_round_trip(dtype, bits):
    numbers = np.random.default_rng(0).integers(0, 2 ** (8 * np.dtype(bits).itemsize), 20000, dtype=bits)
    array = numbers.view(dtype).reshape(100, 2, 100)
    body = b'{"instances": %s}' % write_tensor("y", array)
    read, row = read_tensors(parse_object(body), {"x": dtype})
    assert row and read["x"].dtype == dtype
    np.testing.assert_array_equal(read["x"], array)


def test_shapes_and_layouts_of_replies():
    assert write_reply({"y": np.zeros((2, 0), "float32")}, False) == b'{"outputs":[[], []]}'
    assert write_reply({"y": np.float32("nan")}, False) == b'{"outputs":NaN}'
    assert write_tensor("y", np.asfortranarray(np.arange(4, dtype="int64").reshape(2, 2))) == b"[[0,1],[2,3]]"
    assert write_tensor("y_bytes", np.array([[b"a"], [b"\xff"]], object)) == b'[[{"b64":"YQ=="}],[{"b64":"/w=="}]]'
    assert write_tensor("y", np.array(b'\xff"', object)) == b'"\xff\\""'
    with pytest.raises(RequestError, match="invalid batch size: 0"):
        write_reply({"y": np.zeros((0, 3), "float32")}, True)


@pytest.mark.parametrize("depth", [70, 300])
def test_more_dimensions_than_an_array_has(depth):
    with pytest.raises(RequestError):
        read_tensors({"inputs": parse_object(b'{"a": %s1%s}' % (b"[" * depth, b"]" * depth))["a"]}, {"x": "float32"})
