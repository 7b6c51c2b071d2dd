"""The gRPC server: methods by name, messages from bytes, errors as status codes, limits."""

import concurrent.futures
import logging
import os
import re
import time

from tf_audio_gan.serving import model_service, prediction_service
from tf_audio_gan.serving.messages import messages
from tf_audio_gan.serving.status import RequestError

MAX_WAITING = 256
LONGEST_ERROR = 1024
log = logging.getLogger(__name__)


class GrpcServer:
    """Answers gRPC requests for a set of models, from threads.

    Args:
        servables: `servables.Servables`.
        host: address to listen on.
        port: TCP port; 0 takes any free one, then read `port`.
        max_message_mb: largest request in MiB; the protocol's own limit is 2048.
        metrics: `metrics.Metrics`.

    Raises:
        OSError: the port is taken.
        ImportError: grpcio is not installed.
    """

    def __init__(self, servables, *, host, port, max_message_mb, metrics):
        grpc = _grpc()
        threads = min(32, 4 * (os.cpu_count() or 1))
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "grpc")
        options = [
            ("grpc.so_reuseport", 0),  # else two servers share a port, and neither says so
            ("grpc.max_receive_message_length", min(int(max_message_mb * 2**20), 2**31 - 1)),
            ("grpc.max_send_message_length", -1),
        ]
        self._server = grpc.server(self._pool, options=options, maximum_concurrent_rpcs=threads + MAX_WAITING)
        prediction = prediction_service.PredictionService(servables)
        for service, methods, target in (
            ("tensorflow.serving.PredictionService", prediction_service.METHODS, prediction),
            ("tensorflow.serving.ModelService", model_service.METHODS, model_service.ModelService(servables)),
            ("grpc.health.v1.Health", model_service.HEALTH_METHODS, model_service.Health()),
        ):
            self._server.add_generic_rpc_handlers([_handlers(grpc, metrics, service, methods, target)])
        try:
            self.port = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError:
            self.port = 0
        if not self.port:
            self._pool.shutdown()
            raise OSError(f"cannot listen on {host} port {port} for gRPC; choose another port, or 0 for any")

    def start(self):
        """Answer from now on."""
        self._server.start()

    def stop(self, grace):
        """Accept nothing new from now on; what has begun may end for `grace` seconds, then its client is told so.

        Returns:
            threading.Event, set when that is over.
        """
        return self._server.stop(grace)

    def close(self):
        """Wait for the threads; a run that goes on has to be cancelled first."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _grpc():
    try:
        import grpc
    except ImportError as error:
        raise ImportError("gRPC needs grpcio: pip install 'tf-audio-gan[serve]'") from error
    return grpc


def _handlers(grpc, metrics, service, methods, target):
    handlers = {}
    for name, (request, reply) in methods.items():
        function = getattr(target, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        handlers[name] = grpc.unary_unary_rpc_method_handler(
            _answer(grpc, metrics, name, getattr(messages(), request), function),
            response_serializer=getattr(messages(), reply).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(service, handlers)


def _answer(grpc, metrics, method, request_class, function):
    """A method of ours as grpcio calls it, with the bytes of the request."""

    def answer(data, context):
        started = time.perf_counter()
        model, code, reply = _called(method, request_class, function, data, context.time_remaining())
        metrics.count("request_count", {"model_name": model, "status": code})
        if code != "OK":
            context.abort(grpc.StatusCode[code], _cut(reply))
        labels = {"model_name": model, "API": method, "entrypoint": "GRPC"}
        metrics.observe("request_latency", labels, 1e6 * (time.perf_counter() - started))
        return reply

    return answer


def _called(method, request_class, function, data, left):
    """(model, "OK", reply), or a name of a status code and the error's text; `left` are seconds to the deadline."""
    from google.protobuf.message import DecodeError

    model = ""
    try:
        request = request_class.FromString(data)
        model = request.model_spec.name if hasattr(request, "model_spec") else ""
        if left is not None and left <= 0:
            raise RequestError("the deadline passed before the request's turn came", "DEADLINE_EXCEEDED")
        return model, "OK", function(request, 0 if left is None or left > 1e6 else max(1, int(1000 * left)))
    except RequestError as error:
        return model, error.code, error.message
    except DecodeError as error:
        return model, "INVALID_ARGUMENT", f"the request is no {request_class.DESCRIPTOR.name}: {error}"
    except Exception as error:
        log.exception("%s failed", method)
        return model, "INTERNAL", f"{type(error).__name__}: {error}"


def _cut(text):
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + "...TRUNCATED"
