"""What happens beside the steps of a training run: checkpoints, log, pictures, progress, the end."""

import csv
import math
import os
import re
import time
from pathlib import Path

import keras
import numpy as np

from tf_audio_gan import backend, durable, pictures
from tf_audio_gan.events import EventWriter
from tf_audio_gan.optimizers import set_rate

_KEPT = 2
_LINE_SECONDS = 60.0  # between lines of progress where no bar can be


class Checkpoints(keras.callbacks.Callback):
    """Saves networks, averages and both optimizers, whole or not at all; keeps the newest two.

    A checkpoint's name holds its step and half of its SHA-256, so damage is found before it is loaded.

    Args:
        folder: of the checkpoints.
        minutes: between two of them; 0: at every line of the log. The end of training always saves.
        health: a `Health`; nothing is saved once it has found a problem.
    """

    def __init__(self, folder, minutes, health):
        super().__init__()
        self.folder, self.minutes, self.health = Path(folder), minutes, health
        self.saved = None

    def restore(self, model):
        """Loads the newest undamaged checkpoint into a compiled model; returns its step, 0 without any.

        Raises:
            ValueError: there are checkpoints, and none can be read, or the optimizers are others than theirs.
        """
        found = sorted(self.folder.glob("step_*.weights.h5"), reverse=True)
        for path in found:
            step, digest = re.fullmatch(r"step_(\d+)-?(\w*)\.weights\.h5", path.name).groups()
            try:
                if not durable.sha256(path).startswith(digest):
                    raise ValueError("its content is not what was written")
                model.load_weights(path)
            except Exception as error:
                reason = " ".join(str(error).split())[:100]
                print(f"warning: {path} cannot be read ({type(error).__name__}: {reason}); trying the one before it")
                continue
            self.saved = int(step)
            if backend.whole(model.optimizer.iterations) != self.saved:
                raise ValueError(
                    f"{path} was saved with other optimizers than those of this run, which would begin anew at step 0 "
                    "with its weights. Train with the optimizers and kind of learning rate it was started with."
                )
            return self.saved
        if found:
            raise ValueError(
                f"none of the {len(found)} checkpoints in {self.folder} can be read. Copy them there again from a "
                "backup; or delete that folder, and the run begins anew at step 0."
            )
        return 0

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob("tmp*"):
            leftover.unlink()
        if self.saved is None:
            self._save()
        self.due = time.monotonic() + 60 * self.minutes

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() >= self.due:
            self._save()
            self.due = time.monotonic() + 60 * self.minutes

    def on_train_end(self, logs=None):
        self._save()

    def _save(self):
        step = backend.whole(self.model.optimizer.iterations)
        if step == self.saved or not self.health.check_weights():
            return
        new = self.folder / "tmp.weights.h5"
        try:
            with durable.writing(self.folder / f"step_{step:09d}"):
                durable.save_weights(self.model, new)
                path = self.folder / f"step_{step:09d}-{durable.sha256(new)[:32]}.weights.h5"
                durable.put_in_place(new, path)
        finally:
            new.unlink(missing_ok=True)
        self.saved = step
        older = sorted(p for p in self.folder.glob("step_*.weights.h5") if p.name < path.name)
        for old in {*self.folder.glob("step_*.weights.h5")} - {path, *older[1 - _KEPT :]}:
            old.unlink()  # older than needed, or from beyond this step and so found damaged


