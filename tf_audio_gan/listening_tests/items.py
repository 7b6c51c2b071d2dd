"""The items of a listening test: which folders are compared, which files go together, which can be read."""

from pathlib import Path

from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.data.files import find_files


def named_systems(folders, reference=None):
    """The systems that are compared.

    Args:
        folders: folders, or ``NAME=FOLDER``; a folder's own name is the default.
        reference: a name or folder among them, or one more folder, which comes last.

    Returns:
        ``(systems, reference)``: a dict from name to folder in the given order, and the reference's name or None.

    Raises:
        FileNotFoundError: for a folder that is not there.
        ValueError: for fewer than two systems, or two of one name.
    """
    systems = {}
    folders = [str(folder) for folder in folders]
    if reference is not None and not _named(folders, str(reference)):
        folders.append(str(reference))
    for text in folders:
        name, folder = _name_and_folder(text)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: {'a file' if folder.exists() else 'no such folder'}; give a folder")
        if name in systems:
            raise ValueError(f"two systems are named {name!r} ({systems[name]}, {folder}); name them: NAME=FOLDER")
        systems[name] = folder
    if len(systems) < 2:
        raise ValueError(f"{len(systems)} system ({', '.join(systems)}); a listening test compares two folders or more")
    return systems, None if reference is None else _named(folders, str(reference))


def _name_and_folder(text):
    name, equals, folder = text.partition("=")
    if equals and name and not Path(text).is_dir():
        return name, Path(folder)
    return Path(text).resolve().name, Path(text)


def _named(folders, reference):
    """The name of the system that `reference` means: a name, a folder or NAME=FOLDER; None if it is not there."""
    wanted = Path(reference.rpartition("=")[2]).resolve()
    for name, folder in map(_name_and_folder, folders):
        if reference == name or wanted == folder.resolve():
            return name
    return None


def choose_items(systems, matched, least, rng):
    """Decide which files make an item, and put the items in random order.

    Args:
        systems: names and folders.
        matched: True: files of one name; False: the k-th of each folder's random order; None: matched where at least
            half of the smallest folder's files occur everywhere.
        least: files that a folder must hold.
        rng: a ``numpy.random.Generator``.

    Returns:
        ``(items, matched, notes)``: dicts from system to path within its folder, what was decided, and why in words.

    Raises:
        ValueError: for a folder with fewer files, or no file in common where `matched` is True.
    """
    paths = {}
    for name, folder in systems.items():
        paths[name] = find_files(folder)[0]
        if len(paths[name]) < least:
            raise ValueError(f"{folder}: {len(paths[name])} sounds; expected at least {least}. Give a folder of sounds")
    common, keyed = _common(paths)
    smallest = min(map(len, paths.values()))
    if matched and not common:
        raise ValueError(f"no file name occurs in all of {', '.join(paths)}; leave --matched out to compare draws")
    if matched or matched is None and 2 * len(common) >= smallest:
        items = [{name: keyed[name][key] for name in paths} for key in rng.permutation(common).tolist()]
        alone = sum(map(len, paths.values())) - len(common) * len(paths)
        notes = [f"matched: {counted(len(common), 'file name')} in every folder"]
        notes += [f"{counted(alone, 'file')} without a partner left out"] if alone else []
        return items, True, notes
    drawn = {name: rng.permutation(sorted(found)).tolist() for name, found in paths.items()}
    items = [{name: drawn[name][k] for name in paths} for k in range(smallest)]
    return items, False, [f"unmatched: of {smallest} file names {len(common)} in every folder, so draws are compared"]


def counted(n, what):
    """The words for n things."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _common(paths):
    """Keys that every system has, sorted, and each system's path by key: paths without suffix, or else stems."""
    for key_of in (lambda p: str(Path(p).with_suffix("")), lambda p: Path(p).stem):
        keyed = {name: {} for name in paths}
        for name, system in paths.items():
            for path in system:
                keyed[name].setdefault(key_of(path), path)
        common = sorted(set.intersection(*map(set, keyed.values())))
        if common:
            break
    return common, keyed


def read_items(items, systems, wanted):
    """Read the first items of which every sound can be read.

    Args:
        items: as `choose_items` gives them.
        systems: names and folders.
        wanted: how many.

    Returns:
        ``(clips, skipped)``: dicts from system to (path within its folder, audio, sample rate), at most `wanted`; and
        ``(file, reason)`` of each that could not be read.

    Raises:
        ValueError: if there is no such item: it names the systems without a readable sound.
    """
    clips, skipped, read = [], [], set()
    for item in items:
        clip = {}
        for name, path in item.items():
            file = systems[name] / path
            try:
                clip[name] = (path, *read_audio(file))
                read.add(name)
            except (ValueError, OSError) as error:
                skipped.append((str(file), str(error).removeprefix(f"{file}: ")))
        clips += [clip] if len(clip) == len(systems) else []
        if len(clips) == wanted:
            break
    if not clips:
        where = ", ".join(str(folder) for name, folder in systems.items() if name not in read) or "all folders at once"
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
        raise ValueError(f"no item could be read from {where}: {reasons}")
    return clips, skipped
