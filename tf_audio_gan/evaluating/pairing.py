"""Pairs of files: matched by name, measured one by one in a few processes, so that memory stays flat."""

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

import numpy as np

from tf_audio_gan.audio.analysis import window_length
from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.data.files import find_files
from tf_audio_gan.data.sounds import folder_at
from tf_audio_gan.evaluating import baselines
from tf_audio_gan.metrics import pairs

TASKS = ("vocoding", "enhancement")


@dataclass(frozen=True)
class Matched:
    """Files of two or three folders by name.

    Attributes:
        names: relative paths without extension, sorted.
        files: {name: (reference, estimate, noisy or None)}, paths.
        unmatched: [(folder's role, relative path)] of files without a partner.
    """

    names: list
    files: dict
    unmatched: list


@dataclass(frozen=True)
class Plan:
    """What is done with each pair.

    Attributes:
        task: "vocoding" or "enhancement".
        metrics: names in `PAIR_METRICS`.
        sample_rate: Hz at which files are compared.
        seed: of the floor.
        noisy: whether there are noisy files.
        models: `LocalModels`.
        mel: config of the vocoder's `MelFrontEnd`, whose mels the floor is made from; None: those of `baselines`.
        beside: ((row, folder), ...) of more estimates, WAV files under the names of the pairs.
    """

    task: str
    metrics: tuple
    sample_rate: int
    seed: int = 0
    noisy: bool = False
    models: object = None
    mel: dict | None = None
    beside: tuple = ()

    @property
    def floor(self):
        """The name of the floor's row."""
        return "Griffin-Lim" if self.task == "vocoding" else "noisy" if self.noisy else "white noise"

    def floor_in_words(self):
        """What the floor is."""
        if self.task == "vocoding":
            known = baselines.griffin_lim_settings(self.sample_rate, self.mel)
            return (
                f"the reference's mel spectrogram ({known['n_mels']} bands, FFT {known['n_fft']}, hop "
                f"{known['hop_length']}) through fast Griffin-Lim, {known['iterations']} iterations (librosa)"
            )
        return "the noisy input" if self.noisy else "the reference with white noise of its own level (0 dB)"


def match(reference, estimate, noisy=None):
    """Matches files by their path below the folder, without its extension.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: two files of one folder differ in extension alone, or nothing matches.
    """
    folders = {"reference": reference, "estimate": estimate} | ({"noisy": noisy} if noisy is not None else {})
    found = {role: by_stem(folder) for role, folder in folders.items()}
    common = sorted(set.intersection(*map(set, found.values())))
    if not common:
        counts = " and ".join(f"{len(files)} in {folders[role]}" for role, files in found.items())
        raise ValueError(f"no two files match by name: {counts}. Give an estimate its reference's name")
    unmatched = [(role, name) for role, files in found.items() for name in sorted(set(files) - set(common))]
    files = {name: tuple(found[role][name] if role in found else None for role in _ROLES) for name in common}
    return Matched(common, files, unmatched)


_ROLES = ("reference", "estimate", "noisy")


def by_stem(folder):
    """{path below a folder without its extension: path} of the files that may be sounds, sorted; ValueError for two."""
    folder, found = folder_at(folder), {}
    for name in find_files(folder)[0]:
        stem = name.rpartition(".")[0] if "." in name.rsplit("/", 1)[-1] else name
        if stem in found:
            raise ValueError(f"{folder} holds {found[stem].name} and {name}: one name. Remove one of them")
        found[stem] = folder / name
    return found


def common_rate(matched):
    """The sample rate of all references, in Hz; ValueError unless it is one. Unreadable files are passed over."""
    import soundfile

    rates = {}
    for name in matched.names:
        with contextlib.suppress(RuntimeError, OSError, TypeError):
            rates.setdefault(soundfile.info(matched.files[name][0]).samplerate, []).append(name)
    if len(rates) > 1:
        counts = ", ".join(f"{rate} Hz ({len(names)} files)" for rate, names in sorted(rates.items()))
        raise ValueError(f"the references have several sample rates: {counts}. Choose one with --sample-rate")
    if not rates:
        raise ValueError(f"none of the {len(matched.names)} references can be read, the first: {matched.names[0]}")
    return next(iter(rates))


def measure(plan, matched, workers=2):
    """Measures every pair; yields (name, {row: {column: value}}, or the reason why it could not be measured).

    Args:
        plan: `Plan`.
        matched: `Matched`.
        workers: processes; 1: this one.

    Raises:
        RuntimeError: a process was killed, for memory for example.
    """
    jobs = [(name, *matched.files[name]) for name in matched.names]
    work = partial(_measured_or_reason, plan)
    yield from _in_processes(work, jobs, min(workers, len(jobs))) if workers > 1 and len(jobs) > 1 else map(work, jobs)


def _measured_or_reason(plan, job):
    name, *paths = job
    try:
        return name, rows_of(plan, *paths, name)
    except Exception as error:  # one bad file must not end the others; its reason is shown
        return name, " ".join(f"{error}".split()) or type(error).__name__


def rows_of(plan, reference, estimate, noisy, name=""):
    """{row: {column: value}} of one pair: the reference against itself, the estimate, the floor.

    Raises:
        ValueError: a file cannot be read, or the lengths differ by more than a window.
    """
    audio = signals(plan, reference, estimate, noisy, name)
    chosen = [pairs.PAIR_METRICS[metric] for metric in plan.metrics]
    rows = {}
    for row, clip in audio.items():
        pair = pairs.align(audio["reference"], clip, window_length(plan.sample_rate))
        rows[row] = pairs.measure_pair(*pair, plan.sample_rate, chosen, reasons=[])
        rows[row] |= plan.models.of_clip(pair[1], plan.sample_rate)
    return rows


def signals(plan, reference, estimate, noisy, name=""):
    """{row: float32 [samples]} of one pair, mono at the plan's rate, not yet cut to one length."""
    rate = plan.sample_rate
    audio = {
        row: read_audio(path, rate, channels=1)[0][:, 0]
        for row, path in (("reference", reference), ("estimate", estimate))
    }
    pairs.align(*audio.values(), window_length(rate))  # before the floor, which takes its time
    floor = _floor(plan, audio["reference"], noisy, name)
    for row, folder in plan.beside:
        audio[row] = read_audio(f"{folder}/{name}.wav", rate, channels=1)[0][:, 0]
    return audio | {plan.floor: floor}


def _floor(plan, reference, noisy, name):
    if plan.task == "vocoding":
        return baselines.griffin_lim(reference, plan.sample_rate, plan.seed, plan.mel)
    if noisy is not None:
        return read_audio(noisy, plan.sample_rate, channels=1)[0][:, 0]
    return baselines.noisy(reference, np.random.default_rng([plan.seed, *str(name).encode()]))


def _in_processes(work, jobs, workers):
    """Yields results as they come; stopped, it ends its processes."""
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    try:
        for future in as_completed([pool.submit(work, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool:
        raise RuntimeError("a measuring process was killed; is there memory enough? Try --workers 1") from None
    except BaseException:
        for process in list(pool._processes.values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker():
    """Leaves Ctrl-C to the parent, and ends the process when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
