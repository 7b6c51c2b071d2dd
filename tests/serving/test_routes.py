"""Paths, verbs, status, metadata and transport, case by case (the numbers are those of the list of cases)."""

import gzip
import json

import pytest

BODY = '{"instances":[1.0]}'
M = "/v1/models/m"
ERRORS = [
    # (case, verb, path, status, part of the error)
    (58, "POST", "/v1/models/nope:predict", 404, "Servable not found for request: Latest(nope)"),
    (60, "POST", f"{M}/versions/99:predict", 404, "Specific(m, 99)"),
    (61, "POST", f"{M}/labels/zzz:predict", 400, "Unrecognized servable version label: zzz"),
    (62, "POST", f"{M}/versions/HELLO:predict", 400, "Malformed request"),
    (62, "POST", f"{M}/versions/1/labels/stable:predict", 400, "Malformed request"),
    (62, "POST", f"{M}/version/1:predict", 400, "Malformed request"),
    (63, "POST", f"{M}/versions/18446744073709551615:predict", 400, "Failed to convert version"),
    (64, "GET", f"{M}:predict", 400, f"Malformed request: GET {M}:predict"),
    (64, "POST", "/v1/models", 400, "Malformed request"),
    (64, "POST", f"{M}/metadata", 400, "Malformed request"),
    (64, "GET", "/v1/foo", 400, "Malformed request"),
    (64, "GET", f"{M}/", 400, "Malformed request"),
    (65, "PUT", f"{M}:predict", 400, "Malformed request: PUT"),
    (65, "DELETE", f"{M}:predict", 400, "Malformed request: DELETE"),
    (65, "PATCH", f"{M}:predict", 400, "Malformed request: PATCH"),
    (66, "GET", "/v1/models", 400, "Missing model name in request."),
    (70, "GET", f"{M}/versions/99", 404, "Could not find version 99 of model m"),
    (70, "GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
    (70, "GET", f"{M}?x=1", 404, "Could not find any versions of model m?x=1"),
    (73, "GET", "/v1/models/nope/metadata", 404, "Servable not found"),
    (73, "GET", f"{M}/labels/zzz/metadata", 400, "Unrecognized servable version label"),
    (74, "POST", f"{M}:PREDICT", 400, "Malformed request"),
    (75, "POST", f"{M}:predict?a=b", 400, "Malformed request"),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_refused(ask, case):
    _, method, path, status, text = case
    body = '{"examples":[{"x":1.0}],"instances":[1.0]}' if method != "GET" else None
    reply = ask(method, path, body)
    assert (reply.status, reply.json.keys()) == (status, {"error"}) and text in reply.error
    assert reply.headers["content-type"] == "application/json"


def test_8_versions_and_labels(ask):
    for which, answer in (("", 2.5), ("/versions/1", 1.5), ("/versions/002", 2.5), ("/labels/stable", 1.5)):
        assert ask("POST", f"{M}{which}:predict", BODY).json == {"predictions": [answer]}


def test_59_a_parse_error_comes_before_an_unknown_model(ask):
    reply = ask("POST", "/v1/models/nope:predict", "{")
    assert reply.status == 400 and "JSON Parse error" in reply.error


def test_65_head_has_no_body(ask):
    reply = ask("HEAD", f"{M}:predict")
    assert (reply.status, reply.body) == (400, b"")


@pytest.mark.parametrize("path", ["/", "/healthz", "/v2/health/ready", "/v1", "/monitoring/prometheus/metrics"])
def test_67_outside_v1_is_a_page(ask, path):
    reply = ask("GET", path)
    assert reply.status == 404 and b"<h1>not found</h1>" in reply.body.lower()
    assert reply.headers["content-type"].startswith("text/html")


def entry(version):
    return {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


def test_68_69_71_74_status(ask):
    both = {"model_version_status": [entry("2"), entry("1")]}
    assert ask("GET", M).json == both
    assert ask("GET", f"{M}/versions/1").json == {"model_version_status": [entry("1")]}
    assert ask("GET", f"{M}/labels/zzz").json == both
    assert ask("GET", f"{M}/METADATA").json == both


def test_72_metadata(ask):
    found = ask("GET", f"{M}/metadata").json
    assert found["model_spec"] == {"name": "m", "signature_name": "", "version": "2"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "serving_default_x:0",
    }
    assert signatures["two"].keys() == {"inputs", "outputs", "method_name", "defaults"}
    assert "__saved_model_init_op" in signatures
    assert ask("GET", f"{M}/labels/stable/metadata").json["model_spec"]["version"] == "1"


def test_74_prefix_in_any_case_and_percent(ask):
    for path in ("/V1/MODELS/m:predict", "/v1/models/%6D:predict"):
        assert ask("POST", path, BODY).json == {"predictions": [2.5]}


def test_76_gzip(ask):
    headers = {"Content-Encoding": "gzip"}
    assert ask.predict(gzip.compress(BODY.encode()), headers=headers).json == {"predictions": [2.5]}
    for broken in (BODY, gzip.compress(BODY.encode())[:-4]):
        reply = ask.predict(broken, headers=headers)
        assert reply.status == 400 and "document is empty" in reply.error


def test_77_options(ask):
    reply = ask("OPTIONS", f"{M}:predict", headers={"Origin": "http://x"})
    assert (reply.status, reply.body) == (200, b"")
    assert not any(name.startswith("access-control") for name in reply.headers)
    reply = ask("OPTIONS", f"{M}:predict")
    assert (reply.status, reply.body) == (400, b"")


def test_78_cors(serve):
    _, ask = serve(cors=True)
    for reply, status in (
        (ask.predict(BODY), 200),
        (ask.predict("{"), 400),
        (ask("GET", "/v1/models/nope"), 404),
        (ask("OPTIONS", M, headers={"Origin": "https://x"}), 200),
    ):
        found = {name: value for name, value in reply.headers.items() if name.startswith("access-control")}
        assert reply.status == status
        assert found == {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "POST, GET",
            "access-control-allow-headers": "Content-Type",
        }


def test_84_timeout(serve):
    _, ask = serve(timeout_ms=100)
    reply = ask.predict('{"instances":[2e9]}', "slow")
    assert reply.status == 504 and "Timed out waiting for notification" in reply.error
    assert ask.predict(BODY).json == {"predictions": [2.5]}


def test_86_keep_alive_chunks_and_content_type(ask):
    connection = ask.connect()
    chunks = [BODY.encode()[:5], BODY.encode()[5:]]
    for body, headers in ((BODY, {}), (iter(chunks), {}), (BODY, {"Content-Type": "text/plain"}), ("{", {})):
        connection.request("POST", f"{M}:predict", body, headers, encode_chunked=True)
        reply = connection.getresponse()
        text = json.loads(reply.read())
        assert reply.status == 400 if body == "{" else text == {"predictions": [2.5]}
    port = connection.sock.getsockname()[1]
    connection.request("GET", M)
    assert connection.getresponse().status == 200 and connection.sock.getsockname()[1] == port
    connection.close()
