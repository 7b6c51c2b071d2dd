"""The proxy of serving/ in front of the embedded server: nginx itself, TLS, a password, and only what may pass."""

import base64
import contextlib
import gzip
import http.client
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tensorflow.core.framework import tensor_pb2

from tests.serving.test_foreign_clients import command_of

CONFIGURATION = Path(__file__).parents[2] / "serving" / "proxy" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    not NGINX or not shutil.which("openssl"), reason="nginx (Debian's nginx-light) and openssl are not installed"
)
AUTHORISED = {"authorization": "Basic " + base64.b64encode(b"me:secret").decode()}
WRONG = {"authorization": "Basic " + base64.b64encode(b"me:wrong").decode()}
BODY = '{"instances": [1.0, 2.0, 5.0]}'


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy:
    def __init__(self, port, certificate):
        self.port, self.certificate = port, certificate
        self.context = ssl.create_default_context(cafile=str(certificate))

    def __call__(self, method, path, body=None, headers=AUTHORISED):
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.context)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, reply.read()

    def call(self, method, service="PredictionService", headers=AUTHORISED, **fields):
        import grpc

        from tf_audio_gan.serving import messages, model_service, prediction_service

        known = prediction_service.METHODS | model_service.METHODS
        request, reply = (getattr(messages.messages(), name) for name in known[method])
        trusted = grpc.ssl_channel_credentials(self.certificate.read_bytes())
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.secure_channel(f"localhost:{self.port}", trusted, options) as channel:
            path = f"/tensorflow.serving.{service}/{method}"
            asked = channel.unary_unary(path, request.SerializeToString, reply.FromString)
            return asked(request(**fields), timeout=30, metadata=tuple(headers.items()))


