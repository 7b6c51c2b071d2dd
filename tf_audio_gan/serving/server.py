"""The embedded server: TensorFlow Serving's REST interface in one Python process.

    with Server({"drums": "exports/drums"}, port=0) as server:
        wav = Client(server.url, model="drums").generate(seed=1)[0]

It listens on this machine alone unless told otherwise, and asks nobody who they are: put a proxy in front of a server
that others can reach.
"""

import contextlib
import ipaddress
import logging
import signal
import socket
import threading

from tf_audio_gan.serving.exports import check_models

log = logging.getLogger(__name__)


class Server:
    """Loads models and answers REST requests for them, until stopped.

    As a context manager it serves from a thread; `run` serves until Ctrl-C or SIGTERM.

    Args:
        models: dict, model name -> base folder with `<integer>/saved_model.pb`.
        host: address to listen on.
        port: TCP port; 0 takes any free one, then read `port`.
        versions: "latest" serves the highest version of each model, "all" every one.
        version_labels: dict, model name -> dict of label -> version number, or None.
        cors: bool, let pages of other origins read the replies.
        timeout_ms: limit of one prediction in milliseconds; past it the reply is 504.
        max_body_mb: largest request body in MiB; past it the reply is 413.

    Raises:
        ValueError: there is no such model or no version of it, or an argument is out of range.
        ImportError: the extra `serve` is not installed.
    """

    def __init__(
        self,
        models,
        *,
        host="127.0.0.1",
        port=8501,
        versions="latest",
        version_labels=None,
        cors=False,
        timeout_ms=30000,
        max_body_mb=100,
    ):
        _require_serve_extra()
        if timeout_ms <= 0 or max_body_mb <= 0:
            raise ValueError(f"timeout_ms and max_body_mb are above 0, received {timeout_ms} and {max_body_mb}")
        if not 0 <= port < 65536:
            raise ValueError(f"port is between 0 (any free one) and 65535, received {port}")
        check_models(models)
        self.host = host
        self.port = port
        self._load = {"models": models, "versions": versions, "version_labels": version_labels}
        self._limits = {"timeout_ms": timeout_ms, "max_body_mb": max_body_mb, "cors": cors}
        self._stack = None

    @property
    def url(self):
        """Address for a client, `http://host:port`."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self):
        """Take the port, load and warm up every model, then answer from a thread.

        Raises:
            OSError: the port is taken or the address is not this machine's.
            ValueError: a model does not load.
        """
        if self._stack is not None:
            raise RuntimeError(f"this server is running already, at {self.url}")
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(_take_port(self.host, self.port))
            self._serve(listener, stack)
            self.port = listener.getsockname()[1]
            self._stack = stack.pop_all()
        if not _is_loopback(self.host):
            log.warning("serving on %s without authentication: whoever reaches this port can use it", self.host)

    def _serve(self, listener, stack):
        import uvicorn

        from tf_audio_gan.serving.rest import RestApp
        from tf_audio_gan.serving.servables import Servables

        timeout_ms = self._limits["timeout_ms"]
        self._servables = stack.enter_context(contextlib.closing(Servables(**self._load, timeout_ms=timeout_ms)))
        app = stack.enter_context(contextlib.closing(RestApp(self._servables, **self._limits)))
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=timeout_ms // 1000 + 1,
        )
        self._uvicorn = uvicorn.Server(config)
        thread = threading.Thread(target=self._uvicorn.run, args=([listener],), name="rest", daemon=True)
        thread.start()
        stack.callback(self._end, thread)
        while not self._uvicorn.started:
            thread.join(0.01)
            if not thread.is_alive():
                raise OSError(f"cannot listen on {self.host} port {self.port}; is another server starting there?")

    def _end(self, thread):
        self._uvicorn.should_exit = True
        thread.join()

    def stop(self):
        """Stop accepting, finish what has begun, free the models; nothing happens if it is not running."""
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()

    def __enter__(self):
        """Start; see `start`."""
        self.start()
        return self

    def __exit__(self, *error):
        """Stop; see `stop`."""
        self.stop()

    def run(self, ready=None):
        """Serve until Ctrl-C or SIGTERM; a second one cancels what is still running.

        Args:
            ready: function called with this server once it answers, or None.
        """
        asked = threading.Event()

        def ask(number, frame):
            if asked.is_set():
                self._servables.close()
            asked.set()

        with self, _handling_signals(ask):
            if ready:
                ready(self)
            while not asked.wait(0.5):  # a wait without an end would not see Ctrl-C on Windows
                pass
            self.stop()


@contextlib.contextmanager
def _handling_signals(handler):
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _require_serve_extra():
    try:
        import orjson  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{error.name} is not installed; the server needs: pip install 'tf-audio-gan[serve]'"
        ) from error


def _take_port(host, port):
    """A bound socket that does not listen yet, so that nobody is answered before the models are loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise OSError(f"cannot listen on host {host!r}, port {port!r}: {error}") from error
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"cannot listen on {host} port {port}: {error.strerror}; choose another port, or 0 for any"
        ) from error
    return listener


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
