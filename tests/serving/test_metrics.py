"""Metrics under the names of TensorFlow Serving, in Prometheus' text form."""

import re

from tests.serving.conftest import Caller
from tests.serving.test_grpc import predict, tensor
from tf_audio_gan.serving.metrics import MAX_SERIES, Metrics

BODY = '{"instances":[1.0]}'
PATH = "/monitoring/prometheus/metrics"
LINE = re.compile(
    r"# TYPE :tensorflow:[a-z_:]+ (counter|histogram)"
    r'|:tensorflow:[a-z_:]+(\{\w+="(?:[^"\\\n]|\\.)*"(,\w+="(?:[^"\\\n]|\\.)*")*\})? \S+'
)


def parsed(text):
    """Name and labels -> value."""
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")
    }


def test_85_metrics(serve, tmp_path):
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    _, ask = serve(monitoring_config_file=tmp_path / "monitoring.config")
    for _ in range(3):
        ask.predict(BODY)
    ask.predict("{")
    ask("GET", "/v1/models/m")
    ask("GET", "/v1/models/no%22pe")
    ask("POST", "/v1/models/m:regress", '{"signature_name":"reg","examples":[{"x":80.0},{"x":1.0}]}')
    reply = ask("GET", PATH)
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/plain")
    text = reply.body.decode()
    found = parsed(text)
    name = ":tensorflow:serving:request_count"
    assert f"# TYPE {name} counter" in text
    assert found[name + '{model_name="m",status="OK"}'] == 5
    assert found[name + '{model_name="m",status="INVALID_ARGUMENT"}'] == 1
    assert found[name + '{model_name="no\\"pe",status="NOT_FOUND"}'] == 1
    labels = 'API="predict",entrypoint="REST",model_name="m"'
    name = ":tensorflow:serving:request_latency"
    assert found[f"{name}_count{{{labels}}}"] == found[f'{name}_bucket{{{labels},le="+Inf"}}'] == 3
    assert found[f"{name}_sum{{{labels}}}"] > 0
    assert found[':tensorflow:serving:request_example_count_total{model_name="m"}'] == 2
    assert found[':tensorflow:serving:runtime_latency_count{API="Predict",model_name="m",runtime="TF1"}'] == 4
    reply = ask("GET", PATH + "?x=1")
    assert reply.status == 400 and "Unexpected path" in reply.error
    assert ask("POST", PATH, "").status == 200


def test_requests_over_grpc_are_counted_too(serve, tmp_path):
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    server, ask = serve(grpc_port=0, monitoring_config_file=tmp_path / "monitoring.config")
    call = Caller(f"127.0.0.1:{server.grpc_port}")
    call("Predict", **predict(x=tensor(1, 2)))
    assert call.error("Predict", **predict("nope", x=tensor(1)))[0] == "FAILED_PRECONDITION"
    call.channel.close()
    found = parsed(ask("GET", PATH).body.decode())
    labels = 'API="Predict",entrypoint="GRPC",model_name="m"'
    assert found[f":tensorflow:serving:request_latency_count{{{labels}}}"] == 1
    assert found[':tensorflow:serving:request_count{model_name="m",status="FAILED_PRECONDITION"}'] == 1


def test_the_path_can_be_chosen(serve, tmp_path):
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true, path: '/metrics' }")
    _, ask = serve(monitoring_config_file=tmp_path / "monitoring.config")
    assert ask("GET", "/metrics").status == 200 and ask("GET", PATH).status == 404


def test_buckets_rise_and_add_up():
    metrics = Metrics()
    for value in (1, 10, 11, 1e12):
        metrics.observe("t", {"a": 'x"\n\\'}, value)
    found = parsed(metrics.text().decode())
    counts = [value for key, value in found.items() if "_bucket" in key]
    assert len(counts) == 34 and counts == sorted(counts) and counts[:2] == [2, 3] and counts[-1] == 4
    assert '_bucket{a="x\\"\\n\\\\",le="18"}' in metrics.text().decode()


def test_series_are_bounded():
    metrics = Metrics()
    for number in range(MAX_SERIES + 50):
        metrics.count("request_count", {"model_name": str(number), "status": "NOT_FOUND"})
    found = parsed(metrics.text().decode())
    assert len(found) == MAX_SERIES + 1
    assert found[':tensorflow:serving:request_count{model_name="(others)",status="(others)"}'] == 50
