"""The gRPC server: methods by name, messages from bytes, errors as status codes, limits.

Probes have threads of their own, and a prediction that would wait behind too many others is refused before its message
is read: so both are answered at once, however much there is to do.
"""

import concurrent.futures
import logging
import os
import re
import threading
import time

from tf_audio_gan.serving import model_service, prediction_service
from tf_audio_gan.serving.messages import messages
from tf_audio_gan.serving.status import RequestError

MAX_WAITING = 256
PROBES = {"GetModelStatus", "GetModelMetadata", "Check"}
PROBING, MAX_PROBES = 4, 64  # threads; calls that run or wait in them
LONGEST_ERROR = 1024
log = logging.getLogger(__name__)


class GrpcServer:
    """Answers gRPC requests for a set of models, from threads.

    Args:
        servables: `servables.Servables`.
        host: address to listen on.
        port: TCP port; 0 takes any free one, then read `port`.
        max_message_mb: largest request in MiB; the protocol's own limit is 2048.
        room: `room.Room`, for the messages that are held at once.
        metrics: `metrics.Metrics`.

    Raises:
        OSError: the port is taken.
        ImportError: grpcio is not installed.
    """

    def __init__(self, servables, *, host, port, max_message_mb, room, metrics):
        grpc = _grpc()
        threads = min(32, 4 * (os.cpu_count() or 1))
        self._pool, self._probes = _Pool(threads, "grpc"), _Pool(PROBING, "grpc_probe")
        options = [
            ("grpc.so_reuseport", 0),  # else two servers share a port, and neither says so
            ("grpc.max_receive_message_length", min(int(max_message_mb * 2**20), 2**31 - 1)),
            ("grpc.max_send_message_length", -1),
        ]
        most = threads + MAX_WAITING
        self._server = grpc.server(self._pool, options=options, maximum_concurrent_rpcs=most + MAX_PROBES)
        full = lambda: self._pool.calls >= most  # noqa: E731
        prediction = prediction_service.PredictionService(servables)
        for service, methods, target in (
            ("tensorflow.serving.PredictionService", prediction_service.METHODS, prediction),
            ("tensorflow.serving.ModelService", model_service.METHODS, model_service.ModelService(servables)),
            ("grpc.health.v1.Health", model_service.HEALTH_METHODS, model_service.Health()),
        ):
            handlers = _handlers(grpc, metrics, room, methods, target, self._probes)
            self._server.add_generic_rpc_handlers([_Service(grpc, service, handlers, full, self._probes)])
        try:
            self.port = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError:
            self.port = 0
        if not self.port:
            self.close()
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
        for pool in (self._pool, self._probes):
            pool.shutdown(wait=True, cancel_futures=True)


class _Pool(concurrent.futures.ThreadPoolExecutor):
    """Threads that know how many calls run or wait in them."""

    def __init__(self, threads, name):
        super().__init__(threads, name)
        self.calls, self._counting = 0, threading.Lock()

    def submit(self, function, /, *arguments, **keywords):
        """As of every executor."""
        future = super().submit(function, *arguments, **keywords)
        self._count(1)
        future.add_done_callback(lambda future: self._count(-1))
        return future

    def _count(self, change):
        with self._counting:
            self.calls += change


class _Service:
    """The handlers of one service, as grpcio asks for them when a call begins."""

    def __init__(self, grpc, name, handlers, full, probes):
        self._handlers = grpc.method_handlers_generic_handler(name, handlers)
        self._patient = {f"/{name}/{method}" for method in handlers.keys() - PROBES}
        self._full = full

        def refuse(messages, context):
            text = f"{MAX_WAITING} requests are waiting already; try again later"
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)

        refuse.experimental_thread_pool = probes
        self._refusal = grpc.stream_unary_rpc_method_handler(refuse)  # as a stream, whose messages are not read

    def service(self, details):
        """The handler of a call, None for an unknown method."""
        if details.method in self._patient and self._full():
            return self._refusal
        return self._handlers.service(details)


def _grpc():
    try:
        import grpc
    except ImportError as error:
        raise ImportError("gRPC needs grpcio: pip install 'tf-audio-gan[serve]'") from error
    return grpc


def _handlers(grpc, metrics, room, methods, target, probes):
    handlers = {}
    for name, (request, reply) in methods.items():
        function = getattr(target, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        answer = _answer(grpc, metrics, room, name, getattr(messages(), request), function)
        if name in PROBES:
            answer.experimental_thread_pool = probes
        serializer = getattr(messages(), reply).SerializeToString
        handlers[name] = grpc.unary_unary_rpc_method_handler(answer, response_serializer=serializer)
    return handlers


def _answer(grpc, metrics, room, method, request_class, function):
    """A method of ours as grpcio calls it, with the bytes of the request."""

    def answer(data, context):
        """The reply to a request's bytes; a failure ends the call with its code."""
        started = time.perf_counter()
        with room.guest() as take:
            if take(len(data)):
                model, code, reply = _called(method, request_class, function, data, context.time_remaining())
            else:
                model, code, reply = "", "UNAVAILABLE", room.full
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
