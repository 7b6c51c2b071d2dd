"""A recipe and a folder of sounds become a trained preset: checkpoints, exact resume, pictures, a clean end."""

import contextlib
import functools
import os
import signal
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from tf_audio_gan import (
    backend,
    distribution,
    durable,
    fine_tuning,
    generation,
    hub,
    models,
    optimizers,
    preset_folder,
    run_folder,
)
from tf_audio_gan.callbacks import Checkpoints, Keep, Log, Progress, Rates, Stop, Summaries
from tf_audio_gan.data.readers import folders, open_sounds
from tf_audio_gan.data.scan import bar
from tf_audio_gan.health import Diversity, Health
from tf_audio_gan.models.gan import from_preset
from tf_audio_gan.models.vocoder import front_end_of
from tf_audio_gan.recipes import has_weights, load_recipe

_FAR = 2**62  # epochs are endless; a callback ends training


@dataclass
class Training:
    """How a call of `train` ended.

    Attributes:
        model: the trained model (of the last healthy checkpoint when training diverged).
        step: generator steps it has taken in all.
        ended: "finished" (all steps taken), "finished before" (nothing was left to do), "time is up", "interrupted" or
            "diverged: ...".
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


def train(
    recipe, sounds, run_dir, *, start=None, noise=None, noisy=None, labels=None, steps=None, max_minutes=None,
    seed=None, precision=None, decoder=None, devices=None, augment=None, progress=True,
):  # fmt: skip
    """Trains a model on a folder of sounds, or goes on where an earlier call on the same run_dir stopped.

    Every random draw and every example depends on (seed, step) alone, so a resumed run repeats an unbroken one: bit for
    bit on a CPU; on a GPU up to the order in which its kernels add. Ctrl-C and SIGTERM finish the step, save and
    return. NaN or divergence ends training with the last healthy checkpoint kept.

    Args:
        recipe: see `recipes.load_recipe`.
        sounds: folder of audio, or of shards made by `prepare_sounds`; run_dir must not lie in it. For a model of
            enhancement: clean speech, and one of the next two.
        start: handle of a preset of the same model, whose weights the run begins with instead of random ones
            (fine-tuning); if the recipe is a preset's folder or address, that preset unless another is named.
        noise: folder of noise to mix into it, audio or shards (`MixedSpeech`).
        noisy: folder of the same speech in noise, audio or shards (`NoisyPairs`).
        labels: "folder", "prefix" or a CSV table (`Sounds`), instead of the recipe's: a WaveGAN, SpecGAN or ControlGAN
            learns the classes; their names are those of the data, and become the model's.
        run_dir: gets run.json, recipe.toml, log.csv, logs/ (TensorBoard), checkpoints/, preset/, generated/,
            contact_sheet.png.
        steps: generator steps in all, instead of the recipe's.
        max_minutes: stop after so much time in this call.
        seed: of weights, draws and data, instead of the recipe's.
        precision: "float32", "tf32" or "bfloat16", instead of the recipe's (`recipes.TrainOptions`); the preset is
            float32 with any of them.
        decoder: "soundfile", "tensorflow" or "tensorflow-io", instead of the recipe's.
        devices: a number, "all" or names ("GPU:0,GPU:1"), see `distribution.Replicas`; the batch is divided among them.
            Where TF_CONFIG names several machines, call this on all of them alike, with run_dir on a shared disk.
        augment: True: change every example a little (`data.augment.FINE_TUNING`, but for what the recipe says); False:
            change none; None: as the recipe says, and if it says nothing, a run that begins with a preset's weights
            changes examples if there are fewer than `data.augment.FEW`. A run goes on as it began.
        progress: say what is trained on, and show a progress bar.

    Returns:
        `Training`.

    Raises:
        ValueError: the recipe has unknown keys, a model of enhancement gets no noise or another gets some, run_dir
            belongs to another recipe or process, no sound can be used, a device is not there, or the batch does not
            divide.
        RuntimeError: another machine was lost.
    """
    backend.require_training()
    start = recipe if start is None and has_weights(recipe) else start
    recipe, run_dir = load_recipe(recipe), Path(run_dir)
    if seed is not None:
        recipe.model["seed"] = recipe.data["seed"] = seed
    for name, value in {"decoder": decoder, "labels": labels}.items():
        if value is not None:
            recipe.data[name] = str(value)
    options = {"steps": steps, "precision": precision}
    recipe.train = replace(recipe.train, **{k: v for k, v in options.items() if v is not None})
    sources = folders(models.model_class(recipe.model["name"]).task, sounds, noise, noisy)
    fine_tuning.settle_growth(recipe, run_dir, start)
    few = fine_tuning.prepare(recipe, run_dir, start, augment)
    replicas = distribution.Replicas(devices)
    distribution.check_batch_size(recipe.train.batch_size, replicas.count)
    tf32 = recipe.train.precision == "tf32"
    with replicas.peers(), backend.float32_arithmetic(tf32):
        return _train(recipe, sources, run_dir, start, max_minutes, progress and replicas.chief, replicas, few)


def _train(recipe, sources, run_dir, start, max_minutes, progress, replicas, few):
    opened = _labelled(recipe, sources, progress)
    if recipe.train.normalize_mels:
        _normalize_mels(recipe, sources, run_dir, start, progress)
    if replicas.chief:
        run_folder.check(run_dir, recipe, sources.values())
    with replicas.scope():
        model = recipe.build_model()
        model.compile(*model.optimizers(recipe.train.learning_rate))
    rates = Rates(_learning_rates(model, recipe.train), recipe.train.learning_rate_halvings)
    shape = {name: getattr(model, name) for name in ("sample_rate", "length", "channels")}
    data, unused = opened or open_sounds(sources, recipe.data, **shape, progress=progress)
    data, said = few(data)
    if progress:
        note = f"not used here: [data] {', '.join(unused)}\n" if unused else ""
        print(f"{data.summary()}\n{said}{note}{_where(recipe.train.precision)}", flush=True)
    if not replicas.chief:
        return _run(model, data, recipe, run_dir, start, rates, max_minutes, progress, replicas)
    run_folder.start(run_dir, recipe, data)
    with run_folder.lock(run_dir):
        return _run(model, data, recipe, run_dir, start, rates, max_minutes, progress, replicas)


def _labelled(recipe, sources, progress):
    """What `open_sounds` gives, if the model is to learn classes; the recipe gets their names. None without labels."""
    kind, names = models.model_class(recipe.model["name"]), recipe.model.get("labels")
    if not kind.takes_labels or not (names or recipe.data.get("labels")):
        return None
    if not recipe.data.get("labels"):
        raise ValueError(
            'a model with labels needs labelled sounds: [data] labels = "folder", "prefix" or a CSV table '
            f"(--labels). Received: [model] labels = {list(names)} alone"
        )
    data, unused = open_sounds(sources, recipe.data, **recipe.shape(), progress=progress)
    recipe.model["labels"] = list(names or data.label_names)
    return data.with_labels(recipe.model["labels"]), unused


def _normalize_mels(recipe, sources, run_dir, start, progress):
    """Puts the mean and scale of the training sounds' mel bands into the recipe; a run's or a preset's are kept."""
    kind = models.model_class(recipe.model["name"])
    if kind.task != "vocoding":
        raise ValueError(f"[train] normalize_mels is for vocoders. Received: [model] name = {recipe.model['name']!r}")
    front_end = front_end_of(recipe.default("front_end"))
    if front_end.mean is not None:
        return
    before = (run_folder.options(run_dir, "model") or {}).get("front_end")
    if before is None and start is not None:
        before = preset_folder.read_config(hub.resolve(start) / preset_folder.CONFIG)["config"].get("front_end")
    if isinstance(before, dict) and not set(front_end.differences(before)) - {"mean", "scale"}:
        recipe.model["front_end"] = before
        return
    shape = {"sample_rate": front_end.sample_rate, "length": front_end.sample_rate, "channels": 1}
    data, _ = open_sounds(sources, recipe.data, **shape, progress=progress)
    numbers = bar(range(len(data)), len(data), "Measuring mel bands", progress)
    read = ((data.read(n, 0, data.clips[n].length), data.gain(n)) for n in numbers)
    measured = front_end.normalised(sound * gain for sound, gain in read if sound is not None)
    recipe.model["front_end"] = measured.get_config()


