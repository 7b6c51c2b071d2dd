"""One model on a server: its name, its signatures, what it says of itself, and running it."""

import base64
import json
import re
from urllib.parse import unquote, urlsplit

from tf_audio_gan.serving.asking.grpc import Grpc
from tf_audio_gan.serving.asking.rest import Rest
from tf_audio_gan.serving.asking.retries import ServerError
from tf_audio_gan.serving.asking.types import Spec, array_of

_SCHEMES = {"http": Rest, "https": Rest, "grpc": Grpc, "grpcs": Grpc}
_LISTED = re.compile(r"Models served: (\[.*\])$")
_USUAL = ("model", "default")  # what TensorFlow Serving calls a model unless told: its image, its program
_EXPORT = "export it again with this version (tf-audio-gan export), or tell the client: Client(description={...})"


def _authorization(parts, token):
    """The header of a token, or of the user's name and password in an address."""
    if token is not None:
        return {"Authorization": f"Bearer {token}"}
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


class ServedModel:
    """The part of `client.Client` that is the same for every model; arguments and errors are described there."""

    def __init__(
        self, url="http://127.0.0.1:8501", model=None, *, version=None, label=None, timeout=60, retries=4, parallel=4,
        token=None, headers=None, certificates=None, description=None,
    ):  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError(
                "the server's address looks like 'http://127.0.0.1:8501' or 'grpc://127.0.0.1:8500' (https and grpcs "
                f"too), received {url!r}"
            )
        if version is not None and label is not None:
            raise ValueError(f"give a version or a label, received both: {version} and {label!r}")
        if timeout <= 0 or retries < 0 or parallel < 1:
            raise ValueError(
                "timeout must be above 0, retries 0 or more, parallel at least 1. "
                f"Received: timeout={timeout}, retries={retries}, parallel={parallel}"
            )
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # errors show it
        headers = {**_authorization(parts, token), **(headers or {})}
        options = {"timeout": timeout, "retries": retries, "headers": headers, "certificates": certificates}
        self.url, self._wire = url, _SCHEMES[parts.scheme](url, **options)
        self._model, self._version, self._label, self._parallel = model, version, label, parallel
        self._signatures, self._description = None, description

    @property
    def model(self):
        """The model's name, found out where it was not given.

        Raises:
            ValueError: the server has several models, which are named, or does not say.
        """
        if self._model is None:
            self._model = self._only_model()
        return self._model

    def _only_model(self):
        listed = _LISTED.search(self._wire.models())
        names = json.loads(listed[1]) if listed else [name for name in _USUAL if self._has(name)]
        if len(names) == 1:
            return names[0]
        if names:
            raise ValueError(f"name the model, as in Client(url, {names[0]!r}): the server has {', '.join(names)}")
        raise ValueError(
            f"name the model, as in Client(url, 'drums'): the server at {self.url} "
            + ("serves none" if listed else "does not say which it has")
        )

    def _has(self, name):
        try:
            return bool(self._wire.status(Spec(name)))
        except ServerError as error:
            if error.status != 404:
                raise
            return False

    @property
    def _spec(self):
        return Spec(self.model, self._version, self._label)

    def status(self):
        """The model's versions: a list of dicts with `version`, `state` and `status`, newest first.

        Raises:
            ServerError: there is no such model.
            ConnectionError: no server answers.
            TimeoutError: the answer takes too long.
        """
        return self._wire.status(self._spec)

    def metadata(self):
        """The model's signatures, in the form of TensorFlow Serving's JSON.

        Returns:
            dict of signature name -> dict with `inputs` and `outputs`, each a dict of name -> dict with `dtype` and
            `tensor_shape`.

        Raises:
            ServerError, ConnectionError, TimeoutError: as `status`.
        """
        return self._wire.metadata(self._spec)

    @property
    def description(self):
        """What the model says of itself: `model`, `task`, `sample_rate` and what its task needs.

        Raises:
            ValueError: the export has no signature `describe`.
            ServerError, ConnectionError, TimeoutError: as `predict`.
        """
        if self._description is None:
            if "describe" not in self._known():
                raise ValueError(f"the model {self.model!r} at {self.url} does not describe itself; {_EXPORT}")
            self._description = json.loads(self.predict({"row": [0]}, "describe")["description"][0])
        return self._description

    def _known(self):
        """The signatures, asked for once."""
        if self._signatures is None:
            self._signatures = self.metadata()
        return self._signatures

    def predict(self, inputs, signature_name="serving_default"):
        """Runs a signature.

        Args:
            inputs: dict of input name -> batch (arrays, lists, numbers; text or bytes for strings).
            signature_name: name of the signature.

        Returns:
            dict of output name -> array; strings are object arrays of bytes.

        Raises:
            ValueError: no such signature or inputs, or values of another type; what there is is named.
            ServerError: the server refuses the request, in its words.
            ConnectionError: no server answers.
            TimeoutError: the answer takes too long.
        """
        signature = self._known().get(signature_name)
        if signature is None:
            there = ", ".join(sorted(name for name, one in self._known().items() if one["inputs"]))
            raise ValueError(f"the model {self.model!r} has the signatures {there}. Received: {signature_name!r}")
        wanted = {name: info["dtype"] for name, info in signature["inputs"].items()}
        if inputs.keys() != wanted.keys():
            raise ValueError(
                f"the signature {signature_name!r} takes {', '.join(sorted(wanted))}. Received: "
                f"{', '.join(sorted(inputs)) or 'nothing'}"
            )
        arrays = {name: array_of(name, value, wanted[name]) for name, value in inputs.items()}
        return self._wire.predict(self._spec, signature_name, signature, arrays)

    def _describes(self):
        return self._description is not None or "describe" in self._known()

    def close(self):
        """Give the connection back; the client cannot be used any more."""
        self._wire.close()

    def __enter__(self):
        """Itself."""
        return self

    def __exit__(self, *error):
        """Close; see `close`."""
        self.close()
