"""The embedded server as a program: many clients, starting, stopping, limits, folders and warm-up."""

import concurrent.futures
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf

from tf_audio_gan.serving.client import Client
from tf_audio_gan.serving.exports import models_from_paths
from tf_audio_gan.serving.server import Server

BODY = '{"instances":[1.0]}'


def message(field, content):
    """A length-delimited protobuf field; lengths below 128 only."""
    return bytes([field << 3 | 2, len(content)]) + content


def predict_record(key, value):
    """PredictionLog.predict_log = 6 . request = 1 . inputs = 2 {key = 1, value = 2}."""
    return message(6, message(1, message(2, message(1, key) + message(2, value.SerializeToString()))))


@pytest.fixture
def warm(base, tmp_path):
    """Makes a copy of version 2 with warm-up records."""

    def copy(*records):
        folder = tmp_path / "warm" / "7"
        tf.io.gfile.makedirs(str(folder / "assets.extra"))
        for source in (base / "2").rglob("*"):
            if source.is_file():
                target = folder / source.relative_to(base / "2")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
            for record in records:
                writer.write(record)
        return folder.parent

    return copy


def test_sixteen_threads_get_their_own_answers(ask):
    def one(thread):
        connection = ask.connect()
        for step in range(10):
            value = thread * 100 + step
            connection.request("POST", "/v1/models/m:predict", f'{{"instances":[{value}]}}')
            reply = connection.getresponse().read()
            assert float(reply.split(b"[")[1].split(b"]")[0]) == value / 2 + 2
        connection.close()
        return True

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(16)))


def test_probes_are_answered_while_every_thread_is_at_work(serve):
    _, ask = serve(timeout_ms=1500)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        slow = [pool.submit(ask.predict, '{"instances":[2e9]}', "slow") for _ in range(36)]
        time.sleep(0.3)
        started = time.monotonic()
        assert ask("GET", "/v1/models/m").status == 200
        assert time.monotonic() - started < 1.0
        assert {reply.result().status for reply in slow} == {504}
    assert ask.predict(BODY).status == 200


def test_too_many_waiting_requests_are_503(serve, monkeypatch):
    from tf_audio_gan.serving import rest

    _, ask = serve()
    monkeypatch.setattr(rest, "MAX_WAITING", 0)
    reply = ask.predict(BODY)
    assert reply.status == 503 and "try again later" in reply.error
    assert ask("GET", "/v1/models/m/metadata").status == 200


def test_waiting_requests_of_clients_that_went_away_are_not_run(serve, monkeypatch):
    from tf_audio_gan.serving import rest

    go, run, infer = threading.Event(), [], rest.RestApp._infer

    def held(app, route, body, inflating):
        run.append(json.loads(body)["instances"][0])
        go.wait(30)
        return infer(app, route, body, inflating)

    monkeypatch.setattr(rest.RestApp, "_infer", held)
    _, ask = serve()
    threads = min(32, 4 * (os.cpu_count() or 1))
    connections = []
    for number in range(threads + 4):
        connections.append(ask.connect())
        connections[-1].request("POST", "/v1/models/m:predict", f'{{"instances": [{number}]}}')
        while len(run) < min(number + 1, threads):
            time.sleep(0.01)
    time.sleep(0.3)
    for connection in connections[-3:]:
        connection.close()
    time.sleep(0.3)
    go.set()
    replies = [json.loads(connection.getresponse().read())["predictions"] for connection in connections[:-3]]
    assert replies == [[number / 2 + 2] for number in range(threads + 1)]
    assert ask.predict(BODY).status == 200
    assert run == [*range(threads + 1), 1.0]


def test_the_latest_version_is_served(serve):
    _, ask = serve()
    assert [v["version"] for v in ask("GET", "/v1/models/m").json["model_version_status"]] == ["2"]
    assert ask("POST", "/v1/models/m/versions/1:predict", BODY).status == 404


