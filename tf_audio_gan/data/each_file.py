"""A source's files, each made into a WAV file of its own: what cannot be used is passed over and named."""

import contextlib

from tf_audio_gan.data.decoders import UnreadableSound, reason_of
from tf_audio_gan.data.files import targets
from tf_audio_gan.data.scan import bar


def make_each(make, source, out, kinds, what, words, progress):
    """Calls `make(path, target)` for every file of a source, by its `targets`.

    Args:
        make: writes the target; UnreadableSound or ValueError say that the file cannot be used.
        source: pathlib.Path of a file or folder.
        out: pathlib.Path of the folder of what is made.
        kinds: extensions of the files that are taken from a folder.
        what: the kinds in words.
        words: (what is going on, what was done), for the bar and for errors: ("Enhancing", "enhanced").
        progress: show a bar; None: on a terminal.

    Returns:
        [(file, reason)] of the files that could not be used.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: as in `targets`, or no file could be used; an `out` that was made for nothing is gone again.
    """
    files, skipped = targets(source, out, kinds, what), []
    for path, target in bar(files.items(), len(files), words[0], progress):
        try:
            make(path, target)
        except (UnreadableSound, ValueError) as error:
            skipped.append((str(path), reason_of(error, path)))
    if len(skipped) == len(files):
        with contextlib.suppress(OSError):
            out.rmdir()
        path, reason = skipped[0]
        raise ValueError(f"none of {len(files)} files could be {words[1]}; the first, {path}: {reason}")
    return skipped