def _where(precision):
    faster = precision == "float32" and backend.device_memory_mb() is not None
    hint = " (tf32 or bfloat16 may be faster, see docs/training.md)" if faster else ""
    return f"training on {backend.device_name()} in {precision}{hint}"


def _begin_with(model, handle, progress):
    """Gives a new run the weights of a preset: all networks that it holds, and what it measured of its data."""
    preset, folder = from_preset(handle), hub.resolve(handle)
    pairs = {name: (getattr(model, name), getattr(preset, name, None)) for name in ("generator", *model.saved_networks)}
    for name, (network, given) in pairs.items():
        shapes = [[tuple(v.shape) for v in x.variables] if x is not None else None for x in (network, given)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{folder} cannot start this run: its {name} has other weights than this {type(model).__name__}. "
                f"Train with the preset's own recipe: tf-audio-gan train {folder} SOUNDS --run-dir ..."
            )
    for network, given in pairs.values():
        network.set_weights(given.get_weights())
    model.ema_generator.set_weights(preset.ema_generator.get_weights())
    if progress:
        new = [n for n in model.saved_networks if not (folder / f"{n}.weights.h5").is_file()]
        note = f"; it holds no {' and no '.join(new)}, which begins anew" if new else ""
        print(f"beginning with the weights of {handle}{note}", flush=True)


