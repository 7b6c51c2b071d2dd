"""One loaded version of a model: what it states about itself, and running it.

It runs in a graph session with its own feeds and fetches, as in TensorFlow Serving: tensors are not checked
against the declared shapes, errors are those of the operations, and a run that takes too long is cancelled.
"""

import contextlib
import logging
import math
import threading
import time

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from tf_audio_gan.serving.status import NAMES, RequestError
from tf_audio_gan.serving.warmup import warm_up

DEFAULT_SIGNATURE = "serving_default"
SHORTEST_MS = 50


class Version:
    """One version of a model, loaded, warmed up and ready to run.

    Args:
        number: int, the version.
        path: folder of the SavedModel.
        timeout_ms: a run that takes longer ends with DEADLINE_EXCEEDED.
        batcher: `batching.Batcher` that joins the rows of several requests into one run, or None.
        metrics: `metrics.Metrics` that learns how long runs took, or None.

    Raises:
        ValueError: the SavedModel does not load, or a warm-up record fails.
    """

    def __init__(self, number, path, timeout_ms, *, model="", batcher=None, metrics=None):
        self.number = number
        self.path = path
        self._timeout_ms = timeout_ms
        self._model, self._batcher, self._metrics = model, batcher, metrics
        self._making = threading.Lock()
        self.uses, self.retired = 0, False  # how many requests hold it; closed once retired and held by none
        options = tf.compat.v1.ConfigProto()
        options.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=options)
        try:
            with _quiet():  # from a word about the loader's age; it is the one that feeds and fetches by name
                meta_graph = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(path))
            self.signatures = dict(meta_graph.signature_def)
            self.described = {name: _message_dict(signature) for name, signature in self.signatures.items()}
            self._calls = {}
            self._warm_up()
        except (tf.errors.OpError, OSError, RuntimeError, RequestError) as error:
            self.close()
            raise ValueError(f"version {number} does not load from {path}: {error}; export it again") from error
        except BaseException:
            self.close()
            raise

    def _warm_up(self):
        for name, signature in self.signatures.items():
            if signature.inputs:
                self._call(name, self._timeout_ms)
        started = time.perf_counter()
        if warm_up(self) and self._metrics:
            labels = {"model_path": str(self.path), "status": "OK"}
            self._metrics.observe("model_warmup_latency", labels, 1e6 * (time.perf_counter() - started))

    def _call(self, name, timeout_ms):
        """The session's function of the inputs' values, in the order of their names, made at its first use.

        A function holds its time limit, so limits that are not the server's are rounded up to `SHORTEST_MS` times a
        power of two: there are few functions, whatever limits are asked for.
        """
        if timeout_ms not in (0, self._timeout_ms):
            timeout_ms = SHORTEST_MS * 2 ** max(0, math.ceil(math.log2(timeout_ms / SHORTEST_MS)))
        with self._making:
            if (name, timeout_ms) not in self._calls:
                self._calls[name, timeout_ms] = self._make_call(self.signatures[name], timeout_ms)
            return self._calls[name, timeout_ms]

    def _make_call(self, signature, timeout_ms):
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

    def run(self, signature_name, inputs, timeout_ms=None):
        """Run a signature, together with the rows of other requests where the server batches.

        Args:
            signature_name: str, a signature with at least one input.
            inputs: dict, input name -> array, exactly the signature's inputs.
            timeout_ms: limit of this run in place of the server's; 0 is none.

        Returns:
            dict, output name -> array; strings are object arrays of bytes.

        Raises:
            RequestError: an operation failed, the time ran out (DEADLINE_EXCEEDED), or too many requests wait to be
                batched (UNAVAILABLE).
        """
        timeout_ms = self._timeout_ms if timeout_ms is None else timeout_ms
        if self._batcher is None:
            return self.run_alone(signature_name, inputs, timeout_ms)
        return self._batcher.run(self, signature_name, inputs, timeout_ms)

    def run_alone(self, signature_name, inputs, timeout_ms):
        """Run a signature at once; arguments, result and errors as `run`."""
        signature = self.signature(signature_name)
        started = time.perf_counter()
        try:
            values = self._call(signature_name, timeout_ms)(*(inputs[name] for name in sorted(inputs)))
        except tf.errors.OpError as error:
            raise RequestError(error.message, NAMES.get(error.error_code, "UNKNOWN")) from error
        except (TypeError, ValueError) as error:
            raise RequestError(str(error)) from error
        except RuntimeError as error:  # the session was closed
            raise RequestError(str(error), "CANCELLED") from error
        if self._metrics:
            labels = {"model_name": self._model, "API": "Predict", "runtime": "TF1"}
            self._metrics.observe("runtime_latency", labels, 1e6 * (time.perf_counter() - started))
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


def _message_dict(message):
    """A protobuf message as a dict with every field, also those at their default value."""
    from google.protobuf import json_format

    keywords = {"preserving_proto_field_name": True}
    try:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=True, **keywords)
    except TypeError:  # protobuf before 5.26, which TensorFlow 2.17 has
        return json_format.MessageToDict(message, including_default_value_fields=True, **keywords)
