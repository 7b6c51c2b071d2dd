"""The REST interface as an ASGI application: routes, bodies and replies of TensorFlow Serving.

TensorFlow and the JSON of predictions run in a bounded pool of threads; status and metadata are answered at once, so
that a probe gets its answer also while every thread is at work.
"""

import asyncio
import concurrent.futures
import json
import logging
import os
import time
import zlib

from tf_audio_gan.serving import examples, examples_run, json_parse, json_reply, json_request
from tf_audio_gan.serving.room import NoRoom
from tf_audio_gan.serving.routes import MISSING_NAME, find_route
from tf_audio_gan.serving.servables import DEFAULT_SIGNATURE
from tf_audio_gan.serving.status import RequestError

MAX_WAITING = 256
CORS_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
]
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>"
log = logging.getLogger(__name__)


class BodyTooLarge(Exception):
    """A request body, or what it inflates to, is past the limit."""


class RestApp:
    """Answers HTTP requests for a set of models.

    Args:
        servables: `servables.Servables`.
        timeout_ms: a body has to come within it, and a request that has waited longer for a thread is not run.
        max_body_mb: largest request body in MiB, also after inflating.
        room: `room.Room`, for the bodies that are held at once.
        cors: bool, send the headers that let pages of other origins read the replies.
        metrics: `metrics.Metrics`.
        metrics_path: str, where they are answered, or None for nowhere.
    """

    def __init__(self, servables, *, timeout_ms, max_body_mb, room, cors, metrics, metrics_path=None):
        self._servables = servables
        self._timeout = timeout_ms / 1000
        self._max_body_mb = max_body_mb
        self._max_body = int(max_body_mb * 2**20)
        self._room = room
        self._cors = CORS_HEADERS if cors else []
        self._threads = min(32, 4 * (os.cpu_count() or 1))
        self._pool = concurrent.futures.ThreadPoolExecutor(self._threads, "predict")
        self._waiting = 0
        self._metrics, self._metrics_path = metrics, metrics_path

    def close(self):
        """Let the threads end once they have nothing left to do."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope, receive, send):
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        if self._metrics_path and target.partition("?")[0] == self._metrics_path:
            await self._send_metrics(send, target)
            return
        if not target.lower().startswith("/v1/"):
            await _send(send, 404, NOT_FOUND_PAGE, [(b"content-type", b"text/html")])
            return
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS":
            origin = headers.get(b"origin", b"")
            known = b"http://" in origin or b"https://" in origin
            await _send(send, 200 if known else 400, b"", self._cors)
            return
        try:
            with self._room.guest() as take:
                status, reply = await self._timed_reply(scope["method"], target, headers, receive, take)
        except ConnectionError:
            return
        closing = [(b"connection", b"close")] if status in (408, 413) else []
        await _send(send, status, reply, [(b"content-type", b"application/json"), *self._cors, *closing])

    async def _send_metrics(self, send, target):
        known = target == self._metrics_path
        body = (
            self._metrics.text() if known else _error_body(f"Unexpected path: {target}. Should be {self._metrics_path}")
        )
        await _send(send, 200 if known else 400, body, [(b"content-type", b"text/plain"), *self._cors])

    async def _timed_reply(self, method, target, headers, receive, take):
        """As `_reply`, noted in the metrics where the request has a route."""
        started = time.perf_counter()
        body = await self._body(method, headers, receive, take)
        if isinstance(body, tuple):
            return body
        try:
            route = find_route(method, target)
        except RequestError as error:
            listed = self._servables.listed() if error.message == MISSING_NAME else ""
            return error.http_status, _error_body(error.message + listed)
        inflating = take if b"gzip" in headers.get(b"content-encoding", b"") else None
        status, code, reply = await self._reply(route, body, inflating, receive)
        self._metrics.count("request_count", {"model_name": route.name, "status": code})
        if code == "OK" and method == "POST":
            labels = {"model_name": route.name, "API": route.verb, "entrypoint": "REST"}
            self._metrics.observe("request_latency", labels, 1e6 * (time.perf_counter() - started))
        return status, reply

    async def _body(self, method, headers, receive, take):
        """The body, or the (status, body) of the reply to one that is too large, does not fit or does not come."""
        if method != "POST":
            return b""
        try:
            async with asyncio.timeout(self._timeout):
                return await read_body(receive, headers, self._max_body, take)
        except TimeoutError:
            return 408, _error_body(f"The request body did not come within this server's {self._timeout:g} s")
        except BodyTooLarge:
            return self._too_large()
        except NoRoom:
            return 503, _error_body(self._room.full)

    def _too_large(self):
        return 413, _error_body(f"The request body is larger than this server's limit of {self._max_body_mb} MiB")

    async def _reply(self, route, body, inflating, receive):
        """(HTTP status, name of the status code, body) of a request with a route; ConnectionError: nobody waits."""
        try:
            if route.verb in ("status", "metadata"):
                return 200, "OK", self._describe(route)
            return 200, "OK", await self._in_thread(receive, self._infer, route, body, inflating)
        except ConnectionError:
            raise
        except RequestError as error:
            return error.http_status, error.code, _error_body(error.message)
        except BodyTooLarge:
            status, reply = self._too_large()
            return status, "RESOURCE_EXHAUSTED", reply
        except NoRoom:
            return 503, "UNAVAILABLE", _error_body(self._room.full)
        except RecursionError:
            return 400, "INVALID_ARGUMENT", _error_body("JSON Parse error: The document is nested too deeply.")
        except Exception as error:
            log.exception("%s failed", route)
            return 500, "INTERNAL", _error_body(f"{type(error).__name__}: {error}")

    def _describe(self, route):
        if route.verb != "metadata":
            return json.dumps({"model_version_status": self._states(route)}).encode()
        with self._servables.use(route.name, route.version, route.label) as version:
            spec = {"name": route.name, "signature_name": "", "version": str(version.number)}
            signatures = {"signature_def": {"signature_def": version.described}}
            return json.dumps({"model_spec": spec, "metadata": signatures}).encode()

    def _states(self, route):
        return [
            {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}
            for number, state, code, message in self._servables.states(route.name, route.version)
        ]

    async def _in_thread(self, receive, function, *arguments):
        if self._waiting >= MAX_WAITING:
            raise RequestError(f"{MAX_WAITING} requests are waiting already; try again later", "UNAVAILABLE")
        self._waiting += 1
        deadline = time.monotonic() + self._timeout
        try:
            future = self._pool.submit(_timely, deadline, function, *arguments)
            done = asyncio.wrap_future(future)
            if self._waiting > self._threads:
                await _done_or_gone(future, done, receive)
            return await done
        finally:
            self._waiting -= 1

    def _infer(self, route, body, inflating):
        """`inflating` takes room for what a gzip body inflates to; None for another body."""
        request = json_parse.parse_object(inflate(body, self._max_body, inflating) if inflating else body)
        name = request.get("signature_name", "")
        if not isinstance(name, str):
            raise RequestError(
                f"JSON Value: {json_parse.shown(request)} not formatted correctly. 'signature_name' key must be a "
                "string value."
            )
        given = None if route.verb == "predict" else examples.read_examples(request, route.verb)
        with self._servables.use(route.name, route.version, route.label) as version:
            if given is None:
                return _predict(version, name, request)
            run = getattr(examples_run, route.verb)
            self._metrics.observe("request_example_counts", {"model_name": route.name}, len(given))
            self._metrics.count("request_example_count_total", {"model_name": route.name}, len(given))
            return examples.write_results(run(version, name or DEFAULT_SIGNATURE, given))


def _predict(version, name, request):
    wanted = version.input_types(name or DEFAULT_SIGNATURE)
    if not wanted:
        raise RequestError(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    inputs, row = json_request.read_tensors(request, wanted)
    return json_reply.write_reply(version.run(name or DEFAULT_SIGNATURE, inputs), row)


async def _done_or_gone(future, done, receive):
    """Waits for a thread's future; ConnectionError if the client goes away before it has begun: then it never will."""
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done() and future.cancel():
            raise ConnectionError
    finally:
        gone.cancel()


