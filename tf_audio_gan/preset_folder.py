"""The files of a preset on disk: written whole, replaced without loss, read with the file named in every error."""

import json
import shutil
import tempfile
from pathlib import Path

from tf_audio_gan import durable

CONFIG = "config.json"
_OURS = "tf_audio_gan>"


def replace(folder, write, left_out=()):
    """Makes or replaces a preset's folder; it appears whole or not at all.

    Files in an older preset there that `write` does not make (a card, samples) are kept, those in `left_out` are not.

    Args:
        folder: where.
        write: (path of an empty folder) -> None, writes the preset's files.
        left_out: names of files.

    Raises:
        ValueError: the folder holds something else.
        OSError: it cannot be written; what was there still is.
    """
    folder = Path(folder)
    if folder.exists() and not _replaceable(folder):
        raise ValueError(f"{folder} exists and is no preset; it will not be overwritten. Choose another folder.")
    with durable.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
            new, old = Path(parent) / "new", Path(parent) / "old"
            new.mkdir()
            write(new)
            _keep_others(folder, new, left_out)
            _swap(folder, new, old)


def _replaceable(folder):
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        return str(read_config(folder / CONFIG)["registered_name"]).startswith(_OURS)
    except (OSError, ValueError, KeyError):
        return False


def _keep_others(folder, new, left_out):
    for path in folder.iterdir() if folder.exists() else ():
        if not (new / path.name).exists() and path.name not in left_out:
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)


def _swap(folder, new, old):
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def write_json(path, content):
    """Writes a dict as JSON; tuples become lists."""
    Path(path).write_text(json.dumps(content, indent=2, default=list) + "\n", encoding="utf-8")


def read_config(path):
    """{"registered_name", "config"} of a preset's config.json; ValueError names the file if it is not that."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. Make or fetch the preset again.") from None
    if not isinstance(saved, dict) or not isinstance(saved.get("config"), dict):
        raise ValueError(f"{path} is no preset's config: it must hold registered_name and config.")
    return saved


def untrained(folder):
    """Whether a preset's folder is an architecture: what it takes to train a model, and no weights."""
    path = Path(folder) / "metadata.json"
    return path.is_file() and _json(path).get("trained") is False


def refuse_untrained(folder):
    """ValueError with the command that trains it, for an architecture."""
    if untrained(folder):
        name = Path(folder).resolve().name
        raise ValueError(
            f"{name} has no weights: it is an architecture, to train on your own machine. Its data: tf-audio-gan zoo "
            f"show {name}. Then: tf-audio-gan train {name} DATA --run-dir runs/{name}"
        )


def _json(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. Make or fetch the preset again.") from None
    return found if isinstance(found, dict) else {}


def load_weights(network, path):
    """Loads a network's weights; an error names the file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is missing. Make or fetch the preset again.")
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged, or of a model of another size: {error}") from None
