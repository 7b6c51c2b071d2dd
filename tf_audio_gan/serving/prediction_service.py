"""`tensorflow.serving.PredictionService`: requests of the gRPC interface, with the words of TensorFlow Serving.

Each method takes a request message and a time limit in milliseconds (0: none) and returns a reply message.
"""

from tf_audio_gan.serving import examples_run
from tf_audio_gan.serving.messages import messages
from tf_audio_gan.serving.status import RequestError
from tf_audio_gan.serving.tensors import read_tensor, write_tensor
from tf_audio_gan.serving.version import DEFAULT_SIGNATURE

METHODS = {  # method: request, reply
    "Predict": ("PredictRequest", "PredictResponse"),
    "Classify": ("ClassificationRequest", "ClassificationResponse"),
    "Regress": ("RegressionRequest", "RegressionResponse"),
    "MultiInference": ("MultiInferenceRequest", "MultiInferenceResponse"),
    "GetModelMetadata": ("GetModelMetadataRequest", "GetModelMetadataResponse"),
}
_MAP_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


class PredictionService:
    """The methods, for `servables.Servables`."""

    def __init__(self, servables):
        self._servables = servables

    def _use(self, request):
        if not request.HasField("model_spec"):
            raise RequestError("Missing ModelSpec")
        return use_spec(self._servables, request.model_spec)

    def predict(self, request, timeout_ms):
        """Run a signature on tensors."""
        with self._use(request) as version:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            signature = version.signatures.get(name)
            if signature is None or not signature.inputs:
                raise RequestError(f'Serving signature key "{name}" not found.', "FAILED_PRECONDITION")
            inputs = _inputs(signature, {entry.key: entry.value for entry in request.inputs})
            wanted = _filtered(signature, list(request.output_filter))
            outputs = version.run(name, inputs, timeout_ms)
            reply = messages().PredictResponse(model_spec=_answered(request.model_spec.name, version, name))
            for alias in wanted:
                reply.outputs.add(key=alias, value=write_tensor(outputs[alias]))
            return reply

    def classify(self, request, timeout_ms):
        """Classify examples."""
        return self._on_examples("classify", messages().ClassificationResponse(), request, timeout_ms)

    def regress(self, request, timeout_ms):
        """One number for each example."""
        return self._on_examples("regress", messages().RegressionResponse(), request, timeout_ms)

    def _on_examples(self, method, reply, request, timeout_ms):
        with self._use(request) as version:
            given = _examples(request.input)
            return _filled(reply, reply.result, method, version, request.model_spec, given, timeout_ms)

    def multi_inference(self, request, timeout_ms):
        """Several signatures of one model on the same examples."""
        _check_tasks(request.tasks)
        reply = messages().MultiInferenceResponse()
        given = _examples(request.input)
        with self._use(request.tasks[0]) as version:
            for task in request.tasks:
                method, one = task.method_name.rpartition("/")[2], reply.results.add()
                result = one.classification_result if method == "classify" else one.regression_result
                _filled(one, result, method, version, task.model_spec, given, timeout_ms)
        return reply

    def get_model_metadata(self, request, timeout_ms):
        """Every signature of one version."""
        if not request.HasField("model_spec"):
            raise RequestError("Missing ModelSpec")
        if not request.metadata_field:
            raise RequestError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise RequestError(f"Metadata field {field} is not supported")
        with self._use(request) as version:
            signatures = messages().SignatureDefMap()
            for name, signature in version.signatures.items():
                signatures.signature_def.add(key=name, value=signature.SerializeToString())
            reply = messages().GetModelMetadataResponse(model_spec=_answered(request.model_spec.name, version, ""))
            packed = {"type_url": _MAP_TYPE, "value": signatures.SerializeToString()}
            reply.metadata.add(key="signature_def", value=packed)
            return reply


def use_spec(servables, spec):
    """The version that a ModelSpec names, held as by `Servables.use`; RequestError if it has no name."""
    if not spec.name:
        raise RequestError("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    number = spec.version.value if choice == "version" else None
    return servables.use(spec.name, number, spec.version_label if choice == "version_label" else None)


def _answered(model, version, signature):
    return messages().ModelSpec(name=model, version={"value": version.number}, signature_name=signature)


def _names(keys):
    return "{" + ",".join(sorted(keys)) + "}"


def _inputs(signature, given):
    """Arrays of a request's tensors, with the signature's defaults for those left out."""
    wanted, defaults = signature.inputs.keys(), signature.defaults.keys()
    if not len(wanted) - len(defaults) <= len(given) <= len(wanted):
        raise RequestError(
            f"input size does not match signature: {len(given)}!={len(wanted)} len({_names(given)}) != "
            f"len({_names(wanted)}). Sent extra: {_names(given.keys() - wanted)}. Missing but required: "
            f"{_names(wanted - given.keys() - defaults)}."
        )
    for alias in sorted(wanted):
        if alias not in given and alias not in defaults:
            raise RequestError(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and "
                "no default value provided. Inputs expected to be in the set " + _names(wanted) + "."
            )
    return {
        alias: read_tensor(alias, given[alias] if alias in given else signature.defaults[alias].SerializeToString())
        for alias in wanted
    }


def _filtered(signature, names):
    for index, name in enumerate(names):
        if name not in signature.outputs:
            raise RequestError(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_names(signature.outputs)}."
            )
        if name in names[:index]:
            raise RequestError(f"duplicate output tensor alias: {name}")
    return names or sorted(signature.outputs)


def _examples(message):
    kind = message.WhichOneof("kind")
    examples = list(getattr(message, kind).examples) if kind else []
    if not examples:
        raise RequestError("Input is empty.")
    context = message.example_list_with_context.context if kind == "example_list_with_context" else b""
    return [context + example for example in examples]  # messages that follow each other are merged


def _check_tasks(tasks):
    if not tasks:
        raise RequestError("MultiInferenceRequest has no tasks.")
    seen = set()
    for task in tasks:
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if task.model_spec.name != tasks[0].model_spec.name:
            raise RequestError(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name. Expected: "
                f"{tasks[0].model_spec.name} Received: {task.model_spec.name}"
            )
        if name in seen:
            raise RequestError(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if task.method_name not in ("tensorflow/serving/classify", "tensorflow/serving/regress"):
            raise RequestError(f"Unsupported signature method_name: {task.method_name}", "UNIMPLEMENTED")


def _filled(reply, result, method, version, spec, examples, timeout_ms):
    """The reply, with what `method` of a signature found of the examples, and which version and signature that was."""
    name = spec.signature_name or DEFAULT_SIGNATURE
    found = getattr(examples_run, method)(version, name, examples, timeout_ms=timeout_ms)
    reply.model_spec.MergeFrom(_answered(spec.name, version, name))
    result.SetInParent()
    for one in found:
        if method == "regress":
            result.regressions.add(value=one)
        else:
            result.classifications.add(classes=[{"label": label, "score": score} for label, score in one])
    return reply
