"""Which reader of examples a task has, and how one is opened."""

from tf_audio_gan.data.mixed_speech import MixedSpeech
from tf_audio_gan.data.noisy_pairs import NoisyPairs
from tf_audio_gan.data.notes import Notes
from tf_audio_gan.data.pitches import RULES
from tf_audio_gan.data.sounds import Sounds, folder_at

_PAIRED = {"noise": MixedSpeech, "noisy": NoisyPairs}
_OF_TASK = {"enhancement": tuple(_PAIRED.values())}


def readers(task):
    """The classes whose keywords the [data] table of a recipe may hold, for a model's task."""
    return _OF_TASK.get(task, (Sounds, Notes) if task == "generation" else (Sounds,))


def folders(task, sounds, noise=None, noisy=None):
    """The folders that a reader of the task takes, {its argument: folder}.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: enhancement without, or another task with, one of noise and noisy; or a file instead of a folder.
    """
    given = {name: path for name, path in {"noise": noise, "noisy": noisy}.items() if path is not None}
    if task not in _OF_TASK:
        if given:
            raise ValueError(f"{' and '.join(given)} is for models of enhancement; this one is for {task}")
        return {"path": folder_at(sounds)}
    if len(given) != 1:
        raise ValueError(
            "a model of enhancement learns from clean speech and one of: noise=FOLDER (--noise) of noises to mix into "
            f"it, noisy=FOLDER (--noisy) of the same speech in noise. Received: {' and '.join(given) or 'neither'}"
        )
    return {name: folder_at(path) for name, path in {"clean": sounds, **given}.items()}


def open_sounds(folders, options, **fixed):
    """Opens the reader of some folders.

    Args:
        folders: see the function.
        options: its keywords; those that only the other reader of the task has are left out. Labels that are pitches
            ("pitch", "estimate", or anything beside a range of `pitches`) ask for `Notes`.
        fixed: more of its keywords.

    Returns:
        (the reader, the names of the options left out).
    """
    notes = options.get("labels") in RULES or options.get("labels") and "pitches" in options
    kind = next((_PAIRED[name] for name in folders if name in _PAIRED), Notes if notes else Sounds)
    unused = [k for k in options if k not in kind.__init__.__kwdefaults__]
    return kind(**folders, **{k: v for k, v in options.items() if k not in unused}, **fixed), unused
