"""What a note costs, generator and inversion apart: python benchmarks/gansynth.py [PRESET or recipe ...] [--batch 1 8].

Of each model (unless named: `gansynth`, the paper's size, and `gansynth_notes_cpu`; untrained, whose speed is that of
trained ones), in a process of its own: seconds of processor time a note in the generator, which makes the picture, and
in the inversion (mel and STFT), as medians in turns; notes a second and how many times real time both together are; and
the most memory the process held. On whatever backend and device there is. Processor time is of all cores together;
`--wall` counts the clock's.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def model_of(name):
    """An untrained model of a recipe, grown up; or a preset."""
    import tf_audio_gan
    from tf_audio_gan.models.gansynth.presets import RECIPES

    if name not in RECIPES:
        return tf_audio_gan.from_preset(name)
    low, high = RECIPES[name]["data"]["pitches"]
    labels = [str(pitch) for pitch in range(low, high + 1)]
    recipe = tf_audio_gan.load_recipe(name)
    recipe.model["labels"] = labels
    model = recipe.build_model()
    model.ema_generator.facts.assign(progress=model.schedule.blocks - 1)
    return model


def measure(name, batch, repeats, wall):
    """Prints one line."""
    import numpy as np
    from keras import ops

    from tf_audio_gan import backend

    model, clock = model_of(name), time.perf_counter if wall else time.process_time
    latents = ops.convert_to_numpy(model.latents(np.arange(batch)))
    labels = np.eye(len(model.labels), dtype="float32")[np.arange(batch) % len(model.labels)]
    blocks, share = model.stage()
    draw = backend.no_gradients()(lambda z, y: model.ema_generator(z, y, blocks=blocks, share=share))
    hear = backend.no_gradients()(lambda made: model.heard(model.ema_generator.facts.denormalise(made)))
    made = draw(latents, labels)
    hear(made)
    times = {"generator": [], "inversion": []}
    for _ in range(repeats):
        for part, call in (("generator", lambda: draw(latents, labels)), ("inversion", lambda: hear(made))):
            start = clock()
            ops.convert_to_numpy(call())
            times[part].append((clock() - start) / batch)
    each = {part: statistics.median(found) for part, found in times.items()}
    total, seconds = sum(each.values()), model.length / model.sample_rate
    scale = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    print(
        f"{name:24s} batch {batch:2d}  {model.ema_generator.count_params():>9,} weights  "
        f"generator {each['generator']:.4f} s  inversion {each['inversion']:.4f} s a note  {1 / total:6.1f} notes/s  "
        f"{seconds / total:6.1f} x real time  peak {peak:5.0f} MiB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["gansynth", "gansynth_notes_cpu"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return measure(options.models[0], options.batch[0], options.repeats, options.wall)
    from tf_audio_gan import backend

    print(
        f"{backend.device_name()}, {os.cpu_count()} cores, {'clock' if options.wall else 'processor'} time", flush=True
    )
    failed = 0
    for name in options.models:
        for batch in options.batch:
            command = [
                sys.executable,
                __file__,
                name,
                "--one",
                "--batch",
                str(batch),
                "--repeats",
                str(options.repeats),
            ]
            failed += bool(subprocess.run(command + ["--wall"] * options.wall).returncode)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
