"""The REST interface of a server, by the standard library: JSON there and back, bytes as base64."""

import base64
import errno
import http.client
import ipaddress
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from tf_audio_gan.serving.asking.retries import Again, ServerError, asked
from tf_audio_gan.serving.asking.types import NUMPY, array_of

BUSY = (429, 502, 503)  # no room, or a proxy that reaches no server: nothing was run


class Rest:
    """Asks over HTTP; each request has a connection of its own, so threads can ask at once.

    Args:
        url: `http://host:port` or https, with a path in front of `/v1` where a proxy has one.
        timeout: seconds without an answer.
        retries: see `retries.asked`.
        headers: dict, sent with every request.
        certificates: path of a PEM file with the authorities to trust, or None for the system's.
    """

    sends_wav = True  # numbers in JSON are four times as long as 16-bit WAV files in base64

    def __init__(self, url, *, timeout, retries, headers, certificates):
        self.url, self._timeout, self._retries, self._headers = url.rstrip("/"), timeout, retries, headers
        parts = urllib.parse.urlsplit(url)
        # A proxy of the environment cannot reach this machine's own addresses.
        proxies = urllib.request.ProxyHandler({} if is_loopback(parts.hostname) else None)
        handlers = [proxies]
        if parts.scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificates)))
        self._opener = urllib.request.build_opener(*handlers)

    def close(self):
        """Nothing is kept open."""

    def models(self):
        """The words in which the server refuses to say what it serves; ours lists its models in them."""
        try:
            self._ask("/v1/models")
        except ServerError as error:
            return error.message
        return ""

    def status(self, spec):
        """List of dicts, newest version first; see `Client.status`."""
        return self._ask(_path(spec))["model_version_status"]

    def metadata(self, spec):
        """Signature name -> dict; see `Client.metadata`."""
        return self._ask(_path(spec) + "/metadata")["metadata"]["signature_def"]["signature_def"]

    def predict(self, spec, name, signature, inputs):
        """Runs a signature.

        Args:
            spec: `types.Spec`.
            name: of the signature.
            signature: its part of `metadata`.
            inputs: dict of input name -> array.

        Returns:
            dict of output name -> array; strings as object arrays of bytes.

        Raises:
            ServerError, ConnectionError, TimeoutError: as `Client.predict`.
        """
        body = _json({"signature_name": name, "inputs": inputs})
        found = self._ask(_path(spec) + ":predict", body)["outputs"]
        outputs = signature["outputs"]
        if len(outputs) == 1:
            found = dict.fromkeys(outputs, found)
        return {alias: _array(alias, found[alias], info["dtype"]) for alias, info in outputs.items()}

    def _ask(self, path, body=None):
        return asked(lambda: self._attempt(self.url + path, body), self._retries)

    def _attempt(self, url, body):
        headers = {"Content-Type": "application/json", **self._headers}
        try:
            with self._opener.open(urllib.request.Request(url, body, headers), timeout=self._timeout) as reply:
                return _parsed(_read(reply, self.url), url)
        except urllib.error.HTTPError as error:
            with error:
                refused = ServerError(_error_text(_read(error, self.url)), error.code)
                if error.code in BUSY:
                    raise Again(refused, _seconds(error.headers.get("Retry-After"))) from None
                raise refused from None
        except urllib.error.URLError as error:
            raise self._unreached(error.reason) from error
        except OSError as error:  # of which TimeoutError is one
            raise self._unreached(error) from error
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url} answers what is not HTTP: {error!r}") from error

    def _unreached(self, reason):
        """The error to raise where no answer began."""
        if isinstance(reason, TimeoutError):
            return TimeoutError(
                f"no answer from {self.url} in {self._timeout:g} s; a larger Client(timeout=...) waits longer"
            )
        if isinstance(reason, BrokenOffError):
            return reason
        error = ConnectionError(f"no server answers at {self.url}: {reason}; start one with: tf-audio-gan serve DIR")
        again = getattr(reason, "errno", None) in (errno.ECONNREFUSED, errno.ECONNRESET)
        return Again(error) if again or isinstance(reason, ConnectionResetError) else error


class BrokenOffError(ConnectionError):
    """An answer began and did not end; that the request ran is certain then."""


def _read(reply, url):
    try:
        return reply.read()
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise BrokenOffError(f"{url} broke off its answer: {error!r}") from error


def is_loopback(host):
    """Whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _path(spec):
    which = "" if spec.version is None else f"/versions/{spec.version}"
    if spec.label is not None:
        which = f"/labels/{urllib.parse.quote(spec.label, safe='')}"
    return f"/v1/models/{urllib.parse.quote(spec.model, safe='')}{which}"


def _seconds(text):
    return float(text) if text and text.isascii() and text.isdigit() else 0


def _parsed(body, url):
    try:
        return json.loads(body)
    except ValueError as error:
        raise ServerError(f"the answer of {url} is not JSON: {body[:100]!r}; is this a model server?", 200) from error


def _error_text(body):
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:500] or "the server gave no reason"


def _json(request):
    """Bytes; float32 in as few digits as give it back, where orjson is installed: half as long."""
    arrays = request["inputs"].values()
    try:
        import orjson
    except ImportError:
        return json.dumps(request, default=_plain).encode()
    if all(x.dtype == object or np.isfinite(x).all() for x in arrays):
        return orjson.dumps(request, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(request, default=_plain).encode()  # orjson would write null for NaN


def _plain(value):
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value.tolist()


def _array(name, value, dtype):
    return array_of(name, _unpacked(value), dtype) if dtype == "DT_STRING" else np.array(value, NUMPY.get(dtype))


def _unpacked(value):
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value
