"""The folder of a training run: whose it is, what it was started with, and that one process at a time writes to it."""

import contextlib
import json
from pathlib import Path

from tf_audio_gan import durable

_MARK = "run.json"
_FIXED = {"model": None, "data": None, "train": ("batch_size",)}  # what a run cannot go on with changed
_FREE = ("decoder", "cache_mb")  # how sounds are read, not which


def check(run_dir, recipe, folders):
    """Refuses a folder that cannot be, or go on as, this run's.

    Args:
        run_dir: pathlib.Path.
        recipe: `Recipe`.
        folders: those to train on.

    Raises:
        ValueError: the run would train on what it writes; the folder holds something else; another recipe.
    """
    for folder in folders:
        here, there = run_dir.resolve(), Path(folder).resolve()
        if here == there or there in here.parents:
            raise ValueError(
                f"the run folder {run_dir} lies in the folder of sounds {folder}: the run would train on what it "
                "generates. Choose a --run-dir outside of it."
            )
    before = _read(run_dir)
    if before is None:
        if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
            raise ValueError(f"{run_dir} exists and holds no training run. Choose another --run-dir.")
        return
    for table, keys in _FIXED.items():
        old, new = before["recipe"][table], _plain(recipe)[table]
        for key in sorted(old.keys() | new.keys()) if keys is None else keys:
            if old.get(key) != new.get(key) and key not in _FREE:
                raise ValueError(
                    f"{run_dir} was started with [{table}] {key} = {old.get(key)!r}, now it is {new.get(key)!r}. "
                    "Use the same recipe to go on, or another --run-dir to start anew."
                )


def options(run_dir, table):
    """The table of the recipe ("model", "data", "train") that a run was started with; None where there is no run."""
    before = _read(Path(run_dir))
    return None if before is None else before["recipe"][table]


def start(run_dir, recipe, data):
    """Writes down what the run was started with; says what has changed since. Call `check` before.

    Args:
        run_dir: pathlib.Path, made where missing.
        recipe: `Recipe`.
        data: `Sounds`, or another reader.
    """
    with durable.writing(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
    before, now = _read(run_dir), {"format": 1, "recipe": _plain(recipe), "data": data.facts}
    if before and before["data"].get("fingerprint") != data.fingerprint:
        print(f"warning: the sounds have changed since {run_dir} was started; the run goes on with the new ones")
    old, new = (before or now)["recipe"]["train"], now["recipe"]["train"]
    for key in sorted(k for k in new if k != "steps" and old.get(k, new[k]) != new[k]):
        print(f"note: [train] {key} was {old.get(key)!r}, from here on it is {new[key]!r}")
    durable.write_text(run_dir / _MARK, json.dumps(now, indent=1) + "\n")
    recipe.write(run_dir / "recipe.toml")


@contextlib.contextmanager
def lock(run_dir):
    """Holds a run for this process; a second one gets a ValueError. Freed also when the process is killed."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        yield
        return
    with open(run_dir / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(
                f"another process is training in {run_dir}. Wait for it, or choose another --run-dir."
            ) from None
        yield


def _plain(recipe):
    return json.loads(json.dumps(recipe.tables()))


def _read(run_dir):
    """What run.json says; None without one. A damaged one is an error: it is written whole or not at all."""
    path = run_dir / _MARK
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"recipe": content["recipe"], "data": content["data"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}). Restore it, or choose another --run-dir.") from None
