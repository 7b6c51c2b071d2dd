"""What the client does when it gets no answer, or a refusal: servers that fail as they are told."""

import base64
import http.server
import socket
import ssl
import subprocess
import threading
import time

import pytest

from tf_audio_gan import Client
from tf_audio_gan.serving import ServerError
from tf_audio_gan.serving.asking import retries

OK = (200, b'{"model_version_status": []}')


@pytest.fixture(autouse=True)
def paused(monkeypatch):
    """Pauses that the client makes, in seconds, in place of making them."""
    seconds = []
    monkeypatch.setattr(retries.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def told():
    """Starts a server that answers each request with the next of these: (status, body), or "drop" or "half"."""
    servers = []

    def start(*replies, headers=(), certificate=None):
        left, seen = list(replies), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers)
                reply = left.pop(0)
                if reply == "drop":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, body = OK if reply == "half" else reply
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:5] if reply == "half" else body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("failure", [(503, b"{}"), (429, b"{}"), (502, b"<html>"), "drop"], ids=str)
def test_what_was_not_run_is_asked_again_with_growing_pauses(told, paused, failure):
    url, seen = told(failure, failure, failure, OK)
    assert Client(url, "m").status() == [] and len(seen) == 4
    assert [0.05 <= paused[0] <= 0.1, 0.1 <= paused[1] <= 0.2, 0.2 <= paused[2] <= 0.4] == [True] * 3


def test_a_server_says_when_to_come_again(told, paused):
    url, _ = told((503, b"{}"), OK, headers=[("Retry-After", "7")])
    Client(url, "m").status()
    url, _ = told((503, b"{}"), OK, headers=[("Retry-After", "86400")])
    Client(url, "m").status()
    url, _ = told((503, b"{}"), OK, headers=[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")])
    Client(url, "m").status()
    assert paused[:2] == [7, 30] and paused[2] <= 0.1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 504])
def test_refusals_are_not_asked_again(told, paused, status):
    url, seen = told((status, b'{"error": "the\\n words"}'))
    with pytest.raises(ServerError, match=rf"^the words \(HTTP {status}\)$") as error:
        Client(url, "m").status()
    assert error.value.status == status and error.value.message == "the\n words" and not paused and len(seen) == 1


def test_after_the_last_try_the_servers_words_are_raised(told, paused):
    url, seen = told(*[(503, b'{"error": "256 requests are waiting already"}')] * 3)
    with pytest.raises(ServerError, match=r"256 requests are waiting already \(HTTP 503\)"):
        Client(url, "m", retries=2).status()
    assert len(seen) == 3 and len(paused) == 2


def test_an_answer_that_breaks_off_is_not_asked_for_again(told, paused):
    url, seen = told("half")
    with pytest.raises(ConnectionError, match="broke off its answer"):
        Client(url, "m").status()
    assert len(seen) == 1 and not paused


def test_what_is_no_model_server_is_said(told):
    url, _ = told((200, b"<html>hello</html>"), (400, b"<html>no</html>"), (404, b""))
    with pytest.raises(ServerError, match="is not JSON: b'<html>hello.*is this a model server"):
        Client(url, "m").status()
    with pytest.raises(ServerError, match=r"^<html>no</html> \(HTTP 400\)"):
        Client(url, "m").status()
    with pytest.raises(ServerError, match="the server gave no reason"):
        Client(url, "m").status()


def test_a_token_and_headers_are_sent(told):
    url, seen = told(OK)
    Client(url, "m", token="secret", headers={"X-Tenant": "a"}).status()
    assert seen[0]["Authorization"] == "Bearer secret" and seen[0]["X-Tenant"] == "a"
    url, seen = told(OK)
    client = Client(url.replace("//", "//me:p%40ss@"), "m")
    client.status()
    assert seen[0]["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode() and client.url == url


def test_a_name_that_tensorflow_serving_uses_is_tried(told):
    missing, there = (404, b'{"error": "x"}'), (200, b'{"model_version_status": [{}]}')
    refused = (400, b'{"error": "Missing model name in request."}')
    url, _ = told(refused, there, missing)
    assert Client(url).model == "model"
    url, _ = told(refused, missing, missing)
    with pytest.raises(ValueError, match=r"as in Client\(url, 'drums'\): the server at .* does not say which it has"):
        Client(url).status()
    url, _ = told((401, b'{"error": "who are you?"}'), (401, b'{"error": "who are you?"}'))
    with pytest.raises(ServerError, match="who are you"):
        Client(url).status()
    url, _ = told((400, b'{"error": "Missing model name in request. Models served: []"}'))
    with pytest.raises(ValueError, match="serves none"):
        Client(url).status()


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server_and_no_answer(scheme, paused):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, "m", timeout=0.3) as client, pytest.raises(TimeoutError, match="no answer from .* in 0.3 s"):
            client.status()
    assert not paused
    with Client(url, "m", retries=2) as client, pytest.raises(ConnectionError, match="no server .*tf-audio-gan serve"):
        client.status()
    assert len(paused) == 2