def _run(model, data, recipe, run_dir, begin_with, rates, max_minutes, progress, replicas):
    health = Health(alone=replicas.workers == 1)
    checkpoints = Checkpoints(run_dir / "checkpoints", recipe.train.checkpoint_minutes, health)
    start = checkpoints.restore(model)
    replicas.check_same(start, data.fingerprint)
    if checkpoints.saved is None and begin_with is not None:
        _begin_with(model, begin_with, progress)
    elif checkpoints.saved is None:
        model.adapt(data, progress)
    stop = Stop(recipe.train.steps, max_minutes, replicas.agree)
    if start < recipe.train.steps:
        writers = _writers(model, data, recipe, run_dir, checkpoints, start) if replicas.chief else []
        bar = [Progress(recipe.train.steps, start)] if progress else []
        _fit(model, data, recipe.train, start, [rates, health, stop, *writers, *bar], replicas)
    if health.problem:
        checkpoints.restore(model)
    ended = "finished" if start < recipe.train.steps else "finished before"
    result = _finish(model, data, recipe, run_dir, health.problem or stop.reason or ended, replicas.chief)
    replicas.exchange()
    return result


def _learning_rates(model, options):
    """[(optimizer, rate)] of those with a constant one: what the recipe says, not what a checkpoint remembers."""
    found = [(o, optimizers.constant_rate(o)) for o in (model.optimizer, model.d_optimizer)]
    constant = [(optimizer, rate) for optimizer, rate in found if rate is not None]
    if options.learning_rate_halvings and len(constant) < len(found):
        raise ValueError(
            f"[train] learning_rate_halvings needs a learning_rate: {type(model).__name__}'s published rates have a "
            "schedule of their own."
        )
    return constant


def _writers(model, data, recipe, run_dir, checkpoints, start):
    """The callbacks that write. What the log shows is found before it, and the log is written before the checkpoint."""
    options = recipe.train
    save = functools.partial(_save, model, data, recipe)
    keep = [Keep(run_dir / "kept", options.keep_steps, save, checkpoints.health)] if options.keep_steps else []
    log = Log(run_dir / "log.csv", options.batch_size * model.critic_steps, start)
    real = data.batch(0, 16)[0]
    diversity = [Diversity(real)] if model.task == "generation" else []
    return [*diversity, log, Summaries(run_dir / "logs", real[:8]), *keep, checkpoints]


def _fit(model, data, options, start, callbacks, replicas):
    where = {"start_step": start, "device_share": options.device_share}
    where["labels"] = bool(model.labels)
    batches = replicas.batches(data, options.batch_size, model.critic_steps, **where)
    stop = next(c for c in callbacks if isinstance(c, Stop))
    with _signals(stop), contextlib.ExitStack() as stack:
        for bar in (c for c in callbacks if isinstance(c, Progress)):
            stack.callback(bar.close)
            if note := getattr(batches, "note", ""):
                print(note, flush=True)
        if replicas.workers == 1:
            callbacks = LogsAsTensors(callbacks, add_history=True, model=model)
        model.fit(
            batches, epochs=_FAR, steps_per_epoch=options.log_steps, callbacks=callbacks, verbose=0, shuffle=False
        )


class LogsAsTensors(keras.callbacks.CallbackList):
    """Callbacks that get the logs of a step as scalar tensors, and wait for the device only where they read one.

    Keras' own list reads every number after every step. The logs of an epoch are floats here too.
    """

    def on_train_batch_end(self, batch, logs=None):
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)


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


def _finish(model, data, recipe, run_dir, ended, chief):
    step = backend.whole(model.optimizer.iterations)
    preset, sheet = run_dir / "preset", run_dir / "contact_sheet.png"
    if chief:
        _publish(model, data, recipe, run_dir, preset, sheet, step)
    return Training(model, step, ended, preset, sheet, data.skipped)


def _save(model, data, recipe, preset, step):
    model.save_to_preset(preset, metadata=_metadata(recipe, data, step))
    recipe.write(preset / "recipe.toml")


def _publish(model, data, recipe, run_dir, preset, sheet, step):
    _save(model, data, recipe, preset, step)
    made = _examples(model.in_float32(), data, run_dir / "generated")
    os.replace(made, sheet)
    if data.skipped:
        lines = "".join(f"{path}: {reason}\n" for path, reason in data.skipped)
        durable.write_text(run_dir / "skipped.txt", lines)


def _examples(model, data, out):
    """Sounds of the trained model in a folder; returns their picture."""
    if model.task == "generation":
        return generation.generate(model, out, n=16, seed=0).picture
    return generation.write_previews(model, data.batch(0, 8)[0], out)


def _metadata(recipe, data, step):
    library, version = backend.version()
    return {
        "steps": step,
        "recipe": recipe.tables(),
        "data": data.facts,
        f"{library}_version": version,
    }
