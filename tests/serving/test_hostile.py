"""Hostile requests, seeded: no 5xx beyond those of the contract, no hang, no growth, and still answering after.

300 in `make test`; 20,000 in `make soak`. Every case is made of its number alone, so a failing one can be run again.
"""

import gzip
import random
import socket
import sys
import threading

import pytest

from tests.serving import test_conformance, test_examples, test_grpc

ALLOWED = {100, 200, 400, 404, 405, 408, 413, 414, 431, 501, 503, 504}  # 501: a type that JSON cannot hold; no 500
SEEDS = [case[2] for case in [*test_conformance.GOOD, *test_conformance.BAD] if len(case[2]) < 1000]
SEEDS += [case[2] for case in test_examples.REFUSED]
PIECES = (
    "[ ] { } , : \" \\ null true NaN -Infinity 1e999 -1 0 1e-400 99999999999999999999999 {\"b64\":\"/w==\"} \\ud800 "
    "\\u0000 [[[[ \"instances\" \"inputs\" \"signature_name\" \"examples\" \"serving_default\" \"two\" \"byt\" "
    "\"f16\" \"cls\""
).split()  # fmt: skip
SEEDS += [case[2] for case in test_conformance.GOOD] * 2
VERBS = ("POST",) * 9 + ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "BREW")
PATHS = ("/v1/models/m:predict",) * 6 + (
    "/v1/models/m:classify", "/v1/models/m:regress", "/v1/models/m", "/v1/models/m/metadata",
    "/v1/models/m/versions/1:predict", "/v1/models/m/labels/stable:predict", "/", "/v1/models/%", "/v1/models/%ff%00",
)  # fmt: skip
GRPC_METHODS = ("PredictionService/Predict",) * 6 + (
    "PredictionService/Classify", "PredictionService/Regress",
    "PredictionService/MultiInference", "PredictionService/GetModelMetadata", "ModelService/GetModelStatus",
    "ModelService/HandleReloadConfigRequest",
)  # fmt: skip


def mutated(rng, data, pieces):
    """Bytes with some cut out, doubled, changed or put in."""
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.randrange(12))
        data = data[:start] + rng.choice((b"", data[start:end] * 2, rng.randbytes(3), rng.choice(pieces))) + data[end:]
    return data


def body(rng):
    pieces = [piece.encode() for piece in PIECES]
    data = mutated(rng, rng.choice(SEEDS).encode(), pieces)
    if rng.random() < 0.05:
        depth = rng.choice((100, 1500, 100_000))
        data = b'{"instances":' + b"[" * depth + b"1" + b"]" * rng.choice((0, depth)) + b"}"
    if rng.random() < 0.05:
        data = b'{"inputs":[' + b"9" * rng.choice((20, 400, 5000)) + b"]}"
    return data


def request(rng):
    """A whole request: its bytes, and for how many seconds the client waits for the answer.

    One that lies about its length may wait for ever, so it waits a moment only.
    """
    verb = rng.choice(VERBS)
    path = rng.choice(PATHS).encode()
    if rng.random() < 0.1:
        path = mutated(rng, path, [b"%2F", b"/", b":", b"\xff", b"/versions/", b"?a=b"]).translate(None, b" \r\n")
    data = body(rng)
    headers = [b"Host: x"] * (rng.random() < 0.97)
    if rng.random() < 0.15:
        headers.append(b"Content-Encoding: gzip")
        data = mutated(rng, gzip.compress(data if rng.random() < 0.8 else b" " * 3_000_000), [b"\x1f\x8b"])
    how = rng.random()
    if how < 0.7:
        headers.append(b"Content-Length: %d" % len(data))
    elif how < 0.8:  # a lie
        headers.append(
            b"Content-Length: %s" % rng.choice((b"0", b"3", b"-1", b"9" * 30, b"x", b"%d" % (len(data) + 9)))
        )
    else:
        size = rng.choice((b"%x" % len(data), b"%x" % (len(data) + 9), b"3", b"fffffffffffffffff", b"x", b""))
        headers.append(b"Transfer-Encoding: chunked")
        data = size + b"\r\n" + data + b"\r\n" + rng.choice((b"0\r\n\r\n", b"", b"0"))
    if rng.random() < 0.05:
        headers.append(rng.choice((b"X: " + b"a" * 100_000, b"bad header", b"\xff: \x00", b"Expect: 100-continue")))
    head = b"%s %s HTTP/%s\r\n" % (verb.encode(), path or b"/", rng.choice((b"1.1", b"1.1", b"1.1", b"1.0", b"7")))
    return head + b"\r\n".join(headers) + b"\r\n\r\n" + data, rng.choice((0, 60, 60, 60)) if how < 0.7 else 0.3


