"""What happens beside the steps of a training run: checkpoints, health, log, pictures, progress, the end."""

import csv
import math
import os
import re
import time
from pathlib import Path

import keras
import numpy as np

from tf_audio_gan import backend, pictures
from tf_audio_gan.events import EventWriter

_KEPT = 2
_DIVERGED = 1e6
_CHECK_EVERY = 25
_HEARD = 8


class Health(keras.callbacks.Callback):
    """Stops training when a loss is not a number or leaves all bounds; `problem` then says which."""

    problem = None

    def on_train_batch_end(self, batch, logs=None):
        if batch % _CHECK_EVERY == _CHECK_EVERY - 1:
            self._check(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._check(logs)

    def _check(self, logs):
        for name, value in (logs or {}).items():
            value = float(value)
            if self.problem is None and (not math.isfinite(value) or abs(value) > _DIVERGED):
                step = backend.whole(self.model.optimizer.iterations)
                self.problem = f"diverged: {name} is {value:g} at step {step}"
                self.model.stop_training = True


class Checkpoints(keras.callbacks.Callback):
    """Saves networks, averages and both optimizers, whole or not at all; keeps the newest two.

    Args:
        folder: of the checkpoints.
        minutes: between two of them; 0: at every line of the log. The end of training always saves.
    """

    def __init__(self, folder, minutes):
        super().__init__()
        self.folder, self.minutes = Path(folder), minutes
        self.saved = None

    def restore(self, model):
        """Loads the newest readable checkpoint into a compiled model; returns its step, 0 without any."""
        for path in sorted(self.folder.glob("step_*.weights.h5"), reverse=True):
            try:
                model.load_weights(path)
            except Exception as error:
                print(f"warning: {path} cannot be read ({type(error).__name__}); trying the checkpoint before it")
                continue
            self.saved = int(re.search(r"step_(\d+)", path.name)[1])
            return self.saved
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
            self._save(logs)
            self.due = time.monotonic() + 60 * self.minutes

    def on_train_end(self, logs=None):
        self._save(logs)

    def _save(self, logs=None):
        step = backend.whole(self.model.optimizer.iterations)
        healthy = all(math.isfinite(float(v)) and abs(float(v)) <= _DIVERGED for v in (logs or {}).values())
        if not healthy or step == self.saved:
            return
        new = self.folder / "tmp.weights.h5"
        try:
            self.model.save_weights(new)
            os.replace(new, self.folder / f"step_{step:09d}.weights.h5")
        finally:
            new.unlink(missing_ok=True)
        self.saved = step
        for old in sorted(self.folder.glob("step_*.weights.h5"))[:-_KEPT]:
            old.unlink()


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

    Args:
        path: of the file.
        examples: real examples in a step; the time of other callbacks between epochs does not count.
    """

    def __init__(self, path, examples):
        super().__init__()
        self.path, self.examples = Path(path), examples

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
        self._write(row)

    def _write(self, row):
        columns = list(row)
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                columns = next(csv.reader(file), [])
        new = not self.path.exists() or not columns
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns or list(row), extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow(row)


class Summaries(keras.callbacks.Callback):
    """TensorBoard: scalars with every line of the log; now and then the sounds of eight fixed seeds, heard and seen."""

    def __init__(self, folder, minutes=2.0):
        super().__init__()
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
        audio, rate = self.model.generate(_HEARD, seed=0), self.model.sample_rate
        if np.isfinite(audio).all():
            self.writer.sounds("generated/audio", audio, rate, step)
            images = [pictures.spectrogram_rgb(sound, rate) for sound in audio]
            self.writer.pictures("generated/spectrogram", images, step)


class Progress(keras.callbacks.Callback):
    """One bar over all steps, with the time left and the losses."""

    def __init__(self, steps, start):
        super().__init__()
        self.steps, self.start = steps, start

    def on_train_begin(self, logs=None):
        from rich import progress

        columns = [progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeElapsedColumn()]
        columns += [progress.TimeRemainingColumn(), progress.TextColumn("{task.fields[losses]}")]
        self.bar = progress.Progress(progress.TextColumn("training"), *columns)
        self.task = self.bar.add_task("training", total=self.steps, completed=self.start, losses="compiling")
        self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        if batch % 10 == 0:
            shown = {k: float(v) for k, v in logs.items() if k in ("d/adversarial", "g/adversarial")}
            self.bar.update(self.task, losses="  ".join(f"{k} {v:.3g}" for k, v in shown.items()))
        self.bar.advance(self.task)

    def on_train_end(self, logs=None):
        self.bar.stop()
