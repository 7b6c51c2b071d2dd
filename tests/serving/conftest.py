"""A server to ask: the embedded one, or any other at TF_AUDIO_GAN_TEST_SERVER_URL (see fixture_model.py).

For the gRPC cases the other server's address is TF_AUDIO_GAN_TEST_SERVER_GRPC, host:port.
"""

import http.client
import json
import os
import urllib.parse
from typing import NamedTuple

import pytest

URL = os.environ.get("TF_AUDIO_GAN_TEST_SERVER_URL")
GRPC = os.environ.get("TF_AUDIO_GAN_TEST_SERVER_GRPC")


class Reply(NamedTuple):
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Asker:
    """Sends raw requests, each on its own connection."""

    def __init__(self, url):
        self.url = url
        self.address = urllib.parse.urlsplit(url).netloc

    def connect(self):
        return http.client.HTTPConnection(self.address, timeout=30)

    def __call__(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def predict(self, body, signature=None, **rest):
        """POST to the model m; a signature's name goes in front of the body's other keys."""
        if signature:
            body = body.replace("{", f'{{"signature_name": "{signature}", ', 1)
        return self("POST", "/v1/models/m:predict", body, **rest)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    from tests.serving.fixture_model import build

    return build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def embedded(base):
    """The embedded server: model m, versions 1 and 2, label stable."""
    from tf_audio_gan.serving.server import Server

    labels = {"m": {"stable": 1}}
    with Server({"m": base}, port=0, grpc_port=0, versions="all", version_labels=labels) as server:
        yield server


@pytest.fixture(scope="session")
def ask(request):
    """Asks the server under test over REST."""
    return Asker(URL or request.getfixturevalue("embedded").url)


class Caller:
    """Calls gRPC methods by name, with messages of `tf_audio_gan.serving.messages`."""

    def __init__(self, address, **options):
        import grpc

        self.address = address
        options = [(f"grpc.{name}", value) for name, value in options.items()]
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0), *options])

    def __call__(self, method, timeout=60, service="PredictionService", **fields):
        from tf_audio_gan.serving import messages, model_service, prediction_service

        known = prediction_service.METHODS | model_service.METHODS | model_service.HEALTH_METHODS
        request, reply = (getattr(messages.messages(), name) for name in known[method])
        package = "grpc.health.v1" if service == "Health" else "tensorflow.serving"
        path = f"/{package}.{service}/{method}"
        call = self.channel.unary_unary(path, request.SerializeToString, reply.FromString)
        return call(request(**fields), timeout=timeout)

    def error(self, method, **keywords):
        """(name of the status code, text) of a call that fails."""
        import grpc

        with pytest.raises(grpc.RpcError) as raised:
            self(method, **keywords)
        return raised.value.code().name, raised.value.details()


@pytest.fixture(scope="session")
def call(request):
    """Calls the server under test over gRPC."""
    caller = Caller(GRPC or f"127.0.0.1:{request.getfixturevalue('embedded').grpc_port}")
    yield caller
    caller.channel.close()


@pytest.fixture
def serve(base):
    """Starts an embedded server with keywords, for what another server's URL cannot show."""
    from tf_audio_gan.serving.server import Server

    servers = []

    def start(models=None, **keywords):
        if models is None and "model_config_file" not in keywords:
            models = {"m": base}
        servers.append(Server(models, port=0, **keywords))
        servers[-1].start()
        return servers[-1], Asker(servers[-1].url)

    yield start
    for server in servers:
        server.stop()