def send(address, data, patience):
    """The status of the answer, or None where the server closed without one or the client did not wait."""
    with socket.create_connection(address, timeout=60) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(patience or 60)
            answer = b""
            while patience and b"\r\n" not in answer and (more := connection.recv(65536)):
                answer += more
        except ConnectionError:
            return None
        except TimeoutError:
            assert patience < 1, f"no answer to {data[:500]!r}"
            return None
    assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer.split(b" ", 2)[1]) if answer else None


def hostile_rest(server, cases):
    statuses = {}
    for number in cases:
        data, patience = request(random.Random(number))
        status = send(("127.0.0.1", server.port), data, patience)
        assert status is None or status in ALLOWED, f"case {number}: {status} for {data[:500]!r}"
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def hostile_grpc(call, base, cases):
    import grpc

    seeds = [test_grpc.predict(x=test_grpc.tensor(1, 2))] * 10 + [*(case[1] for case in test_grpc.REFUSED)]
    from tf_audio_gan.serving.messages import messages

    seeds = [messages().PredictRequest(**fields).SerializeToString() for fields in seeds]
    pieces = [b"\xff" * 9, b"\x00", b"\x0a\x7f", b"\x80\x80\x80\x80\x80\x01"]
    codes = {}
    for number in cases:
        rng = random.Random(number)
        method = rng.choice(GRPC_METHODS)
        try:
            send = call.channel.unary_unary(f"/tensorflow.serving.{method}")
            send(mutated(rng, rng.choice(seeds), pieces), timeout=60)
            code = "OK"
            if method.endswith("HandleReloadConfigRequest"):  # it was a list of no models
                models = {"model_config_list": {"config": [{"name": "m", "base_path": str(base)}]}}
                call("HandleReloadConfigRequest", service="ModelService", config=models)
        except grpc.RpcError as error:
            code = error.code().name
            wrong = ("INTERNAL", "DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN")
            assert code not in wrong, f"case {number}: {code} {error.details()}"
        codes[code] = codes.get(code, 0) + 1
    return codes


def healthy(ask, call):
    assert ask.predict('{"instances":[1.0]}').json == {"predictions": [2.5]}
    reply = call("Predict", **test_grpc.predict(x=test_grpc.tensor(1)))
    assert list(test_grpc.outputs(reply)["y"].float_val) == [2.5]


@pytest.fixture
def own(serve, base):
    """A server that no other test uses: a mutated reload may change what it serves."""
    server, ask = serve(grpc_port=0, versions="all", version_labels={"m": {"stable": 1}}, max_body_mb=2)
    call = test_grpc.Caller(f"127.0.0.1:{server.grpc_port}")
    yield server, ask, call
    call.channel.close()


def test_hostile_requests(own, base):
    server, ask, call = own
    statuses = hostile_rest(server, range(220))
    assert statuses.get(200, 0) > 2 and statuses.get(400, 0) > 50, statuses
    codes = hostile_grpc(call, base, range(80))
    assert codes.get("OK", 0) > 3 and codes.get("INVALID_ARGUMENT", 0) > 10, codes
    healthy(ask, call)


def test_a_body_that_does_not_come_is_408(serve):
    _, ask = serve(timeout_ms=400)
    with socket.create_connection(tuple(ask.address.split(":")), timeout=30) as connection:
        connection.sendall(b'POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"in')
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert ask.predict('{"instances":[1.0]}').status == 200


@pytest.mark.soak
def test_twenty_thousand_hostile_requests(own, base):
    """In four clients at once; neither threads nor the peak of memory grow after the first 4,000."""
    import concurrent.futures
    import resource  # not on Windows

    server, ask, call = own
    unit = 1 if sys.platform == "darwin" else 1024

    def part(start, count):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: hostile_rest(server, range(start + i, start + count, 4)), range(4)))
        hostile_grpc(call, base, range(start, start + count // 4))
        healthy(ask, call)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, len(threading.enumerate())

    part(0, 2000)
    memory, threads = part(2000, 2000)
    later, left = part(4000, 12000)
    assert left <= threads + 4 and later - memory < 100 * 2**20
