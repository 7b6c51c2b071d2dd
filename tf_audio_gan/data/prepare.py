"""From a folder of any audio files to shards that are read without decoding."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tf_audio_gan.data.decoders import decoder_named
from tf_audio_gan.data.files import find_files
from tf_audio_gan.data.folder import FolderSource
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.shard_writer import write_json, write_shard
from tf_audio_gan.data.shards import FORMAT, INDEX, PLAN, VERSION, read_index, sha256_of
from tf_audio_gan.data.sounds import check_numbers, folder_at

SHARD_BYTES = 32 * 2**20
RECORD_SECONDS = 60


def prepare_sounds(sounds, out, *, sample_rate=16000, channels=1, labels=None, workers=None, progress=True):
    """Decodes and resamples a folder of sounds once, into shards that `Sounds` reads as it reads the folder.

    May be stopped at any time and run again with the same arguments: finished shards are kept, and the result is the
    same to the last byte, however many processes made it. Files are known by name and size: where one was rewritten at
    the same size, prepare into a new folder. A clip over 60 seconds fills several records of one shard;
    for `Sounds` it stays one clip. Processes are spawned: in a script, call this under `if __name__ == "__main__":`.

    Args:
        sounds: a folder of audio files, see `Sounds`.
        out: the folder to write; made if needed, otherwise empty or begun by this function with the same arguments.
        sample_rate: Hz.
        channels: channel count.
        labels: None, `"folder"`, `"prefix"` or the path of a CSV table with the columns `path,label`.
        workers: processes; None = one for each CPU.
        progress: show bars on standard error, and a line if there is nothing to do.

    Returns:
        A dict: clips, seconds, shards, bytes, label_names, skipped (list of `[path, reason]`), finished_before
        (whether everything was there already).

    Raises:
        FileNotFoundError: no such folder of sounds.
        ValueError: no usable sound, or `out` holds something else.
        OSError: `out` cannot be written; no half-written file is left.
    """
    check_numbers(sample_rate=sample_rate, channels=channels)
    sounds, out = folder_at(sounds), Path(out).expanduser()
    made = _check_out(sounds, out)
    try:
        return _prepare(sounds, out, sample_rate, channels, labels, workers, progress)
    except BaseException:
        for folder in made:  # only those still empty: nothing was begun in them
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _prepare(sounds, out, sample_rate, channels, labels, workers, progress):
    settings = {
        "sample_rate": sample_rate,
        "channels": channels,
        "record_frames": int(RECORD_SECONDS * sample_rate),
        "labels": labels if labels in (None, "folder", "prefix") else f"csv {_digest_of_table(labels)}",
        "source": _digest_of_source(sounds),
    }
    if (out / INDEX).is_file():
        index = read_index(out)
        _check_same(settings, index, out)
        _remove_plan(out)
        if progress:
            print(f"{out} is prepared already: {len(index['clips'])} sounds, nothing to do")
        return _report(index, finished_before=True)
    _remove_leftovers(out)
    plan = _load_plan(out, settings) or _make_plan(sounds, out, settings, labels, progress)
    done = _write_shards(sounds, out, plan, workers or os.cpu_count() or 1, progress)
    index = _make_index(plan, done)
    write_json(out / INDEX, index)
    _remove_plan(out)
    return _report(index, finished_before=False)


def _check_out(sounds, out):
    """Makes the folder `out`; returns the folders that were not there before, the innermost first."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder to write the shards to")
    if (sounds / INDEX).is_file() or (sounds / PLAN).is_file():
        raise ValueError(f"{sounds} is a folder of prepared shards; name the folder of audio files")
    if out.resolve() == sounds.resolve():
        raise ValueError(f"the shards cannot go into the folder of sounds itself ({sounds}); name another folder")
    if out.is_dir() and not (out / INDEX).is_file() and not (out / PLAN).is_file():
        others = [p.name for p in out.iterdir() if not p.name.startswith(".") and not p.name.endswith(".tmp")]
        if others:
            raise ValueError(
                f"{out} is not empty (it holds {', '.join(sorted(others)[:3])}); name a new or empty folder"
            )
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        return missing
    except OSError as error:
        raise OSError(error.errno, f"cannot make the folder {out}: {error.strerror}; choose another folder") from error


def _digest_of_table(path):
    if not Path(path).is_file():
        raise FileNotFoundError(f"no label table at {path}; labels must be None, 'folder', 'prefix' or a CSV file")
    return sha256_of(path)


def _digest_of_source(sounds):
    """Stands for the names and sizes of all files that may be sounds."""
    digest = hashlib.sha256()
    for name in find_files(sounds)[0]:
        with contextlib.suppress(OSError):
            digest.update(json.dumps([name, (sounds / name).stat().st_size]).encode())
    return digest.hexdigest()


