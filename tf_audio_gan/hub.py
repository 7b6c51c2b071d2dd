"""A handle becomes a verified local folder: a folder, a name in the zoo, file://, https:// or hf://.

Presets of the zoo come from the mirror TF_AUDIO_GAN_ZOO_URL (any server of static files over a zoo), else from the
`zoo/` of a source checkout, else from `RELEASE_URL` by the index that is in a wheel. What is downloaded is checked
against the size and SHA-256 in the zoo's index.json and kept below `home()`; TF_AUDIO_GAN_OFFLINE=1 forbids the network
and uses what is kept.
"""

import hashlib
import json
import os
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tf_audio_gan import downloads, durable

ZOO = Path(__file__).resolve().parents[1] / "zoo"  # of a source checkout
INDEX = "index.json"
# Where the files of this release's presets are: the address of a folder with the content of zoo/, on any server of
# static files. Empty: no release is out, so an installed wheel lists presets and says that their files need a mirror.
# This is the one place; a release sets it and changes nothing else.
RELEASE_URL = ""
_PACKAGED = Path(__file__).with_name("zoo_index.json")  # zoo/index.json, in a wheel
_LARGEST_INDEX = 2**24  # bytes
_HF_FILES = ["*.json", "*.weights.h5", "*.toml", "*.md", "*.csv"]


def home():
    """The folder for what is downloaded: TF_AUDIO_GAN_HOME, else the platform's folder for caches."""
    if set_by_hand := os.environ.get("TF_AUDIO_GAN_HOME"):
        return Path(set_by_hand).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tf_audio_gan"


def offline():
    """Whether TF_AUDIO_GAN_OFFLINE forbids the network."""
    return os.environ.get("TF_AUDIO_GAN_OFFLINE", "").lower() not in ("", "0", "false", "no")


def zoo_index():
    """{preset name: {"class", "files": {file name: {"sha256", "bytes"}}, ...}}; empty where there is no zoo.

    Raises:
        OSError: the mirror cannot be reached and its index was never seen, or the network is forbidden.
        ValueError: its index is damaged.
    """
    if mirror := os.environ.get("TF_AUDIO_GAN_ZOO_URL"):
        return _index_at(mirror)
    for path in (ZOO / INDEX, _PACKAGED):
        if path.is_file():
            return _presets_in(path.read_text(encoding="utf-8"), path)
    return {}


def address():
    """Where the files of the zoo's presets are fetched from: None, the checkout has them; empty: there is no place."""
    return os.environ.get("TF_AUDIO_GAN_ZOO_URL") or (None if (ZOO / INDEX).is_file() else RELEASE_URL)


def how_to_get():
    """What to do where presets are known by name and their files are nowhere; an empty text where they are."""
    if address() != "" or not _PACKAGED.is_file():
        return ""
    return (
        "Their files are not in this installation, and this release has no address for them. Set TF_AUDIO_GAN_ZOO_URL "
        "to the address of a zoo, or install from a checkout of the sources, whose zoo/ holds them."
    )


def list_presets():
    """Names of the presets that `from_preset` takes, sorted."""
    return sorted(zoo_index())


def known_here(name):
    """Whether the index of this checkout or installation has a preset of that name with weights; asks no network."""
    if os.environ.get("TF_AUDIO_GAN_ZOO_URL"):
        return False
    return any(file.endswith(".weights.h5") for file in zoo_index().get(str(name), {}).get("files", {}))


def resolve(handle):
    """The local folder of a preset.

    Args:
        handle: path of a preset's folder; the name of a preset in the zoo; "file:///folder"; "https://host/zoo/NAME" of
            a zoo with an index.json; or "hf://user/repo[@revision]" (extra `hf`), whose files that hub checks.

    Returns:
        pathlib.Path of a folder that holds config.json; a zoo's files have the size and sha256 of its index.

    Raises:
        FileNotFoundError: no folder with a config.json, or no such name.
        ValueError: a file is not what the index says.
        OSError: it cannot be downloaded, or the network is forbidden.
        ImportError: hf:// without huggingface_hub.
    """
    text = str(handle)
    scheme = text.split("://")[0] if "://" in text else ""
    if scheme == "file":
        return _folder(Path(url2pathname(urlsplit(text).path)), text)
    if scheme in ("https", "http"):
        base, _, name = text.rstrip("/").rpartition("/")
        return _of_zoo(name, _index_at(base), base)
    if scheme == "hf":
        return _folder(_from_hugging_face(text.removeprefix("hf://")), text)
    if scheme:
        raise ValueError(f"a preset's handle begins with file://, https:// or hf://. Received: {text!r}")
    folder = Path(handle)
    if (folder / "config.json").is_file():
        return folder
    return _of_zoo(text, zoo_index(), address(), folder)


