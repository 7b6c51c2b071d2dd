"""Folders of exported models, `<base>/<version>/saved_model.pb`, without TensorFlow."""

import re
from pathlib import Path

REMEDY = "write one with: tf-audio-gan export PRESET OUT"


def models_from_paths(arguments):
    """Name the models to serve.

    Args:
        arguments: list of str, each `BASE` (the model is called as its folder) or `NAME=BASE`.

    Returns:
        dict of model name -> Path of the base folder.

    Raises:
        ValueError: no argument, two models of one name, a name that no URL can hold, or a folder that is not an export.
    """
    models = {}
    for argument in arguments:
        name, _, path = str(argument).partition("=")
        if not path or Path(argument).is_dir():
            path = Path(argument)
            name = path.resolve().name
        if name in models:
            raise ValueError(
                f"two models are called {name!r}: {models[name]} and {path}; call one otherwise, as NAME={path}"
            )
        models[name] = Path(path)
    check_models(models)
    return models


def check_models(models):
    """Raise ValueError unless there are models, their names fit into a URL, and each has a version to serve."""
    if not models:
        raise ValueError(f"there is no model to serve: name at least one exported folder; {REMEDY}")
    for name, base in models.items():
        if not name or re.search(r"[/:]", name):
            raise ValueError(f"a model's name is one or more characters without '/' and ':', received {name!r}")
        find_versions(base)


def find_versions(base):
    """The versions under a base folder.

    Args:
        base: path of a folder that holds `<integer>/saved_model.pb`; other names in it are not looked at.

    Returns:
        dict of version number -> Path, in falling order.

    Raises:
        ValueError: there is no such folder, no version in it, or a version without `saved_model.pb`.
    """
    base = Path(base)
    if not base.is_dir():
        raise ValueError(f"{base} is not a folder; a model is a folder with <integer>/saved_model.pb in it; {REMEDY}")
    found = _numbered(base)
    if not found and (base / "saved_model.pb").exists():
        raise ValueError(
            f"{base} is a SavedModel, not the folder of its versions: give its parent, {base.resolve().parent}, and "
            f"call the folder itself by an integer, such as 1 (received {base.name!r})"
        )
    if not found:
        raise ValueError(
            f"{base} has no version: no folder in it is called by an integer (1, 2, ...) as TensorFlow Serving needs, "
            f"received {sorted(child.name for child in base.iterdir())[:10]}; {REMEDY}"
        )
    for path in found.values():
        if not (path / "saved_model.pb").is_file():
            raise ValueError(f"{path} has no saved_model.pb, so this version is not complete; {REMEDY}")
    return dict(sorted(found.items(), reverse=True))


def complete_versions(base):
    """The versions under a base folder that have a `saved_model.pb`, as `find_versions`; OSError if it is gone."""
    return {number: path for number, path in _numbered(Path(base)).items() if (path / "saved_model.pb").is_file()}


def _numbered(base):
    found = {}
    for child in sorted(base.iterdir()):
        if re.fullmatch("[0-9]{1,19}", child.name) and int(child.name) < 2**63 and child.is_dir():
            found.setdefault(int(child.name), child)
    return found