@pytest.mark.parametrize("url", ["127.0.0.1:8501", "ftp://host", "http://"])
def test_addresses_of_another_form_are_refused(url):
    with pytest.raises(ValueError, match="looks like 'http://127.0.0.1:8501' or 'grpc://"):
        Client(url)


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="a version or a label, received both: 1 and 'a'"):
        Client(version=1, label="a")
    for wrong in ({"timeout": 0}, {"retries": -1}, {"parallel": 0}):
        with pytest.raises(ValueError, match="Received: timeout="):
            Client(**wrong)


class Refusing:
    """A gRPC server of one method, which ends with the next of these (status code, text), then answers nothing."""

    def __init__(self, *ends, certificate=None):
        import concurrent.futures

        import grpc

        self.left, self.metadata = list(ends), []

        def answer(data, context):
            self.metadata.append(dict(context.invocation_metadata()))
            if self.left:
                code, text = self.left.pop(0)
                context.abort(grpc.StatusCode[code], text)
            return b""

        handler = grpc.unary_unary_rpc_method_handler(answer)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        handlers = {"GetModelStatus": handler}
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("tensorflow.serving.ModelService", handlers)]
        )
        if certificate:
            cert, key = (path.read_bytes() for path in certificate)
            credentials = grpc.ssl_server_credentials([(key, cert)])
            self.url = f"grpcs://127.0.0.1:{self.server.add_secure_port('127.0.0.1:0', credentials)}"
        else:
            self.url = f"grpc://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of 127.0.0.1, signed by itself: paths."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        subprocess.run([*command.split(), "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate, and is not installed")
    return paths


def test_https_trusts_the_authorities_that_it_is_given(told, certificate):
    url, _ = told(OK, certificate=certificate)
    assert Client(url, "m", certificates=certificate[0], token="secret").status() == []
    with pytest.raises(ConnectionError, match="certificate verify failed"):
        Client(url, "m").status()


def test_grpcs_trusts_the_authorities_that_it_is_given(certificate):
    server = Refusing(certificate=certificate)
    with Client(server.url, "m", certificates=certificate[0]) as client:
        assert client.status() == []
    with Client(server.url, "m", retries=0) as client, pytest.raises(ConnectionError, match="no server answers at"):
        client.status()
    server.server.stop(0)
    with pytest.raises(FileNotFoundError):
        Client("grpcs://127.0.0.1:1", certificates="none.pem")


def test_grpc_asks_again_where_there_was_no_room(paused):
    server = Refusing(("UNAVAILABLE", "the queue is full"), ("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!"))
    with Client(server.url, "m", token="secret", headers={"X-Tenant": "a"}) as client:
        assert client.status() == []
    assert len(paused) == 2 and len(server.metadata) == 3
    assert server.metadata[0]["authorization"] == "Bearer secret" and server.metadata[0]["x-tenant"] == "a"
    server.server.stop(0)


def test_grpc_refusals_are_the_servers_words(paused):
    ends = [("INVALID_ARGUMENT", "bad"), ("INTERNAL", ""), ("RESOURCE_EXHAUSTED", "message larger than max (5 vs. 4)")]
    server = Refusing(*ends, *[("UNAVAILABLE", "full")] * 2)
    with Client(server.url, "m", retries=1) as client:
        for text, status in (("bad", 400), ("the server gave no reason", 500), ("larger than max", 429)):
            with pytest.raises(ServerError, match=text) as error:
                client.status()
            assert error.value.status == status
        assert not paused
        with pytest.raises(ServerError, match=r"^full \(gRPC UNAVAILABLE\)$"):
            client.status()
        assert len(paused) == 1 and client.status() == []
    server.server.stop(0)


def test_requests_in_flight_keep_their_order_and_end_with_the_first_error(monkeypatch):
    from tf_audio_gan.serving.asking.parts import in_flight

    under_way, most, lock = [0], [0], threading.Lock()
    done = threading.Event()

    def ask(number):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        done.wait(0.02 if number % 2 else 0.05)
        with lock:
            under_way[0] -= 1
        if number == 7:
            raise ValueError("seven")
        return number

    assert list(in_flight(ask, range(7), 3)) == list(range(7)) and most[0] == 3
    taken = []
    started = time.monotonic()
    with pytest.raises(ValueError, match="seven"):
        list(in_flight(ask, (taken.append(i) or i for i in range(100)), 2))
    assert max(taken) <= 9 and time.monotonic() - started < 5
