"""Loaded models: which versions there are, what they state about themselves, and running them.

A version runs in a graph session with its own feeds and fetches, as in TensorFlow Serving: tensors are not checked
against the declared shapes, errors are those of the operations, and a run that takes too long is cancelled.
"""

import contextlib
import logging

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from tf_audio_gan.serving.exports import find_versions
from tf_audio_gan.serving.status import NAMES, RequestError
from tf_audio_gan.serving.warmup import warm_up

DEFAULT_SIGNATURE = "serving_default"
log = logging.getLogger(__name__)


class Version:
    """One version of a model, loaded, warmed up and ready to run.

    Args:
        number: int, the version.
        path: folder of the SavedModel.
        timeout_ms: a run that takes longer ends with DEADLINE_EXCEEDED.

    Raises:
        ValueError: the SavedModel does not load, or a warm-up record fails.
    """

    def __init__(self, number, path, timeout_ms):
        self.number = number
        self.path = path
        options = tf.compat.v1.ConfigProto()
        options.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=options)
        try:
            with _quiet():  # from a word about the loader's age; it is the one that feeds and fetches by name
                meta_graph = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(path))
            self.signatures = dict(meta_graph.signature_def)
            self.described = {name: _message_dict(signature) for name, signature in self.signatures.items()}
            self._calls = {
                name: self._make_call(signature, timeout_ms)
                for name, signature in self.signatures.items()
                if signature.inputs
            }
            warm_up(self)
        except (tf.errors.OpError, OSError, RuntimeError, RequestError) as error:
            self.close()
            raise ValueError(f"version {number} does not load from {path}: {error}; export it again") from error
        except BaseException:
            self.close()
            raise

    def _make_call(self, signature, timeout_ms):
        """The session's function of the inputs' values, in the order of their names."""
        options = config_pb2.CallableOptions()
        options.feed.extend(signature.inputs[name].name for name in sorted(signature.inputs))
        options.fetch.extend(sorted({output.name for output in signature.outputs.values()}))
        options.run_options.timeout_in_ms = timeout_ms
        return self._session._make_callable_from_options(options)

    def signature(self, name):
        """The SignatureDef called `name`, or RequestError with the words of the REST interface."""
        if name not in self.signatures:
            raise RequestError(f'Serving signature name: "{name}" not found in signature def')
        return self.signatures[name]

    def input_types(self, name):
        """Input name -> dtype name of a signature; RequestError as `signature`."""
        return {key: tf.as_dtype(info.dtype).name for key, info in self.signature(name).inputs.items()}

    def run(self, signature_name, inputs):
        """Run a signature.

        Args:
            signature_name: str, a signature with at least one input.
            inputs: dict, input name -> array of the declared type, exactly the signature's inputs.

        Returns:
            dict, output name -> array; strings are object arrays of bytes.

        Raises:
            RequestError: an operation failed, or the time ran out (DEADLINE_EXCEEDED).
        """
        signature = self.signature(signature_name)
        try:
            values = self._calls[signature_name](*(inputs[name] for name in sorted(inputs)))
        except tf.errors.OpError as error:
            raise RequestError(error.message, NAMES.get(error.error_code, "UNKNOWN")) from error
        fetched = dict(zip(sorted({output.name for output in signature.outputs.values()}), values, strict=True))
        return {name: fetched[output.name] for name, output in signature.outputs.items()}

    def close(self):
        """Free the session; the version cannot run any more."""
        self._session.close()


@contextlib.contextmanager
def _quiet():
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class Servables:
    """All models of a server.

    Args:
        models: dict, model name -> base folder.
        versions: "latest" serves the highest version of each model, "all" every one.
        version_labels: dict, model name -> dict of label -> version number, or None.
        timeout_ms: limit of one run in milliseconds.

    Raises:
        ValueError: a model does not load, or a label names a version that is not served.
    """

    def __init__(self, models, versions="latest", version_labels=None, timeout_ms=30000):
        if versions not in ("latest", "all"):
            raise ValueError(f"versions is 'latest' or 'all', received {versions!r}")
        self._models = {}
        self._labels = version_labels or {}
        try:
            for name, base in models.items():
                self._models[name] = _load(name, find_versions(base), versions, timeout_ms)
            self._check_labels()
        except BaseException:
            self.close()
            raise

    def _check_labels(self):
        for name, labels in self._labels.items():
            for label, number in labels.items():
                served = sorted(self._models.get(name, {}))
                if number not in served:
                    raise ValueError(
                        f"label {label!r} of model {name!r} must name a version that is served, {served}; received "
                        f"{number!r}; versions='all' serves every version"
                    )

    def find(self, name, number=None, label=None):
        """The version that a request asks for; without number and label, the highest.

        Raises:
            RequestError: NOT_FOUND for a model or number, INVALID_ARGUMENT for a label, that is not served.
        """
        if label is not None:
            number = self._labels.get(name, {}).get(label)
            if number is None:
                raise RequestError(f"Unrecognized servable version label: {label}")
        served = self._models.get(name, {})
        if not served or (number is not None and number not in served):
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise RequestError(f"Servable not found for request: {wanted}", "NOT_FOUND")
        return served[max(served) if number is None else number]

    def status(self, name, number=None):
        """What a status request is answered: every version of a model, newest first, or one of them.

        Raises:
            RequestError: NOT_FOUND.
        """
        served = self._models.get(name, {})
        if not served:
            raise RequestError(f"Could not find any versions of model {name}", "NOT_FOUND")
        if number is not None and number not in served:
            raise RequestError(f"Could not find version {number} of model {name}", "NOT_FOUND")
        numbers = [number] if number is not None else sorted(served, reverse=True)
        state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"model_version_status": [{"version": str(number), **state} for number in numbers]}

    def metadata(self, name, number=None, label=None):
        """What a metadata request is answered: every signature of one version, as the SavedModel states it.

        Raises:
            RequestError: as `find`.
        """
        version = self.find(name, number, label)
        return {
            "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": version.described}},
        }

    def close(self):
        """Free every version."""
        for served in self._models.values():
            for version in served.values():
                version.close()


def _load(name, paths, versions, timeout_ms):
    numbers = list(paths)[:1] if versions == "latest" else list(paths)
    served = {}
    try:
        for number in numbers:
            log.info("loading %s version %d from %s", name, number, paths[number])
            served[number] = Version(number, paths[number], timeout_ms)
    except BaseException:
        for version in served.values():
            version.close()
        raise
    return served


def _message_dict(message):
    """A protobuf message as a dict with every field, also those at their default value."""
    from google.protobuf import json_format

    keywords = {"preserving_proto_field_name": True}
    try:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=True, **keywords)
    except TypeError:  # protobuf before 5.26, which TensorFlow 2.17 has
        return json_format.MessageToDict(message, including_default_value_fields=True, **keywords)