class Keep(keras.callbacks.Callback):
    """Writes the trained model every so many steps, to stay: GANs do not end with their best.

    Args:
        folder: gets step_STEP, one folder for each.
        steps: between two of them.
        write: called with such a folder and the step.
        health: a `Health`; nothing is written once it has found a problem.
    """

    def __init__(self, folder, steps, write, health):
        super().__init__()
        self.folder, self.steps, self.write, self.health = Path(folder), steps, write, health

    def on_train_begin(self, logs=None):
        self.step = backend.whole(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.steps == 0 and self.health.check_weights():
            self.folder.mkdir(exist_ok=True)
            self.write(self.folder / f"step_{self.step:09d}", self.step)


class Rates(keras.callbacks.Callback):
    """Holds the learning rates: what they are at first, halved after each of some steps.

    Args:
        rates: [(optimizer, rate)].
        halvings: generator steps.
    """

    def __init__(self, rates, halvings):
        super().__init__()
        self.rates, self.halvings = rates, halvings

    def on_train_begin(self, logs=None):
        self.step = backend.whole(self.model.optimizer.iterations)
        self._set()

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step in self.halvings:
            self._set()

    def _set(self):
        passed = sum(self.step >= step for step in self.halvings)
        for optimizer, rate in self.rates:
            set_rate(optimizer, rate / 2**passed)


class Stop(keras.callbacks.Callback):
    """Ends training after so many steps in all, after so many minutes, or when asked; `reason` says why.

    Args:
        steps: in all.
        minutes: from the start of this call.
        agree: this process's reason or None -> the reason of all processes that train in step; asked after every step.
    """

    def __init__(self, steps, minutes=None, agree=lambda reason: reason):
        super().__init__()
        self.steps, self.minutes, self.agree, self.reason = steps, minutes, agree, None

    def ask(self, reason):
        """Ends training after the step that is running."""
        self.reason = self.reason or reason

    def on_train_begin(self, logs=None):
        self.until = math.inf if self.minutes is None else time.monotonic() + 60 * self.minutes
        self.left = self.steps - backend.whole(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left > 0 and time.monotonic() >= self.until:
            self.ask("time is up")
        if self.left <= 0:
            self.model.stop_training = True
        elif agreed := self.agree(self.reason):
            self.reason, self.model.stop_training = agreed, True


class Log(keras.callbacks.Callback):
    """Appends a line to a CSV file at the end of every epoch: means, examples a second, memory on the accelerator.

    A resumed run first drops the lines it will repeat.

    Args:
        path: of the file.
        examples: real examples in a step; the time of other callbacks between epochs does not count.
        start: the step at which training begins; lines beyond it were written by a run that was killed.
    """

    def __init__(self, path, examples, start=0):
        super().__init__()
        self.path, self.examples, self.start, self.columns = Path(path), examples, start, None

    def on_train_begin(self, logs=None):
        if not self.path.exists():
            return
        head, *lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        self.columns = head.split() and head.strip().split(",")
        lines = [line for line in lines if line.endswith("\n") and int(line.split(",")[0]) <= self.start]
        durable.write_text(self.path, "".join([head, *lines]))

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()
        self.first = backend.whole(self.model.optimizer.iterations)

    def on_epoch_end(self, epoch, logs=None):
        step = backend.whole(self.model.optimizer.iterations)
        row = {"step": step, **{name: f"{float(value):.6g}" for name, value in logs.items()}}
        seconds = time.monotonic() - self.began
        row["examples_per_second"] = f"{(step - self.first) * self.examples / seconds:.4g}"
        memory = backend.device_memory_mb()
        if memory is not None:
            row["device_memory_mb"] = f"{memory:.0f}"
        self._append(row)

    def _append(self, row):
        lines = [] if self.columns else [list(row)]
        self.columns = self.columns or list(row)
        lines.append([row.get(name, "") for name in self.columns])
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            end = file.tell()
            try:
                csv.writer(file, lineterminator="\n").writerows(lines)
                file.flush()
            except OSError as error:
                os.truncate(self.path, end)
                raise durable.cannot_write(self.path, error) from error


class Summaries(keras.callbacks.Callback):
    """TensorBoard: scalars with every line of the log; now and then the model's `preview`, heard and seen.

    Args:
        folder: gets the event files.
        real: examples [n, length, channels]: what a model that answers sounds is given.
        minutes: between two previews.
    """

    def __init__(self, folder, real, minutes=2.0):
        super().__init__()
        self.real = real
        self.folder, self.minutes, self.due = str(folder), minutes, 0.0

    def on_train_begin(self, logs=None):
        self.writer = EventWriter(self.folder)

    def on_epoch_end(self, epoch, logs=None):
        step = backend.whole(self.model.optimizer.iterations)
        for name, value in logs.items():
            self.writer.scalar(name, float(value), step)
        if time.monotonic() >= self.due:
            self._sounds(step)
            self.due = time.monotonic() + 60 * self.minutes
        self.writer.flush()

    def on_train_end(self, logs=None):
        self._sounds(backend.whole(self.model.optimizer.iterations))
        self.writer.close()

    def _sounds(self, step):
        audio, rate = self.model.preview(self.real), self.model.sample_rate
        if np.isfinite(audio).all():
            self.writer.sounds("generated/audio", audio, rate, step)
            images = [pictures.spectrogram_rgb(sound, rate) for sound in audio]
            self.writer.pictures("generated/spectrogram", images, step)


class Progress(keras.callbacks.Callback):
    """One bar over all steps, with the time left and what the model shows; a line a minute where no bar can be."""

    def __init__(self, steps, start):
        super().__init__()
        self.steps, self.step, self.bar = steps, start, None

    def on_train_begin(self, logs=None):
        from rich import console, progress

        where = console.Console()
        self.said = time.monotonic()
        if not (where.is_terminal or where.is_jupyter):
            return
        columns = [progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeElapsedColumn()]
        columns += [progress.TimeRemainingColumn(), progress.TextColumn("{task.fields[losses]}")]
        self.bar = progress.Progress(progress.TextColumn("training"), *columns, console=where)
        self.task = self.bar.add_task("training", total=self.steps, completed=self.step, losses="compiling")
        self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.bar is not None:
            if batch % 10 == 0:
                self.bar.update(self.task, losses=self._losses(logs))
            self.bar.advance(self.task)
        elif time.monotonic() - self.said >= _LINE_SECONDS:
            self.said = time.monotonic()
            print(f"step {self.step:,} of {self.steps:,}  {self._losses(logs)}", flush=True)

    def _losses(self, logs):
        return "  ".join(f"{k} {float(logs[k]):.3g}" for k in self.model.shown if k in logs)

    def close(self):
        """Gives the terminal back, however training ended."""
        if self.bar:
            self.bar.stop()