def write_sounds(folder):
    """A model whose signature `wav` answers a WAV file of 256 samples, all of them seed / 256."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, "seed")])
    def wav(seed):
        audio = tf.tile(tf.cast(seed, tf.float32)[:, None, None] / 256, (1, 256, 1))
        made = tf.map_fn(lambda x: tf.audio.encode_wav(x, 8000), audio, fn_output_signature=tf.string)
        return {"wav_bytes": made}

    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures={"wav": wav})
    return folder


@pytest.fixture(scope="module")
def proxy(base, tmp_path_factory):
    from tf_audio_gan.serving.server import Server

    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    models = {"m": base, "sounds": write_sounds(folder / "sounds")}
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    made = subprocess.run(["openssl", "passwd", "-apr1", "secret"], check=True, capture_output=True, text=True)
    (folder / "htpasswd").write_text(f"me:{made.stdout}")
    monitoring = CONFIGURATION.parents[1] / "monitoring.config"
    with Server(models, port=0, grpc_port=0, monitoring_config_file=monitoring) as server:
        text = CONFIGURATION.read_text()
        for ours, there in (
            (" /tmp/", f" {folder}/"), ("tfserving:8501", f"127.0.0.1:{server.port}"),
            ("tfserving:8500", f"127.0.0.1:{server.grpc_port}"),
            ("listen 8443", f"listen 127.0.0.1:{port}"), ("/etc/nginx/secrets", str(folder)),
            ("/dev/stdout", f"{folder}/access.log"), ("/dev/stderr", f"{folder}/error.log"),
        ):  # fmt: skip
            assert ours in text
            text = text.replace(ours, there)
        (folder / "nginx.conf").write_text(text)
        command = [NGINX, "-p", folder, "-c", folder / "nginx.conf"]
        command += ["-g", "daemon off;" + (" user root;" if os.geteuid() == 0 else "")]
        tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tried.returncode == 0, tried.stderr
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < end and running.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.05)
            yield Proxy(port, certificate)
        finally:
            running.terminate()
            running.wait(10)


def test_predictions_pass_over_rest(proxy):
    status, body = proxy("POST", "/v1/models/m:predict", BODY)
    assert status == 200 and json.loads(body) == {"predictions": [2.5, 3.0, 4.5]}
    status, body = proxy("POST", "/v1/models/m/versions/2:predict", BODY)
    assert status == 200
    assert proxy("GET", "/v1/models/m")[0] == proxy("GET", "/v1/models/m/metadata")[0] == 200
    packed = gzip.compress(BODY.encode())
    status, body = proxy("POST", "/v1/models/m:predict", packed, AUTHORISED | {"content-encoding": "gzip"})
    assert status == 200 and json.loads(body) == {"predictions": [2.5, 3.0, 4.5]}


def test_the_servers_own_errors_come_through(proxy):
    status, body = proxy("POST", "/v1/models/m:predict", '{"instances": ["a"]}')
    assert status == 400 and "error" in json.loads(body)
    assert proxy("GET", "/v1/models/other")[0] == 404


def test_predictions_and_status_pass_over_grpc(proxy):
    x = tensor_pb2.TensorProto(dtype=1, float_val=[1.0, 2.0, 5.0])
    x.tensor_shape.dim.add(size=3)
    given = [{"key": "x", "value": x.SerializeToString()}]
    reply = proxy.call("Predict", model_spec={"name": "m"}, inputs=given)
    (y,) = [tensor_pb2.TensorProto.FromString(entry.value) for entry in reply.outputs]
    assert list(y.float_val) == [2.5, 3.0, 4.5]
    reply = proxy.call("GetModelStatus", "ModelService", model_spec={"name": "m"})
    assert reply.model_version_status[0].version == 2


@pytest.mark.parametrize("headers", [{}, WRONG])
def test_without_the_password_nothing_passes(headers, proxy):
    import grpc

    assert proxy("POST", "/v1/models/m:predict", BODY, headers)[0] == 401
    assert proxy("GET", "/v1/models/m", headers=headers)[0] == 401
    with pytest.raises(grpc.RpcError) as raised:
        proxy.call("Predict", headers=headers, model_spec={"name": "m"})
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert proxy("GET", "/healthz", headers=headers)[0] == 204


@pytest.mark.parametrize(
    "path",
    [
        "/", "/monitoring/prometheus/metrics", "/v1/models/m/../../../monitoring/prometheus/metrics", "/v1/models",
        "/v1/models/m%2f..%2f..%2fmonitoring/prometheus/metrics", "/v1/models/m/metadata/x", "/v1/models/m;x",
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest", "/tensorflow.ProfilerService/Profile",
        "/v1/models/m%0a", "/v1/models/m:predict%0a", "/v1/models/m/metadata%0A", "/v1/models/m%0d%0aX:%20y",
        "/tensorflow.serving.PredictionService/Predict%0a",
        "/grpc.health.v1.Health/Check", "/tensorflow.serving.SessionService/SessionRun",
    ],
)  # fmt: skip
def test_other_paths_do_not_pass(path, proxy):
    for method in ("GET", "POST"):
        status, body = proxy(method, path, BODY if method == "POST" else None)
        assert status == 404 and b"tensorflow:serving" not in body, (method, path, status)


def test_other_methods_do_not_pass(proxy):
    for method, path in (("GET", "/v1/models/m:predict"), ("POST", "/v1/models/m"), ("DELETE", "/v1/models/m")):
        assert proxy(method, path)[0] == 403


def test_models_cannot_be_reloaded_over_grpc(proxy):
    import grpc

    with pytest.raises(grpc.RpcError) as raised:
        proxy.call("HandleReloadConfigRequest", "ModelService", config={"model_config_list": {}})
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert proxy("GET", "/v1/models/m")[0] == 200, "it still serves"


def test_a_body_over_the_limit_is_413(proxy):
    large = b" " * (33 * 2**20)
    try:
        assert proxy("POST", "/v1/models/m:predict", large)[0] == 413
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        pass  # nginx answers and closes before all was sent: the answer may be lost, the request too
    assert proxy("POST", "/v1/models/m:predict", BODY)[0] == 200


def test_a_message_over_the_limit_does_not_pass(proxy):
    import grpc

    with pytest.raises(grpc.RpcError) as raised:
        proxy.call("Predict", model_spec={"name": "m"}, output_filter=["x" * 33 * 2**20])
    assert "413" in raised.value.details()
    assert proxy("GET", "/v1/models/m")[0] == 200


def test_an_unknown_certificate_is_the_clients_error_and_plain_http_is_refused(proxy):
    with pytest.raises(ssl.SSLCertVerificationError):
        context = ssl.create_default_context()
        http.client.HTTPSConnection("localhost", proxy.port, timeout=30, context=context).request("GET", "/healthz")
    connection = http.client.HTTPConnection("localhost", proxy.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/models/m", headers=AUTHORISED)
        assert connection.getresponse().status == 400


@pytest.mark.parametrize("name", ["sounds.sh", "sounds.mjs", "grpc.mjs"])
def test_the_examples_of_clients_pass(name, proxy, tmp_path):
    command, scheme = command_of(name), "grpcs" if name == "grpc.mjs" else "https"
    command += [f"{scheme}://localhost:{proxy.port}", "sounds", "64", str(tmp_path / "out.wav")]
    direct = {"NO_PROXY": "localhost", "no_proxy": "localhost"}
    trusting = dict.fromkeys(("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(proxy.certificate))

    def ask(**settings):
        own = os.environ | direct | settings
        return subprocess.run(command, env=own, capture_output=True, text=True, timeout=60)

    assert ask(**trusting, USERPWD="me:secret").returncode == 0
    sound, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == 8000 and len(sound) == 256 and np.abs(sound - 0.25).max() < 1e-4
    (tmp_path / "out.wav").unlink()
    refused = ask(**trusting, USERPWD="me:wrong").stderr
    assert "401" in refused or "UNAUTHENTICATED" in refused
    assert "certificate" in ask(USERPWD="me:secret").stderr, "it asks who the proxy is"
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_the_python_client_passes(scheme, proxy):
    from tf_audio_gan.serving import Client, ServerError

    def client(password):
        address = f"{scheme}://me:{password}@localhost:{proxy.port}"
        return Client(address, "sounds", certificates=proxy.certificate)

    with client("secret") as one:
        (data,) = one.predict({"seed": [64]}, "wav")["wav_bytes"]
        assert soundfile.read(io.BytesIO(data))[0][0] == pytest.approx(0.25, abs=1e-4)
        assert one.status()[0]["state"] == "AVAILABLE"
    with client("wrong") as one, pytest.raises(ServerError) as refused:
        one.status()
    assert refused.value.status == 401