def _check_same(settings, have, out):
    wrong = [name for name in settings if settings[name] != have.get(name) and name != "record_frames"]
    if "source" in wrong:
        raise ValueError(
            f"{out} was made from other sounds (files came, went or changed); name a new folder or delete it"
        )
    if wrong:
        differences = ", ".join(f"{name} {have.get(name)!r} there, {settings[name]!r} now" for name in wrong)
        raise ValueError(f"{out} was made with other settings: {differences}; name a new folder, or delete that one")


def _remove_plan(out):
    """Removes what only an unfinished run needs; a run that was killed at this had its index already."""
    for path in (*out.glob("*.tfrecord.json"), out / PLAN):
        path.unlink(missing_ok=True)


def _remove_leftovers(out):
    for path in out.glob("*.tmp"):
        path.unlink(missing_ok=True)


def _load_plan(out, settings):
    if not (out / PLAN).is_file():
        return None
    plan = json.loads((out / PLAN).read_text(encoding="utf-8"))
    _check_same(settings, plan["settings"], out)
    return plan


def _make_plan(sounds, out, settings, labels, progress):
    """Scans the sounds and deals them out to shards, in order of their paths."""
    rate, channels = settings["sample_rate"], settings["channels"]
    show = None if progress else False
    source = FolderSource(sounds, rate, channels, labels, decoder_named("soundfile"), 0, show)
    shards, room = [], 0
    for clip in source.clips:
        size = 2 * channels * clip.length
        if not shards or size > room:
            shards.append({"name": f"shard-{len(shards):05d}.tfrecord", "clips": []})
            room = SHARD_BYTES
        room -= size
        row = {"path": clip.path, "frames": clip.length, "label": clip.label, "peak": clip.peak, "rms": clip.rms}
        shards[-1]["clips"].append(row)
    needed = sum(2 * channels * clip.length + 16 for clip in source.clips)
    free = shutil.disk_usage(out).free
    if free < needed:
        megabytes = f"{out} has {free / 2**20:.1f} MB free, the shards need {needed / 2**20:.1f} MB"
        raise OSError(28, f"No space left on device: {megabytes}; make room there")
    plan = {"settings": settings, "label_names": source.label_names, "skipped": source.skipped, "shards": shards}
    write_json(out / PLAN, plan)
    return plan


def _write_shards(sounds, out, plan, workers, progress):
    """Writes the shards that are not there yet; returns what each of all shards holds."""
    done, todo = {}, []
    for shard in plan["shards"]:
        note, path = out / f"{shard['name']}.json", out / shard["name"]
        if note.is_file() and path.is_file():
            done[shard["name"]] = json.loads(note.read_text(encoding="utf-8"))
        else:
            todo.append(shard)
    work, workers = partial(_write_one, sounds, out, plan["settings"]), min(workers, len(todo))
    results = _in_processes(work, todo, workers) if workers > 1 else map(work, todo)
    for result in bar(results, len(todo), f"Writing {out}", None if progress else False):
        done[result["name"]] = result
    return [done[shard["name"]] for shard in plan["shards"]]


_stop = None


def _write_one(sounds, out, settings, shard):
    stopped = _stop.is_set if _stop else lambda: False
    return write_shard(sounds, out, shard["name"], shard["clips"], settings, stopped)


def _in_processes(work, shards, workers):
    """Yields results as they come; on an interrupt the processes stop at their next block."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _start_worker, (stop,))
    try:
        for future in as_completed([pool.submit(work, shard) for shard in shards]):
            yield future.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(stop):
    """Leaves Ctrl-C to the parent, and ends the process when the parent is gone."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _make_index(plan, done):
    """The index of all shards; a pure function of the sounds and the settings."""
    clips = [{**clip, "shard": number} for number, shard in enumerate(done) for clip in shard["clips"]]
    if not clips:
        raise ValueError("none of the sounds could be read any more; are they still there?")
    skipped = sorted([list(item) for item in plan["skipped"]] + [item for shard in done for item in shard["skipped"]])
    return plan["settings"] | {
        "format": FORMAT,
        "version": VERSION,
        "label_names": plan["label_names"],
        "clips": clips,
        "shards": [{name: shard[name] for name in ("name", "bytes", "sha256")} for shard in done],
        "seconds": sum(clip["frames"] for clip in clips) / plan["settings"]["sample_rate"],
        "skipped": skipped,
    }


def _report(index, finished_before):
    return {
        "clips": len(index["clips"]),
        "seconds": index["seconds"],
        "shards": len(index["shards"]),
        "bytes": sum(shard["bytes"] for shard in index["shards"]),
        "label_names": index["label_names"],
        "skipped": index["skipped"],
        "finished_before": finished_before,
    }
