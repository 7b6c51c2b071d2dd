"""Which files of a folder may be sounds."""

import os
import stat
from pathlib import Path

NOT_AUDIO = frozenset(
    "txt csv tsv json jsonl md rst log xml yaml yml toml ini cfg html htm css js py pyc ipynb sh bat pdf "
    "doc docx odt xls xlsx png jpg jpeg gif bmp svg webp tif tiff ico zip gz bz2 xz tar 7z rar tfrecord "
    "npy npz pkl pt pth h5 hdf5 keras onnx mid midi sfz lab textgrid cue m3u m3u8 pls nfo asd db sqlite "
    "lock tmp part bak url exe dll so ".split()
)
SOUNDS = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"})
NOT_AUDIO_NAMES = frozenset({"license", "licence", "copying", "readme", "notice", "makefile", "sources", "attribution"})


def find_files(root):
    """Lists the files under `root` that may be sounds, whatever their extension.

    Hidden files and folders (a leading dot) and extensions that are never audio are left out in silence. Links to
    folders are followed, each folder is entered once, so a loop of links ends.

    Args:
        root: a folder.

    Returns:
        `(files, problems)`: sorted relative paths with `/`, and a list of `(relative path, reason)` for entries that
        cannot be read: dead links, closed folders, pipes.
    """
    root = Path(root)
    files, problems, seen = [], [], set()
    folders, links = [""], []
    while folders or links:
        relative = folders.pop() if folders else links.pop(0)
        try:
            info = os.stat(root / relative)
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            entries = sorted(os.scandir(root / relative), key=lambda e: e.name)
        except OSError as error:
            problems.append((relative or ".", f"folder cannot be read: {error.strerror}"))
            continue
        _sort_entries(entries, relative, files, problems, folders, links)
    return sorted(files), problems


def targets(source, out, kinds, what):
    """Which WAV file each file of a source becomes: {file: target}, under its name below `out`.

    What lies in an `out` inside of the source was made of it before, and is not taken.

    Args:
        source: pathlib.Path of a file, or of a folder, nested as you like.
        out: pathlib.Path of a folder.
        kinds: extensions of the files that are taken from a folder, in lower case; a file may have any.
        what: the kinds in words, for errors.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the folder has none of them, two would get one name, or one would be overwritten.
    """
    if not source.exists():
        raise FileNotFoundError(f"no file or folder at {source}; give a file or a folder of {what}")
    found = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.suffix.lower() in kinds)
    if source.resolve() in out.resolve().parents:
        found = [p for p in found if out.resolve() not in p.resolve().parents]
    if not found:
        raise ValueError(f"{source} holds no {what}")
    base = source if source.is_dir() else source.parent
    made, taken = {}, {}
    for path in found:
        target = made[path] = (out / path.relative_to(base)).with_suffix(".wav")
        if (other := taken.setdefault(target, path)) != path:
            raise ValueError(f"{other} and {path} would both become {target}; rename one of them")
        if target.resolve() == path.resolve():
            raise ValueError(f"{path} would be overwritten by what is made of it; choose another out folder")
    return made


def _sort_entries(entries, relative, files, problems, folders, links):
    """Puts each entry of one folder into the list where it belongs."""
    for entry in entries:
        name = f"{relative}/{entry.name}" if relative else entry.name
        if entry.name.startswith(".") or _never_audio(entry.name):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            reason = "dead symbolic link" if entry.is_symlink() else f"cannot be read: {error.strerror}"
            problems.append((name, reason))
            continue
        if stat.S_ISDIR(mode):
            (links if entry.is_symlink() else folders).append(name)
        elif stat.S_ISREG(mode):
            files.append(name)
        else:
            problems.append((name, "not a regular file"))


def _never_audio(name):
    stem, dot, extension = name.rpartition(".")
    return extension.lower() in NOT_AUDIO if dot else name.lower() in NOT_AUDIO_NAMES
