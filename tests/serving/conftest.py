"""A server to ask: the embedded one, or any other at TF_AUDIO_GAN_TEST_SERVER_URL (see fixture_model.py)."""

import http.client
import json
import os
import urllib.parse
from typing import NamedTuple

import pytest

URL = os.environ.get("TF_AUDIO_GAN_TEST_SERVER_URL")


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
def ask(request):
    """Asks the server under test: model m, versions 1 and 2, label stable."""
    if URL:
        yield Asker(URL)
        return
    from tf_audio_gan.serving.server import Server

    model = request.getfixturevalue("base")
    with Server({"m": model}, port=0, versions="all", version_labels={"m": {"stable": 1}}) as server:
        yield Asker(server.url)


@pytest.fixture
def serve(base):
    """Starts an embedded server with keywords, for what another server's URL cannot show."""
    from tf_audio_gan.serving.server import Server

    servers = []

    def start(models=None, **keywords):
        servers.append(Server(models or {"m": base}, port=0, **keywords))
        servers[-1].start()
        return servers[-1], Asker(servers[-1].url)

    yield start
    for server in servers:
        server.stop()
