"""The gRPC interface of a server: tensors as their bytes."""

from urllib.parse import urlsplit

from tf_audio_gan.serving.asking.rest import is_loopback
from tf_audio_gan.serving.asking.retries import Again, ServerError, asked
from tf_audio_gan.serving.asking.tensors import read_signature, read_tensor, write_tensor
from tf_audio_gan.serving.messages import STATES, messages
from tf_audio_gan.serving.status import HTTP, NAMES

_UNREACHED = ("failed to connect", "connections to all backends", "DNS", "Socket closed", "Connection re", "recvmsg")
_STATES = {number: name for name, number in STATES.items()}


class Grpc:
    """Asks over one channel, which threads share; arguments as `rest.Rest`.

    Raises:
        ImportError: grpcio or protobuf is not installed.
        OSError: the file of certificates cannot be read.
    """

    sends_wav = False  # four bytes a sample, and nothing is rounded

    def __init__(self, url, *, timeout, retries, headers, certificates):
        self._grpc = _grpc()
        self.url, self._timeout, self._retries = url, timeout, retries
        self._headers = [(name.lower(), value) for name, value in headers.items()]
        parts = urlsplit(url)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if is_loopback(parts.hostname):  # a proxy of the environment cannot reach this machine's own addresses
            options.append(("grpc.enable_http_proxy", 0))
        if parts.scheme == "grpcs":
            credentials = self._grpc.ssl_channel_credentials(_read(certificates) if certificates else None)
            self._channel = self._grpc.secure_channel(parts.netloc, credentials, options)
        else:
            self._channel = self._grpc.insecure_channel(parts.netloc, options)

    def close(self):
        """Close the channel; what is under way ends with an error."""
        self._channel.close()

    def models(self):
        """The words in which the server refuses to say what it serves; ours lists its models in them."""
        try:
            self._status({"name": ""})
        except ServerError as error:
            return error.message
        return ""

    def status(self, spec):
        """List of dicts in the form of REST; see `Client.status`."""
        return self._status(_model_spec(spec))

    def _status(self, model_spec):
        reply = self._ask("ModelService/GetModelStatus", "GetModelStatus", model_spec=model_spec)
        return [
            {
                "version": str(one.version),
                "state": _STATES.get(one.state, "UNKNOWN"),
                "status": {
                    "error_code": NAMES.get(one.status.error_code, "UNKNOWN"),
                    "error_message": one.status.error_message,
                },
            }
            for one in reply.model_version_status
        ]

    def metadata(self, spec):
        """Signature name -> dict with the types and shapes of inputs and outputs; see `Client.metadata`."""
        fields = {"model_spec": _model_spec(spec), "metadata_field": ["signature_def"]}
        reply = self._ask("PredictionService/GetModelMetadata", "GetModelMetadata", **fields)
        packed = next(entry.value.value for entry in reply.metadata if entry.key == "signature_def")
        signatures = messages().SignatureDefMap.FromString(packed).signature_def
        return {entry.key: read_signature(entry.value) for entry in signatures}

    def predict(self, spec, name, signature, inputs):
        """Runs a signature; arguments, result and errors as `rest.Rest.predict`."""
        entries = [{"key": key, "value": write_tensor(array)} for key, array in inputs.items()]
        model_spec = {**_model_spec(spec), "signature_name": name}
        reply = self._ask("PredictionService/Predict", "Predict", model_spec=model_spec, inputs=entries)
        return {entry.key: read_tensor(entry.key, entry.value) for entry in reply.outputs}

    def _ask(self, path, kind, **fields):
        request = getattr(messages(), f"{kind}Request")(**fields)
        reply = getattr(messages(), f"{kind}Response")
        serialize = type(request).SerializeToString
        call = self._channel.unary_unary(f"/tensorflow.serving.{path}", serialize, reply.FromString)
        return asked(lambda: self._attempt(call, request), self._retries)

    def _attempt(self, call, request):
        try:
            return call(request, timeout=self._timeout, metadata=self._headers)
        except self._grpc.RpcError as error:
            raise self._raised(error.code().name, error.details() or "the server gave no reason") from None

    def _raised(self, code, text):
        if code == "DEADLINE_EXCEEDED":
            return TimeoutError(
                f"no answer from {self.url} in {self._timeout:g} s; a larger Client(timeout=...) waits longer"
            )
        if code == "UNAVAILABLE" and any(words in text for words in _UNREACHED):
            text = f"no server answers at {self.url}: {text}; start one with: tf-audio-gan serve DIR"
            return Again(ConnectionError(text))
        error = ServerError(text, HTTP.get(code, 500), code)
        room = code == "UNAVAILABLE" or (code == "RESOURCE_EXHAUSTED" and "larger than" not in text)
        return Again(error) if room else error


def _model_spec(spec):
    fields = {"name": spec.model}
    if spec.version is not None:
        fields["version"] = {"value": spec.version}
    if spec.label is not None:
        fields["version_label"] = spec.label
    return fields


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _grpc():
    try:
        import google.protobuf  # noqa: F401
        import grpc
    except ImportError as error:
        raise ImportError(
            f"{error.name} is not installed; grpc:// needs: pip install 'tf-audio-gan[serve]', http:// does not"
        ) from error
    return grpc