def test_stop_finishes_what_has_begun_and_frees_the_port(base):
    before = set(threading.enumerate())
    server = Server({"m": base}, port=0)
    server.start()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", "/v1/models/m:predict", '{"signature_name":"slow","instances":[300000]}')
        reply = pool.submit(connection.getresponse)
        time.sleep(0.1)
        server.stop()
        assert reply.result().status == 200
    server.stop()
    left = {thread.name.split("_")[0] for thread in set(threading.enumerate()) - before}
    assert not left & {"rest", "predict"}
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", server.port))
    with server:  # and it starts again on the same port
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/v1/models/m")
        assert connection.getresponse().status == 200
        connection.close()


def test_a_port_in_use_is_one_clear_error(base):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}: .*choose another port"):
            Server({"m": base}, port=port).start()
    with pytest.raises(ValueError, match="between 0 .* and 65535, received 70000"):
        Server({"m": base}, port=70000)
    with pytest.raises(OSError, match="cannot listen on host 'no.such.host.invalid'"):
        Server({"m": base}, host="no.such.host.invalid").start()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM")
def test_run_ends_at_a_signal_and_cancels_at_the_second(base):
    code = (
        "from tf_audio_gan.serving.server import Server\n"
        f"server = Server({{'m': {str(base)!r}}}, port=0)\n"
        "for _ in range(2): server.run(lambda server: print(server.port, flush=True)); print('ended', flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "ended\n"
    assert int(process.stdout.readline()) == port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/models/m:predict", '{"signature_name":"slow","instances":[2e9]}')
    time.sleep(0.3)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert connection.getresponse().status == 499
    connection.close()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "ended\n") and "Traceback" not in err


def test_a_body_past_the_limit_is_413(serve):
    _, ask = serve(max_body_mb=0.01)
    large = b'{"instances":[1.0]}' + b" " * 15000
    bomb = gzip.compress(b" " * 10**7)
    for body, headers in ((large, {}), (iter([large]), {}), (bomb, {"Content-Encoding": "gzip"})):
        reply = ask.predict(body, headers=headers)
        assert reply.status == 413 and "limit of 0.01 MiB" in reply.error
    connection = ask.connect()
    connection.putrequest("POST", "/v1/models/m:predict")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    assert ask.predict(BODY).status == 200


def test_bodies_past_the_room_for_all_are_503_and_the_room_is_given_back(serve):
    server, ask = serve(max_body_mb=1, max_held_mb=2)
    whole = b'{"instances":[1.0]}' + b" " * (2**20 - 19)

    def half_sent(*sizes):
        connections = []
        for size in sizes:
            connections.append(ask.connect())
            connections[-1].putrequest("POST", "/v1/models/m:predict")
            connections[-1].putheader("Content-Length", str(2**20))
            connections[-1].endheaders(whole[:size])
        while server._room.taken < sum(sizes):
            time.sleep(0.01)
        return connections

    connections = half_sent(2**20 - 1, 2**20 - 1)
    started = time.monotonic()
    for body, headers in ((whole, {}), (iter([whole]), {}), (gzip.compress(whole), {"Content-Encoding": "gzip"})):
        reply = ask.predict(body, headers=headers)
        assert reply.status == 503 and "fill the 2 MiB for bodies; try again later" in reply.error
    assert time.monotonic() - started < 5 and server._room.taken == 2 * 2**20 - 2
    assert ask("GET", "/v1/models/m/metadata").status == 200
    connections[0].send(whole[-1:])
    assert connections[0].getresponse().status == 200
    for connection in connections:  # the other client goes away in the middle
        connection.close()
    until = time.monotonic() + 10
    while server._room.taken and time.monotonic() < until:
        time.sleep(0.01)
    assert server._room.taken == 0 and ask.predict(whole).status == 200
    with pytest.raises(ValueError, match="max_held_mb is at least max_body_mb, 100, received 50"):
        Server({"m": "."}, max_held_mb=50)


def test_warmup_runs_before_the_model_is_served(serve, warm):
    good = predict_record(b"x", tf.make_tensor_proto([1.0, 2.0]))
    _, ask = serve({"warm": warm(good, good)})
    assert ask("POST", "/v1/models/warm/versions/7:predict", BODY).json == {"predictions": [2.5]}


