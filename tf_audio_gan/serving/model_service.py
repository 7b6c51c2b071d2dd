"""`tensorflow.serving.ModelService` and the health check of gRPC."""

from tf_audio_gan.serving.configuration import ConfigError, configs_from_message
from tf_audio_gan.serving.messages import STATES, messages
from tf_audio_gan.serving.status import CODES, RequestError

METHODS = {
    "GetModelStatus": ("GetModelStatusRequest", "GetModelStatusResponse"),
    "HandleReloadConfigRequest": ("ReloadConfigRequest", "ReloadConfigResponse"),
}
HEALTH_METHODS = {"Check": ("HealthCheckRequest", "HealthCheckResponse")}
HEALTHY = ("", "ModelService", "PredictionService")
_SERVING = 1


class ModelService:
    """The methods, for `servables.Servables`; arguments as in `prediction_service.PredictionService`."""

    def __init__(self, servables):
        self._servables = servables

    def get_model_status(self, request, timeout_ms):
        """What became of a model's versions; a label is not looked at."""
        if not request.HasField("model_spec"):
            raise RequestError("Missing ModelSpec")
        spec = request.model_spec
        number = spec.version.value if spec.HasField("version") else None
        reply = messages().GetModelStatusResponse()
        for version, state, code, message in self._servables.states(spec.name, number):
            status = {"error_code": CODES[code], "error_message": message}
            reply.model_version_status.add(version=version, state=STATES[state], status=status)
        return reply

    def handle_reload_config_request(self, request, timeout_ms):
        """Serve the models of this configuration and no others; returns once they are available."""
        reply = messages().ReloadConfigResponse()
        try:
            self._servables.reload(configs_from_message(request.config))
        except ConfigError as error:
            raise RequestError(error.message, error.code) from error
        except ValueError as error:
            raise RequestError(str(error)) from error
        reply.status.SetInParent()
        for name in request.metric_names:
            reply.metric.add(name=name, int64_value_increase=0)
        return reply


class Health:
    """`grpc.health.v1.Health` of a server that answers, so it is serving."""

    def check(self, request, timeout_ms):
        """SERVING for the services there are."""
        if request.service not in HEALTHY:
            raise RequestError(f"unknown service {request.service}", "NOT_FOUND")
        return messages().HealthCheckResponse(status=_SERVING)
