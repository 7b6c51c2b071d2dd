"""Which models and versions are served: `model_config_file` as TensorFlow Serving reads it, or arguments."""

import dataclasses
import re
from pathlib import Path

from tf_audio_gan.serving.messages import read_text_file


class ConfigError(ValueError):
    """A configuration that cannot be served.

    Args:
        message: what is wrong, worded as TensorFlow Serving words it where it has words for it.
        code: name of a TensorFlow status code.
    """

    def __init__(self, message, code="INVALID_ARGUMENT"):
        super().__init__(message)
        self.message = message
        self.code = code


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """One model.

    Args:
        name: str, as in URLs.
        base: Path of the folder of versions.
        latest: int, how many of the highest versions are served, or None for every one.
        specific: tuple of int, the versions served instead, or None.
        labels: dict of label -> version number.
    """

    name: str
    base: Path
    latest: int | None = 1
    specific: tuple | None = None
    labels: dict = dataclasses.field(default_factory=dict)

    def wanted(self, found):
        """The versions to serve of those found, numbers in falling order."""
        numbers = sorted(found, reverse=True)
        if self.specific is not None:
            return [number for number in numbers if number in self.specific]
        return numbers[: self.latest]


def configs_from_arguments(models, versions="latest", version_labels=None):
    """ModelConfigs of a dict of name -> base folder; raises ValueError for other `versions` than latest and all."""
    if versions not in ("latest", "all"):
        raise ValueError(f"versions is 'latest' or 'all', received {versions!r}")
    labels = version_labels or {}
    if unknown := set(labels) - set(models):
        raise ValueError(
            f"version_labels names models that are not served: {sorted(unknown)}; these are: {list(models)}"
        )
    latest = 1 if versions == "latest" else None
    return [ModelConfig(name, Path(base), latest, None, labels.get(name, {})) for name, base in models.items()]


def read_model_config_file(path):
    """ModelConfigs of a text file.

    Args:
        path: of a text protocol buffer of ModelServerConfig.

    Returns:
        list of ModelConfig.

    Raises:
        ValueError: the file cannot be read or configures what cannot be served; starts with the file's path.
    """
    message = read_text_file(path, "ModelServerConfig")
    try:
        return configs_from_message(message)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.code) from None


def configs_from_message(message):
    """ModelConfigs of a ModelServerConfig message; raises ConfigError."""
    if message.WhichOneof("config") != "model_config_list":
        raise ConfigError("Only ModelConfigList is currently supported: write model_config_list { config { ... } }")
    configs = {}
    for config in message.model_config_list.config:
        if config.name in configs:
            raise ConfigError(f"Illegal to list model {config.name} multiple times in config list")
        configs[config.name] = _config(config)
    return list(configs.values())


def _config(config):
    if not config.name or re.search(r"[/:]", config.name):
        raise ConfigError(f"a model's name is one or more characters without '/' and ':', received {config.name!r}")
    if not Path(config.base_path).is_absolute():
        raise ConfigError(
            f"Expected model {config.name} to have an absolute path or URI; got base_path={config.base_path}"
        )
    if config.model_platform not in ("", "tensorflow") or config.model_type == 2:
        raise ConfigError(f"model {config.name}: the platform is 'tensorflow', received {config.model_platform!r}")
    policy = config.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    latest = {"all": None, "latest": policy.latest.num_versions or 1}.get(choice, 1)
    specific = tuple(policy.specific.versions) if choice == "specific" else None
    if specific == ():
        raise ConfigError(f"model {config.name}: the policy 'specific' names at least one version, received none")
    labels = {label.key: label.value for label in config.version_labels}
    return ModelConfig(config.name, Path(config.base_path), latest, specific, labels)
