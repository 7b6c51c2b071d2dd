"""Where numbers come from: versions, hardware, hashes."""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import time
from pathlib import Path

import tf_audio_gan
from tf_audio_gan import backend, durable

PACKAGES = (
    "numpy", "scipy", "librosa", "soxr", "soundfile", "keras", "tensorflow", "torch", "pystoi", "pesq", "pyworld",
    "pysptk", "onnxruntime",
)  # fmt: skip


def versions(packages=PACKAGES):
    """{package: version} of this package and those of `packages` that are installed."""
    found = {"tf_audio_gan": tf_audio_gan.__version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware(device):
    """The machine in words: cores, architecture, where layers are computed."""
    return f"{os.cpu_count()} CPU cores ({platform.machine()}, {platform.system()}), computed on {device}"


def name(path):
    """What a folder or file is called in results, which are read on other machines too; None for None."""
    return None if path is None else Path(path).expanduser().resolve().name


def rule(labels):
    """A rule of labels as results record it: a table by its name."""
    return name(labels) if str(labels).lower().endswith(".csv") else labels


def facts(hashes, begun):
    """What stands in results beside the numbers.

    Args:
        hashes: {what: SHA-256, or a dict of them}.
        begun: `time.monotonic()` at the start.
    """
    return {
        "sha256": hashes,
        "versions": versions(),
        "hardware": hardware(backend.device_name()),
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begun, 1),
    }


def command(name, settings):
    """The command line that an evaluation's settings amount to, folders by their names.

    Args:
        name: "evaluate" or "compare"; its arguments are the first two settings.
        settings: keywords; None is left out.
    """
    places, options = list(settings.items())[:2], list(settings.items())[2:]
    words = ["tf-audio-gan", name, *(str(value) for _, value in places)]
    for key, value in options:
        if value is not None:
            values = value if isinstance(value, list | tuple) else [value]
            text = ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
            words += [f"--{key.replace('_', '-')}", text]
    return shlex.join(words)


def weights(folder):
    """{file: sha256} of the weights in a preset's folder that are used to generate (no discriminator)."""
    files = sorted(p for p in folder.glob("*.weights.h5") if not p.name.startswith("discriminator"))
    return {path.name: durable.sha256(path) for path in files}


def reference_list(sounds, places):
    """SHA-256 over what a set of clips was made of: names, starts, lengths and levels of the files, in sorted order.

    The same for a folder and for the shards that were made from it.
    """
    rows = []
    for place in sorted(places, key=lambda place: place.name):
        clip = sounds.clips[place.number]
        rows.append([place.name, clip.length, f"{clip.peak:.5f}", f"{clip.rms:.5f}"])
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()


def files(paths):
    """SHA-256 over the names and contents of files: {name: path}, in sorted order."""
    digest = hashlib.sha256()
    for name in sorted(paths):
        digest.update(json.dumps([name, durable.sha256(paths[name])]).encode())
    return digest.hexdigest()