def _folder(folder, handle):
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{handle!r} is no preset: no config.json in {folder}")
    return folder


def _of_zoo(name, index, url=None, folder=None):
    """The folder of a zoo's preset, all files checked: of the zoo at `url`, or (None) of this checkout."""
    if name not in index:
        known = ", ".join(sorted(index)) or f"none (no {INDEX} in {ZOO}; TF_AUDIO_GAN_ZOO_URL can name a zoo)"
        found = "a folder without config.json" if folder is not None and folder.is_dir() else "no such folder"
        raise FileNotFoundError(f"{name!r} is no preset: {found}, and not a name in the zoo. Presets: {known}")
    files = index[name]["files"]
    if url is None:
        verify(ZOO / name, files)
        return ZOO / name
    contents = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
    kept = home() / "presets" / f"{name}-{contents}"
    if kept.is_dir():
        verify(kept, files, f"Delete {kept}; it is fetched again.")
    elif not url:
        raise OSError(f"{name} is known by name alone. {how_to_get()}")
    elif offline():
        raise OSError(f"{name} is not in {kept.parent}, and TF_AUDIO_GAN_OFFLINE forbids to fetch it. Unset that.")
    else:
        downloads.folder(f"{url.rstrip('/')}/{name}", files, kept)
    return kept


def _index_at(url):
    """The index of a zoo on a server; the one last seen where the network is forbidden or fails."""
    where = f"{url.rstrip('/')}/{INDEX}"
    kept = home() / "indexes" / f"{hashlib.sha256(where.encode()).hexdigest()[:16]}.json"
    failure = None
    if not offline():
        try:
            text = downloads.text(where, _LARGEST_INDEX)
            found = _presets_in(text, where)
            downloads.keep(kept, text)
            return found
        except OSError as error:
            failure = error
    if kept.is_file():
        return _presets_in(kept.read_text(encoding="utf-8"), kept)
    raise failure or OSError(f"{where} was never fetched, and TF_AUDIO_GAN_OFFLINE forbids to. Unset that.")


def _presets_in(text, where):
    """The presets of an index, checked: names and files that stay inside their folder."""
    try:
        presets = json.loads(text)["presets"]
        names = [(name, *(PurePosixPath(file).parts for file in about["files"])) for name, about in presets.items()]
        facts = [(f["bytes"] + 0, f["sha256"] + "") for about in presets.values() for f in about["files"].values()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} is no index of a zoo ({type(error).__name__}: {error})") from None
    for name, *files in names:
        parts = [(name,), *files]
        if any(not p or ".." in p or any("/" in x or "\\" in x or ":" in x for x in p) for p in parts):
            raise ValueError(f"{where} names files outside of the preset {name!r}; it is damaged or hostile")
    if any(size < 0 or len(digest) != 64 for size, digest in facts):
        raise ValueError(f"{where} is no index of a zoo: sizes from 0 and SHA-256 of 64 digits are wanted")
    return presets


def verify(folder, files, remedy="Fetch it again (git checkout, or download the preset), or use the path of a copy."):
    """Checks a preset's files against an index.

    Args:
        folder: of the preset.
        files: {name: {"bytes", "sha256"}}.
        remedy: a sentence for the error.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: one has another size or sha256.
    """
    for name, facts in files.items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing from the zoo. {remedy}")
        if path.stat().st_size != facts["bytes"] or durable.sha256(path) != facts["sha256"]:
            raise ValueError(
                f"{path} is not the file the zoo's index names (its sha256 or size differs): damaged or changed. "
                f"{remedy}"
            )


def _from_hugging_face(name):
    """The folder of user/repo[@revision], fetched by huggingface_hub: files of presets alone."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError("hf:// handles need huggingface_hub: pip install 'tf-audio-gan[hf]'") from error
    repo, _, revision = name.partition("@")
    where = {"revision": revision or None, "cache_dir": home() / "hugging_face", "local_files_only": offline()}
    return Path(snapshot_download(repo, allow_patterns=_HF_FILES, **where))
