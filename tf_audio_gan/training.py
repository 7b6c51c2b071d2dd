"""A recipe and a folder of sounds become a trained preset: checkpoints, exact resume, pictures, a clean end."""

import contextlib
import json
import os
import signal
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf

import tf_audio_gan
from tf_audio_gan import backend, durable, generation
from tf_audio_gan.callbacks import Checkpoints, Log, Progress, Stop, Summaries
from tf_audio_gan.data.sounds import Sounds
from tf_audio_gan.data.tf_sounds import dataset
from tf_audio_gan.health import Diversity, Health
from tf_audio_gan.recipes import load_recipe

_FAR = 2**62  # epochs are endless; a callback ends training


@dataclass
class Training:
    """How a call of `train` ended.

    Attributes:
        model: the trained model (of the last healthy checkpoint when training diverged).
        step: generator steps it has taken in all.
        ended: "finished" (all steps taken), "time is up", "interrupted" or "diverged: ...".
        preset: the preset's folder.
        contact_sheet: the picture of generated sounds.
        skipped: [(file, reason)] of sounds that could not be used.
    """

    model: object
    step: int
    ended: str
    preset: Path
    contact_sheet: Path
    skipped: list


def train(recipe, sounds, run_dir, *, steps=None, max_minutes=None, seed=None, precision=None, progress=True):
    """Trains a model on a folder of sounds, or goes on where an earlier call on the same run_dir stopped.

    A resumed run repeats an unbroken one bit for bit on the same device: every random draw and every example depends
    on (seed, step) alone. Ctrl-C and SIGTERM finish the step, save and return. NaN or divergence ends training with
    the last healthy checkpoint kept.

    Args:
        recipe: see `recipes.load_recipe`.
        sounds: folder of audio, or of shards made by `prepare_sounds`.
        run_dir: gets recipe.toml, log.csv, logs/ (TensorBoard), checkpoints/, preset/, sounds/, contact_sheet.png.
        steps: generator steps in all, instead of the recipe's.
        max_minutes: stop after so much time in this call.
        seed: of weights, draws and data, instead of the recipe's.
        precision: "float32" or "bfloat16", instead of the recipe's; the preset is float32 with either.
        progress: show a progress bar.

    Returns:
        `Training`.

    Raises:
        ValueError: the recipe has unknown keys, run_dir belongs to another recipe, or no sound can be used.
    """
    backend.require_tensorflow("training runs")
    recipe = load_recipe(recipe)
    if seed is not None:
        recipe.model["seed"] = recipe.data["seed"] = seed
    options = {"steps": steps, "precision": precision}
    recipe.train = replace(recipe.train, **{k: v for k, v in options.items() if v is not None})
    run_dir = Path(run_dir)
    _check_run(run_dir, recipe)
    model = recipe.build_model()
    data = Sounds(
        sounds,
        sample_rate=model.sample_rate,
        length=model.length,
        channels=model.channels,
        progress=progress,
        **recipe.data,
    )
    _open_run(run_dir, recipe, data)
    model.compile()
    health = Health()
    checkpoints = Checkpoints(run_dir / "checkpoints", recipe.train.checkpoint_minutes, health)
    start = checkpoints.restore(model)
    if recipe.train.learning_rate:
        model.optimizer.learning_rate = model.d_optimizer.learning_rate = recipe.train.learning_rate
    stop = Stop(recipe.train.steps, max_minutes)
    if start < recipe.train.steps:
        watched = [health, Diversity(data.batch(0, 16)[0])]
        reports = _reports(run_dir, recipe, progress, start)
        _fit(model, data, recipe.train, start, [*watched, *reports, checkpoints, stop])
    if health.problem:
        checkpoints.restore(model)
    return _finish(model, data, recipe, run_dir, health.problem or stop.reason or "finished")


def _reports(run_dir, recipe, progress, start):
    reports = [Log(run_dir / "log.csv", start), Summaries(run_dir / "logs")]
    return [*reports, Progress(recipe.train.steps, start)] if progress else reports


def _check_run(run_dir, recipe):
    """Refuses a folder that holds something else, or a run with another model or other data options."""
    known = run_dir / "recipe.toml"
    if not known.is_file():
        if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
            raise ValueError(f"{run_dir} exists and holds no training run. Choose another --run-dir.")
        return
    old, new = load_recipe(str(known)).tables(), recipe.tables()
    for table in ("model", "data"):
        for key in sorted(old[table].keys() | new[table].keys()):
            before, now = old[table].get(key), new[table].get(key)
            if before != now:
                raise ValueError(
                    f"{run_dir} was started with [{table}] {key} = {before!r}, now it is {now!r}. "
                    "Use the same recipe to go on, or another --run-dir to start anew."
                )


def _open_run(run_dir, recipe, data):
    with durable.writing(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
    recipe.write(run_dir / "recipe.toml")
    facts = run_dir / "data.json"
    if facts.is_file() and json.loads(facts.read_text())["fingerprint"] != data.fingerprint:
        print(f"warning: the sounds have changed since {run_dir} was started; the run goes on with the new ones")
    content = {"fingerprint": data.fingerprint, "clips": len(data), "seconds": round(data.seconds, 3)}
    durable.write_text(facts, json.dumps(content) + "\n")


def _fit(model, data, options, start, callbacks):
    batches = dataset(data, options.batch_size * model.critic_steps, start_step=start)
    stop = next(c for c in callbacks if isinstance(c, Stop))
    with _signals(stop):
        model.fit(
            batches, epochs=_FAR, steps_per_epoch=options.log_steps, callbacks=callbacks, verbose=0, shuffle=False
        )


@contextlib.contextmanager
def _signals(stop):
    """Ctrl-C and SIGTERM ask for a clean stop; a second one has its usual effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number, frame):
        stop.ask("interrupted")
        signal.signal(number, previous[number])
        print("\nstopping after this step; once more to stop at once", flush=True)

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _finish(model, data, recipe, run_dir, ended):
    step = int(model.optimizer.iterations)
    preset = run_dir / "preset"
    model.save_to_preset(preset, metadata=_metadata(recipe, data, step))
    recipe.write(preset / "recipe.toml")
    made = generation.generate(model.in_float32(), run_dir / "sounds", n=16, seed=0)
    sheet = run_dir / "contact_sheet.png"
    os.replace(made.picture, sheet)
    if data.skipped:
        lines = "".join(f"{path}: {reason}\n" for path, reason in data.skipped)
        durable.write_text(run_dir / "skipped.txt", lines)
    return Training(model, step, ended, preset, sheet, data.skipped)


def _metadata(recipe, data, step):
    return {
        "steps": step,
        "recipe": recipe.tables(),
        "data": {"clips": len(data), "seconds": round(data.seconds, 3), "fingerprint": data.fingerprint},
        "tensorflow_version": tf.__version__,
        "command": f"tf-audio-gan train RECIPE SOUNDS, tf_audio_gan {tf_audio_gan.__version__}",
    }