def _timely(deadline, function, *arguments):
    if time.monotonic() > deadline:
        raise RequestError("Timed out waiting for notification", "DEADLINE_EXCEEDED")
    return function(*arguments)


def _error_body(text):
    return json.dumps({"error": text}).encode()


async def read_body(receive, headers, limit, take):
    """The whole body of a request, however it is sent.

    Past the limit, up to as many bytes again are read and thrown away, so that a client that is not much too large
    can finish sending and read why it is refused; so is the rest of a body for which there is no room.

    Args:
        receive: the ASGI callable.
        headers: dict of bytes.
        limit: int, bytes.
        take: function of a number of bytes that takes room for them, False where there is none (`room.Room.guest`).

    Returns:
        bytes.

    Raises:
        BodyTooLarge: there are more bytes than the limit.
        NoRoom: there is no room for them.
        ConnectionError: the client went away.
    """
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > 2 * limit:
        raise BodyTooLarge
    chunks, size, held, more, fits = [], 0, 0, True, True
    while more and size <= 2 * limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body, more = message.get("body", b""), message.get("more_body", False)
        size += len(body)
        fits = fits and size <= limit and take(len(body))
        if fits:
            chunks.append(body)
            held += len(body)
        else:
            chunks.clear()
            held, _ = 0, take(-held)
    if size > limit:
        raise BodyTooLarge
    if not fits:
        raise NoRoom
    return b"".join(chunks)


def inflate(body, limit, take):
    """Inflate a gzip body; one that is not whole becomes empty, as in TensorFlow Serving.

    Raises:
        BodyTooLarge: it inflates to more than `limit` bytes.
        NoRoom: there is no room for them; `take` as in `read_body`.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error:
        return b""
    if len(data) > limit:
        raise BodyTooLarge
    if not take(len(data)):
        raise NoRoom
    return data if stream.eof else b""


async def _send(send, status, body, headers):
    from h11 import LocalProtocolError

    length = (b"content-length", str(len(body)).encode())
    try:
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})
    except LocalProtocolError as error:  # the client broke the protocol meanwhile, so it can be sent no answer
        log.debug("an answer was not sent: %s", error)