@pytest.mark.parametrize(
    "record, text",
    [
        (predict_record(b"z", tf.make_tensor_proto([1.0])), r"has the inputs \['x'\], the record \['z'\]"),
        (predict_record(b"x", tf.make_tensor_proto(["a"])), "warm-up record 1 of .*tf_serving_warmup_requests fails"),
        (message(5, b""), "not a predict, classify, regress or multi-inference request"),
        (message(2, message(1, b"")), "Input is empty"),
        (b"\xff\xff", "warm-up record 1"),
    ],
    ids=["name", "type", "kind", "empty", "junk"],
)
def test_a_failing_warmup_record_fails_the_load(warm, record, text):
    good = predict_record(b"x", tf.make_tensor_proto([1.0]))
    with pytest.raises(ValueError, match=text) as error:
        Server({"warm": warm(good, record)}, port=0).start()
    assert "version 7 does not load" in str(error.value)


def test_records_of_every_kind_are_run(serve, warm):
    from tf_audio_gan.serving.messages import messages

    x = tf.train.Feature(float_list=tf.train.FloatList(value=[2.0]))
    example = tf.train.Example(features=tf.train.Features(feature={"x": x})).SerializeToString()
    given = {"example_list": {"examples": [example]}}
    tasks = [
        {"model_spec": {"signature_name": name}, "method_name": f"tensorflow/serving/{method}"}
        for name, method in (("labels", "classify"), ("reg", "regress"))
    ]
    classify = {"model_spec": {"signature_name": "cls"}, "input": given}
    regress = {"model_spec": {"signature_name": "reg"}, "input": given}
    log = messages().PredictionLog
    records = [
        log(classify_log={"request": classify}),
        log(regress_log={"request": regress}),
        log(multi_inference_log={"request": {"tasks": tasks, "input": given}}),
    ]
    folder = warm(*(record.SerializeToString() for record in records))
    (folder.parent / "monitoring.config").write_text("prometheus_config { enable: true }")
    _, ask = serve({"warm": folder}, monitoring_config_file=folder.parent / "monitoring.config")
    text = ask("GET", "/monitoring/prometheus/metrics").body.decode()
    assert 'runtime_latency_count{API="Predict",model_name="warm",runtime="TF1"} 4' in text
    assert f'model_warmup_latency_count{{model_path="{folder / "7"}",status="OK"}} 1' in text


def test_the_records_of_tensorflow_serving_are_read(warm, serve):
    log = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason="tensorflow-serving-api is not installed"
    ).PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "anything"
    request.model_spec.signature_name = "two"
    request.inputs["a"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]]))
    request.inputs["b"].CopyFrom(tf.make_tensor_proto([1]))
    server, _ = serve({"warm": warm(log.SerializeToString())})
    (version,) = Client(server.url, model="warm").status()
    assert version["state"] == "AVAILABLE"


def test_paths_become_names(base, tmp_path):
    assert models_from_paths([str(base), f"other={base}"]) == {"m": base, "other": base}
    for arguments, text in (
        ([str(base), f"m={base}"], "two models are called 'm'"),
        ([str(base / "1")], "give its parent"),
        ([str(tmp_path)], "has no version: .*tf-audio-gan export PRESET OUT"),
        ([str(tmp_path / "none")], "is not a folder"),
        ([f"a:b={base}"], "without '/' and ':'"),
        ([], "no model to serve"),
    ):
        with pytest.raises(ValueError, match=text):
            models_from_paths(arguments)
    (tmp_path / "3").mkdir()
    with pytest.raises(ValueError, match=r"3 has no saved_model.pb"):
        models_from_paths([str(tmp_path)])


def test_what_cannot_be_loaded_or_served_is_said(base, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"junk")
    with pytest.raises(ValueError, match="version 1 does not load from .*export it again"):
        Server({"junk": tmp_path}, port=0).start()
    with pytest.raises(ValueError, match=r"label 'old' of model 'm' must name a version that is served, \[2\]"):
        Server({"m": base}, port=0, version_labels={"m": {"old": 1}}).start()
    with pytest.raises(ValueError, match="versions is 'latest' or 'all', received 'newest'"):
        Server({"m": base}, port=0, versions="newest").start()
    with pytest.raises(ValueError, match="above 0"):
        Server({"m": base}, timeout_ms=0)
