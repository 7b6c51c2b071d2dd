"""The embedded server: TensorFlow Serving's REST and gRPC interfaces in one Python process.

    with Server({"drums": "exports/drums"}, port=0) as server:
        audio, rate = Client(server.url).generate(seed=1)

It listens on this machine alone unless told otherwise, and asks nobody who they are: put a proxy in front of a server
that others can reach.
"""

import contextlib
import logging
import signal
import threading

from tf_audio_gan.serving.batching import Batcher
from tf_audio_gan.serving.batching_parameters import read_batching_parameters
from tf_audio_gan.serving.configuration import configs_from_arguments, read_model_config_file
from tf_audio_gan.serving.exports import check_models
from tf_audio_gan.serving.messages import read_text_file
from tf_audio_gan.serving.metrics import Metrics
from tf_audio_gan.serving.polling import Poller
from tf_audio_gan.serving.ports import is_loopback, take_port
from tf_audio_gan.serving.room import Room

MAX_CONNECTIONS = 1000
METRICS_PATH = "/monitoring/prometheus/metrics"
log = logging.getLogger(__name__)


class Server:
    """Loads models and answers REST and gRPC requests for them, until stopped.

    As a context manager it serves from a thread; `run` serves until Ctrl-C or SIGTERM.

    Args:
        models: dict, model name -> base folder with `<integer>/saved_model.pb`; or None with `model_config_file`.
        host: address to listen on.
        port: TCP port of REST; 0 takes any free one, then read `port`.
        grpc_port: TCP port of gRPC; 0 takes any free one, then read `grpc_port`; None answers no gRPC.
        versions: "latest" serves the highest version of each model, "all" every one.
        version_labels: dict, model name -> dict of label -> version number, or None.
        cors: bool, let pages of other origins read the replies.
        timeout_ms: limit of one prediction in milliseconds; past it the reply is 504.
        max_body_mb: largest request body in MiB; past it the reply is 413.
        max_held_mb: MiB of all bodies that are held at once; past it the reply is 503. None: four of the largest.
        model_config_file: path of a text protocol buffer of ModelServerConfig, in place of the first three arguments.
        model_config_file_poll_seconds: how often that file is read again; 0 is never.
        poll_seconds: how often new versions are looked for; 0 is never.
        batching_parameters_file: path of a text protocol buffer of BatchingParameters; None runs each request alone.
        monitoring_config_file: path of a text protocol buffer of MonitoringConfig; None answers no metrics.

    Raises:
        ValueError: there is no such model or no version of it, or an argument is out of range.
        ImportError: the extra `serve` is not installed.
    """

    def __init__(
        self,
        models=None,
        *,
        host="127.0.0.1",
        port=8501,
        grpc_port=None,
        versions="latest",
        version_labels=None,
        cors=False,
        timeout_ms=30000,
        max_body_mb=100,
        max_held_mb=None,
        model_config_file=None,
        model_config_file_poll_seconds=0,
        poll_seconds=1,
        batching_parameters_file=None,
        monitoring_config_file=None,
    ):
        _require_serve_extra()
        if timeout_ms <= 0 or max_body_mb <= 0:
            raise ValueError(f"timeout_ms and max_body_mb are above 0, received {timeout_ms} and {max_body_mb}")
        if max_held_mb is not None and max_held_mb < max_body_mb:
            raise ValueError(f"max_held_mb is at least max_body_mb, {max_body_mb}, received {max_held_mb}")
        for number in (port, grpc_port or 0):
            if not 0 <= number < 65536:
                raise ValueError(f"port is between 0 (any free one) and 65535, received {number}")
        if (model_config_file is None) == (models is None):
            raise ValueError("give either models or model_config_file, received both or neither")
        if models is not None:
            check_models(models)
            configs = configs_from_arguments(models, versions, version_labels)
        self._config_file = model_config_file
        self._read_configs = (lambda: configs) if models is not None else self._read_file
        self._polls = {"versions": poll_seconds, "configuration": model_config_file_poll_seconds}
        self._batching = batching_parameters_file and read_batching_parameters(batching_parameters_file)
        self.host = host
        self.port = port
        self.grpc_port = grpc_port
        self._metrics_path = monitoring_config_file and _metrics_path(monitoring_config_file)
        self._limits = {"timeout_ms": timeout_ms, "max_body_mb": max_body_mb, "cors": cors}
        self._room = Room(int((max_held_mb or 4 * max_body_mb) * 2**20))
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
            listener = stack.enter_context(take_port(self.host, self.port))
            self._serve(listener, stack)
            self.port = listener.getsockname()[1]
            self._stack = stack.pop_all()
        if not is_loopback(self.host):
            log.warning("serving on %s without authentication: whoever reaches this port can use it", self.host)

    def _serve(self, listener, stack):
        import uvicorn

        from tf_audio_gan.serving.rest import RestApp
        from tf_audio_gan.serving.servables import Servables

        timeout_ms = self._limits["timeout_ms"]
        self._configs = self._read_configs()
        metrics = Metrics()
        batcher = Batcher(self._batching, metrics) if self._batching else None
        if batcher:
            stack.enter_context(contextlib.closing(batcher))
        servables = Servables(self._configs, timeout_ms=timeout_ms, batcher=batcher, metrics=metrics)
        self._servables = stack.enter_context(contextlib.closing(servables))
        app = RestApp(servables, room=self._room, metrics=metrics, metrics_path=self._metrics_path, **self._limits)
        stack.enter_context(contextlib.closing(app))
        grpc = self._grpc_server(metrics)
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
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=timeout_ms // 1000 + 1,
        )
        self._poll(stack)
        self._uvicorn = uvicorn.Server(config)
        thread = threading.Thread(target=self._uvicorn.run, args=([listener],), name="rest", daemon=True)
        thread.start()
        stack.callback(self._end, thread, grpc)
        while not self._uvicorn.started:
            thread.join(0.01)
            if not thread.is_alive():
                raise OSError(f"cannot listen on {self.host} port {self.port}; is another server starting there?")
        if grpc:
            grpc.start()
            self.grpc_port = grpc.port

    def _grpc_server(self, metrics):
        if self.grpc_port is None:
            return None
        from tf_audio_gan.serving.grpc_server import GrpcServer

        where = {"host": self.host, "port": self.grpc_port}
        limits = {"max_message_mb": self._limits["max_body_mb"], "room": self._room}
        return GrpcServer(self._servables, **where, **limits, metrics=metrics)

    def _poll(self, stack):
        """Look for new versions, and at the configuration file, from threads of their own."""
        functions = {"versions": self._servables.poll, "configuration": self._reload_file}
        for name, seconds in self._polls.items():
            if seconds > 0 and (name == "versions" or self._config_file is not None):
                stack.enter_context(contextlib.closing(Poller(functions[name], seconds, f"poll-{name}")))

    def _read_file(self):
        return read_model_config_file(self._config_file)

    def _reload_file(self):
        configs = self._read_file()
        if configs != self._configs:
            self._servables.reload(configs)
            self._configs = configs

    def _end(self, thread, grpc):
        """Accept nothing new, let what has begun end in its time, cancel what does not."""
        self._uvicorn.should_exit = True
        stopped = grpc.stop(self._limits["timeout_ms"] / 1000 + 1) if grpc else None
        thread.join()
        if grpc:
            stopped.wait()
        self._servables.close()
        if grpc:
            grpc.close()

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


def _metrics_path(file):
    """Path of the metrics by a MonitoringConfig file, or None where they are not enabled."""
    config = read_text_file(file, "MonitoringConfig").prometheus_config
    if config.enable and config.path and not config.path.startswith("/"):
        raise ValueError(f"{file}: the path of the metrics begins with '/', received {config.path!r}")
    return (config.path or METRICS_PATH) if config.enable else None


def _require_serve_extra():
    try:
        import orjson  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{error.name} is not installed; the server needs: pip install 'tf-audio-gan[serve]'"
        ) from error
