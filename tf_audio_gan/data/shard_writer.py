"""Writing one shard of prepared sounds, so that it is there completely or not at all."""

import contextlib
import hashlib
import json
import math
import os
import struct
from pathlib import Path

import numpy as np

from tf_audio_gan import durable
from tf_audio_gan.data.crc32c import masked_crc32c
from tf_audio_gan.data.decoders import SoundfileReader, UnreadableSound, reason_of
from tf_audio_gan.data.resample import fit_length, resampled_blocks
from tf_audio_gan.data.shards import FRAMING

HEADROOM = 3  # powers of two above the file's own peak, which resampling may pass


def write_atomically(path, write):
    """Lets `write(file)` fill a temporary file, then puts it in place.

    Args:
        path: the final path.
        write: a function of an open binary file.

    Returns:
        What `write` returned.

    Raises:
        OSError: it could not be written; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w+b") as file:
            result = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        durable.flush_folder(path.parent)
        return result
    except OSError as error:
        raise OSError(
            error.errno,
            f"could not write {path}: {error.strerror}; make room or choose another folder, then run prepare again "
            "(what is finished is kept)",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path, value):
    """Writes JSON, whole or not at all, the same bytes for the same value."""
    text = json.dumps(value, indent=0, sort_keys=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode("ascii")))


def write_shard(root, out, name, clips, settings, stopped=lambda: False):
    """Decodes, resamples and writes the clips of one shard, and a small file beside it that says it is finished.

    Args:
        root: the folder of sounds.
        out: the folder of shards.
        name: the shard's file name.
        clips: dicts with path, frames, label, peak, rms.
        settings: dict with sample_rate, channels, record_frames.
        stopped: asked between blocks; true ends the work with KeyboardInterrupt.

    Returns:
        A dict: name, bytes, sha256, clips (with offset and scale), skipped.
    """
    done = {"name": name, "clips": [], "skipped": []}

    def write(file):
        """Clips in order; what a clip that cannot be used had written is cut off again. Fills `done`."""
        for clip in clips:
            begin = file.tell()
            try:
                place = _write_clip(file, Path(root) / clip["path"], clip, settings, stopped)
                done["clips"].append(clip | place)
            except UnreadableSound as error:
                file.seek(begin)
                file.truncate()
                done["skipped"].append([clip["path"], str(error)])
        done["bytes"] = file.tell()
        file.flush()
        file.seek(0)
        done["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()

    write_atomically(Path(out) / name, write)
    write_json(Path(out) / f"{name}.json", done)
    return done


def _write_clip(file, path, clip, settings, stopped):
    """Appends a clip as records; the scale that makes use of all 16 bits is in the index.

    Samples beyond 1.0 are scaled down. Quiet sounds are scaled up by a power of two, which keeps 16-bit ones exact.
    """
    offset = file.tell() + FRAMING - 4
    power = math.floor(-math.log2(clip["peak"])) - HEADROOM
    scale = 2.0**power if power > 0 else min(1.0, 1 / clip["peak"])
    for record in _records(path, clip["frames"], settings, stopped):
        if not np.isfinite(record).all():
            raise UnreadableSound("changed since it was scanned: NaN or infinite samples now")
        pcm = np.clip(np.rint(record * np.float32(32768 * scale)), -32768, 32767).astype("<i2").tobytes()
        length = struct.pack("<Q", len(pcm))
        file.write(length + struct.pack("<I", masked_crc32c(length)))
        file.write(pcm)
        file.write(struct.pack("<I", masked_crc32c(pcm)))
    return {"offset": offset, "scale": scale}


def _records(path, frames, settings, stopped):
    """Yields a sound at the wanted rate in pieces of `record_frames`, with bounded memory."""
    size, waiting, written = settings["record_frames"], [], 0
    for block in _decode(path, settings):
        if stopped():
            raise KeyboardInterrupt
        waiting.append(block)
        while sum(map(len, waiting)) > size + 2:  # the last two samples may be rounding, see fit_length
            joined = np.concatenate(waiting)
            yield joined[:size]
            written += size
            waiting = [joined[size:]]
    rest = fit_length(np.concatenate(waiting), frames - written) if waiting else np.zeros((0, 1))
    if not len(rest):
        raise UnreadableSound("changed since it was scanned: empty now")
    yield rest[:size]
    if len(rest) > size:
        yield rest[size:]


def _decode(path, settings):
    """The blocks of a file; whatever a decoder raises becomes UnreadableSound, a full disk is no decoder's error."""
    try:
        with SoundfileReader(path) as reader:
            yield from resampled_blocks(reader, settings["sample_rate"], settings["channels"])
    except (UnreadableSound, GeneratorExit):
        raise
    except Exception as error:
        reason = "disappeared" if not path.exists() else f"cannot be decoded: {reason_of(error, path)}"
        raise UnreadableSound(reason) from error
