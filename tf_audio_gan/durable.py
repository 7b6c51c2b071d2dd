"""Files that are there whole or not at all, also after a power cut: written beside their place, flushed, moved."""

import contextlib
import errno
import hashlib
import math
import os
import shutil
from pathlib import Path


def put_in_place(new, path):
    """Flushes the finished file `new` to the disk and renames it to `path`, the folder's entry flushed as well."""
    with open(new, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(new, path)
    flush_folder(Path(path).parent)


def flush_folder(folder):
    """Flushes the names in a folder to the disk, where the system can (POSIX)."""
    if os.name != "posix":
        return
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


@contextlib.contextmanager
def whole(path):
    """Gives a temporary path beside `path`; what was written there takes its place at the end, or nothing does.

    Args:
        path: the file that is to be; the temporary name ends the same way.

    Raises:
        OSError: it could not be written: the path, and what to do.
    """
    path = Path(path)
    new = path.with_name(f"tmp{os.getpid()}.{path.name}")
    try:
        with writing(path):
            yield new
            put_in_place(new, path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def save_weights(model, path):
    """`model.save_weights(path)`, once there is room for it.

    HDF5 does not survive a full disk: after a write that failed, closing the next file may crash the process. So as
    much as it may need is reserved first, and given back.

    Raises:
        OSError: there is no room.
    """
    variables = [*model.variables]
    for name in ("optimizer", "d_optimizer", "c_optimizer"):
        variables += getattr(getattr(model, name, None), "variables", [])
    size = 2**16 + sum(2**12 + math.prod(v.shape) * 4.04 for v in variables)
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, int(size))
        elif shutil.disk_usage(path).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    model.save_weights(path)


@contextlib.contextmanager
def writing(path):
    """Turns an OSError inside, or what h5py makes of one, into an OSError that names `path` and says what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise cannot_write(path, error) from error


def write_text(path, text):
    """Writes text (UTF-8), whole or not at all."""
    with whole(path) as new:
        new.write_text(text, encoding="utf-8")


def cannot_write(path, error):
    """One clear OSError for what a library said about a file that could not be written."""
    text = str(error)
    if text.startswith("could not write"):
        return error
    full = "No space left" in text or "ENOSPC" in text or getattr(error, "errno", None) == errno.ENOSPC
    reason = "No space left on device" if full else getattr(error, "strerror", None) or " ".join(text.split())[:200]
    remedy = "make room there" if full else "check its folder and permissions"
    return OSError(f"could not write {path}: {reason}; {remedy} and run the same command again")


def sha256(path):
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
