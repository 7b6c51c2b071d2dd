"""A small client for the REST interface of TensorFlow Serving and of the embedded server.

It needs the standard library only, so this file can be used where TensorFlow is not installed.
"""

import base64
import http.client
import ipaddress
import json
import urllib.error
import urllib.parse
import urllib.request


class ServerError(RuntimeError):
    """The server answered with an error.

    Args:
        message: the server's own words.
        status: int, the HTTP status.
    """

    def __init__(self, message, status):
        super().__init__(f"{message} (HTTP {status})")
        self.message = message
        self.status = status


class Client:
    """Asks a server for predictions of one model.

    Args:
        url: address of the server.
        model: name of the model. A server has no list of its models, so it has to be given: the embedded server calls
            a model as its folder, TensorFlow Serving as `--model_name`.
        timeout: seconds to wait for an answer.

    Raises:
        ValueError: no model is named, or the address is not one of HTTP.
    """

    def __init__(self, url="http://127.0.0.1:8501", model=None, timeout=60):
        if not model:
            raise ValueError(
                "name the model, as in Client(model='drums'): a server has no list of its models; the embedded server "
                "calls a model as its folder"
            )
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the server's address looks like 'http://127.0.0.1:8501', received {url!r}")
        self.url = url.rstrip("/")
        self.model = model
        self.timeout = timeout
        # A proxy of the environment cannot reach this machine's own addresses.
        proxies = urllib.request.ProxyHandler({} if _is_loopback(parts.hostname) else None)
        self._opener = urllib.request.build_opener(proxies)

    def status(self):
        """The model's versions: a list of dicts with `version`, `state` and `status`, newest first.

        Raises:
            ServerError: there is no such model.
            ConnectionError: no server answers.
            TimeoutError: the answer takes too long.
        """
        return self._ask("")["model_version_status"]

    def metadata(self):
        """The model's signatures: dict of signature name -> dict with `inputs` and `outputs`. Raises as `status`."""
        return self._ask("/metadata")["metadata"]["signature_def"]["signature_def"]

    def predict(self, instances=None, inputs=None, signature_name="serving_default"):
        """Run a signature. Arrays become lists, bytes become base64 and come back as bytes; NaN is allowed.

        Args:
            instances: list of values, or of dicts of input name -> value, one for each row; or
            inputs: dict of input name -> batch, or the batch of the only input.
            signature_name: name of the signature.

        Returns:
            For `instances` a list with one value, or one dict of output name -> value, for each row. For `inputs` the
            only output's batch, or a dict of output name -> batch.

        Raises:
            ValueError: both or neither of `instances` and `inputs` are given.
            ServerError: the server refuses the request, in its words.
            ConnectionError: no server answers.
            TimeoutError: the answer takes too long.
        """
        if (instances is None) == (inputs is None):
            raise ValueError("give either instances or inputs, received both or neither")
        form, answer = ("inputs", "outputs") if instances is None else ("instances", "predictions")
        request = {"signature_name": signature_name, form: inputs if instances is None else instances}
        body = json.dumps(request, default=_plain).encode()
        return _with_bytes(self._ask(":predict", body)[answer])

    def generate(self, seed=0):
        """Sounds as the bytes of WAV files, from the signature `wav` of an exported model.

        Args:
            seed: int, or list of int for several sounds; the same seed gives the same sound.

        Returns:
            list of bytes, one WAV file for each seed.

        Raises:
            ServerError, ConnectionError, TimeoutError: as `predict`.
        """
        seeds = [int(one) for one in (seed if hasattr(seed, "__iter__") else [seed])]
        sounds = self.predict(inputs={"seed": seeds}, signature_name="wav")
        return sounds["wav_bytes"] if isinstance(sounds, dict) else sounds

    def _ask(self, path, body=None):
        url = f"{self.url}/v1/models/{urllib.parse.quote(self.model, safe='')}{path}"
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=self.timeout) as reply:
                return _parsed(reply.read(), url)
        except urllib.error.HTTPError as error:
            with error:
                raise ServerError(_error_text(error.read()), error.code) from None
        except TimeoutError:
            raise self._too_late() from None
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url} broke off its answer: {error!r}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._too_late() from None
            raise ConnectionError(
                f"no server answers at {self.url}: {error.reason}; start one with: tf-audio-gan serve DIR"
            ) from error

    def _too_late(self):
        return TimeoutError(
            f"no answer from {self.url} in {self.timeout:g} s; a larger Client(timeout=...) waits longer"
        )


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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


def _plain(value):
    """What json cannot write by itself: bytes, and anything with `tolist`, such as arrays."""
    if isinstance(value, bytes | bytearray):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if hasattr(value, "numpy"):
        value = value.numpy()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"JSON holds numbers, text, bytes, lists, dicts and arrays, received {type(value).__name__}")


def _with_bytes(value):
    if isinstance(value, list):
        return [_with_bytes(item) for item in value] if value and isinstance(value[0], list | dict) else value
    if isinstance(value, dict):
        if value.keys() == {"b64"}:
            return base64.b64decode(value["b64"])
        return {name: _with_bytes(item) for name, item in value.items()}
    return value
