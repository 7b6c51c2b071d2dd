"""Recipes: a model, its data and its training as three tables of keywords, by name or in a TOML file."""

import inspect
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tf_audio_gan import backend, durable, hub, models, preset_folder
from tf_audio_gan.data.readers import readers
from tf_audio_gan.data.resident import SHARE

POLICIES = {"float32": "float32", "tf32": "float32", "bfloat16": "mixed_bfloat16"}
_WITHOUT_DEFAULT = {"name": str, "strides": list, "labels": str, "learning_rate": float, "mel_discriminator": str}
_IN_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
_IN_WORDS[tuple] = _IN_WORDS[list]
_TEXT_OR_TABLE = ("front_end",)
_NOT_DATA = ("sample_rate", "length", "channels", "progress")  # of readers; the first three are the model's


@dataclass
class TrainOptions:
    """The [train] table of a recipe.

    Attributes:
        batch_size: examples for each step of each network; the data set yields critic_steps times as many.
        steps: generator steps in all.
        log_steps: steps between two lines of the log, whose losses are means over them.
        checkpoint_minutes: minutes between two checkpoints; 0: one with every line of the log.
        keep_steps: steps between two presets that stay, in `kept/step_STEP` of the run, to choose from by what
            `evaluate` measures on held-out recordings; 0: none.
        learning_rate: of both optimizers, instead of the objective's published one.
        learning_rate_halvings: generator steps, ascending, after each of which both rates are half of what they were.
        precision: of the layers' arithmetic: "float32"; "tf32", which rounds the factors of its products on a GPU
            (`backend.float32_arithmetic`); or "bfloat16". Weights, averages, optimizers and losses are float32 with
            any of them.
        device_share: of a GPU's free memory that the sounds may take under PyTorch, 0 to 1; they are on the host with 0
            and where they need more.
        normalize_mels: of vocoders: measure the mean and scale of the mel bands of the training sounds before the first
            step, and make them part of the front end, as kan-bayashi does.
    """

    batch_size: int = 64
    steps: int = 200_000
    log_steps: int = 50
    checkpoint_minutes: float = 5.0
    keep_steps: int = 0
    learning_rate: float | None = None
    learning_rate_halvings: tuple = ()
    precision: str = "float32"
    device_share: float = SHARE
    normalize_mels: bool = False

    def __post_init__(self):
        for name in ("batch_size", "steps", "log_steps"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"[train] {name} must be a whole number from 1. Received: {getattr(self, name)!r}")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"[train] learning_rate must be above 0. Received: {self.learning_rate!r}")
        self.learning_rate_halvings = halvings = tuple(self.learning_rate_halvings)
        if not all(type(step) is int and step > 0 for step in halvings) or halvings != tuple(sorted(set(halvings))):
            raise ValueError(
                f"[train] learning_rate_halvings must be ascending steps, e.g. [4000, 5000]. Received: {list(halvings)}"
            )
        if self.precision not in POLICIES:
            raise ValueError(f"[train] precision must be one of {', '.join(POLICIES)}. Received: {self.precision!r}")
        for name in ("checkpoint_minutes", "keep_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"[train] {name} must be 0 or more. Received: {getattr(self, name)!r}")
        if not 0 <= self.device_share <= 1:
            raise ValueError(f"[train] device_share must be from 0 to 1. Received: {self.device_share!r}")


@dataclass
class Recipe:
    """A checked recipe.

    Attributes:
        model: keywords of the model's class, and its `name`.
        data: keywords of `Sounds`, for models of enhancement of `MixedSpeech` and `NoisyPairs`, but for the sample
            rate, length and channels, which are the model's.
        train: `TrainOptions`.
    """

    model: dict
    data: dict = field(default_factory=dict)
    train: TrainOptions = field(default_factory=TrainOptions)

    def build_model(self):
        """A new model, not compiled, that computes in the recipe's precision."""
        options = {k: v for k, v in self.model.items() if k != "name"}
        with backend.dtype_policy(POLICIES[self.train.precision]):
            return models.model_class(self.model["name"])(**options)

    def default(self, key):
        """What the model's keyword is: the recipe's, or the default."""
        return self.model.get(key, _defaults(models.model_class(self.model["name"])).get(key))

    def shape(self):
        """{"sample_rate", "length", "channels"} of a model that makes sounds, without building it."""
        kind = models.model_class(self.model["name"])
        known = _defaults(kind) | self.model
        return {name: known.get(name, getattr(kind, name, None)) for name in ("sample_rate", "length", "channels")}

    def tables(self):
        """The recipe as plain dicts."""
        return {"model": dict(self.model), "data": dict(self.data), "train": dict(vars(self.train))}

    def write(self, path):
        """Writes the recipe as TOML to `path`."""
        lines = []
        for table, keys in self.tables().items():
            lines += [f"[{table}]"] + [f"{k} = {_toml(v)}" for k, v in keys.items() if v is not None] + [""]
        durable.write_text(path, "\n".join(lines))


def load_recipe(source):
    """A recipe by name or from a file, every key checked.

    Args:
        source: name of a recipe or a model ("wavegan", "wavegan_drums"), path of a .toml file, a preset's folder or
            address (`is_preset`), or a dict of the tables.

    Returns:
        `Recipe`.

    Raises:
        ValueError: an unknown table or key (the message lists those there are), or no such recipe.
        FileNotFoundError: a .toml path that does not exist.
    """
    if isinstance(source, dict):
        return _check(source, "recipe")
    if is_preset(source):
        return _recipe_of_preset(source)
    known, path = models.recipes(), Path(source)
    if str(source) in known:
        return _check(known[str(source)], f"recipe {source}")
    if path.suffix != ".toml":
        raise ValueError(
            f"there is no recipe {str(source)!r}. Recipes: {', '.join(known)}; or a path that ends in .toml"
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    return _check(tables, str(path))


def _toml(value):
    """A value as TOML: as JSON, but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + "}"
    return json.dumps(value)


def is_preset(source):
    """Whether a recipe is given by a preset: its folder or its address (not its name, which a recipe may have too)."""
    return isinstance(source, str | Path) and ("://" in str(source) or (Path(source) / preset_folder.CONFIG).is_file())


def has_weights(source):
    """Whether a recipe is given by a preset that a run can begin with: not by an architecture."""
    return is_preset(source) and not preset_folder.untrained(hub.resolve(source))


def _recipe_of_preset(handle):
    """The recipe that a preset was trained with; without a recipe.toml, its model alone."""
    folder = hub.resolve(handle)
    saved, path = preset_folder.read_config(folder / preset_folder.CONFIG), folder / "recipe.toml"
    kinds = {f"tf_audio_gan>{kind}": name for name, kind in models.MODELS.items()}
    if saved.get("registered_name") not in kinds:
        raise ValueError(f"{folder} is of {saved.get('registered_name')!r}, which is none of: {', '.join(kinds)}")
    config = {k: v for k, v in saved["config"].items() if k != "name" and v is not None}
    tables = {"model": {"name": kinds[saved["registered_name"]], **config}}
    if path.is_file():
        trained = tomllib.loads(path.read_text(encoding="utf-8"))
        tables |= {name: trained[name] for name in ("data", "train") if name in trained}
    return _check(tables, str(folder))


def _check(tables, where):
    _known_keys(tables, ("model", "data", "train"), where, "table")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(
                f"{where}: {name} must be a table of keywords, e.g. [{name}]. Received: {name} = {table!r}"
            )
    model = dict(tables.get("model", {}))
    if "name" not in model:
        raise ValueError(f'{where}: [model] needs a name, e.g. name = "wavegan". Received: {model}')
    kind = models.model_class(model["name"])
    _known_keys(model, ("name", *_keywords(kind)), f"{where}: [model]")
    data = dict(tables.get("data", {}))
    known = _data_options(kind.task)
    _known_keys(data, list(known), f"{where}: [data]")
    train = dict(tables.get("train", {}))
    _known_keys(train, list(vars(TrainOptions())), f"{where}: [train]")
    _check_types(model, _defaults(kind), f"{where}: [model]")
    _check_types(data, known, f"{where}: [data]")
    _check_types(train, vars(TrainOptions()), f"{where}: [train]")
    return Recipe(model, data, TrainOptions(**train))


def _parameters(kind):
    """{name: parameter} of a constructor; a model that is another with other defaults takes the other's too."""
    found = {}
    for base in reversed([b for b in kind.__mro__ if b is kind or b.__name__ in models.MODELS.values()]):
        found |= inspect.signature(base.__init__).parameters
    return {name: p for name, p in found.items() if name != "self" and p.kind is not p.VAR_KEYWORD}


def _data_options(task):
    """{keyword: default} of the [data] table: what the readers of the task take."""
    found = {}
    for reader in readers(task):
        found |= reader.__init__.__kwdefaults__
    return {name: default for name, default in found.items() if name not in _NOT_DATA}


def _defaults(kind):
    return {name: p.default for name, p in _parameters(kind).items()}


def _check_types(options, defaults, where):
    """Raises ValueError for a value of another type than the default; a whole number may stand for a float."""
    for key, value in options.items():
        default = defaults.get(key)
        wanted = _WITHOUT_DEFAULT.get(key) if default is None else type(default)
        if wanted is None or value is None and default is None:
            continue
        accepted = {float: (int, float), list: (list, tuple), tuple: (list, tuple)}.get(wanted, wanted)
        fits = isinstance(value, accepted) or key in _TEXT_OR_TABLE and isinstance(value, dict)
        if not fits or isinstance(value, bool) != (wanted is bool):
            raise ValueError(f"{where}: {key} must be {_IN_WORDS[wanted]}. Received: {value!r}")


def _keywords(kind):
    return list(_parameters(kind))


def _known_keys(found, known, where, what="key"):
    unknown = [k for k in found if k not in known]
    if unknown:
        raise ValueError(f"{where}: unknown {what} {', '.join(unknown)}. Known: {', '.join(known)}")
