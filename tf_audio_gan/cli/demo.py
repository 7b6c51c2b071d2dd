"""The demo: synthetic drum hits in, a trained WaveGAN, a WAV over HTTP and a listening page out."""

import numpy as np

import tf_audio_gan
from tf_audio_gan.audio.io import read_audio, write_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.listening import listening_page
from tf_audio_gan.zoo_evaluation import evaluated_presets

RECIPE = {
    "model": {"name": "wavegan", "length": 8192, "strides": [4, 4, 4, 4, 4], "dim": 8, "critic_steps": 3, "ema": 0.99},
    "data": {"crop": "start", "normalize": "peak"},
    "train": {"batch_size": 16, "learning_rate": 5e-4, "log_steps": 20, "checkpoint_minutes": 1.0},
}
HITS, HEARD = 200, 8


def run_demo(out, minutes):
    """Runs the whole path once and says where everything is; run again, it trains on from there.

    Args:
        out: folder for everything that is made.
        minutes: of training.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; the demo needs a folder. Choose another --out.")
    sections = [_zoo(out, name) for name in evaluated_presets() if tf_audio_gan.from_preset(name).task == "generation"]
    print(f"1. {HITS} synthetic drum hits in {out / 'sounds'}")
    if not (out / "sounds").is_dir():
        write_drum_hits(out / "sounds", HITS)
    print(f"2. training a small WaveGAN on them for {minutes:g} minutes ({out / 'run'})")
    result = tf_audio_gan.train(RECIPE, out / "sounds", out / "run", max_minutes=minutes)
    print(f"   {result.ended} at step {result.step}")
    made = tf_audio_gan.generate(result.model, out / "generated", n=HEARD)
    print(f"3. {len(made.files)} sounds in {out / 'generated'}")
    version = tf_audio_gan.export(result.model, out / "exported" / "drums")
    print(f"4. exported for TensorFlow Serving: {version}")
    served, url = _over_http(out, [0, 1, 2, 3])
    print(f"5. fetched {len(served)} WAV files over HTTP from {url}, e.g. {served[0]}")
    sections += [
        ("Drum hits the demo trained on", "Synthetic, made by this package.", _clips(_some_hits(out))),
        (f"Generated after {result.step} steps", "By the WaveGAN of this demo.", _clips(made.files, made.names)),
        ("The same model over HTTP", "Seeds 0 to 3: the same sounds as above.", _clips(served)),
    ]
    page = out / "listen.html"
    listening_page(page, sections, title="tf_audio_gan demo", intro="What went in and what came out.")
    print(f"6. listen: {page.resolve()}")


def _zoo(out, name):
    """A section with sounds of a trained preset."""
    made = tf_audio_gan.generate(name, out / "zoo" / name, n=HEARD)
    print(f"0. {len(made.files)} sounds of the trained preset {name} in {out / 'zoo' / name}")
    return f"Preset {name}", "Trained on real recordings; see its card in zoo/.", _clips(made.files, made.names)


def _over_http(out, seeds):
    from tf_audio_gan.serving.client import Client
    from tf_audio_gan.serving.server import Server

    folder = out / "served"
    folder.mkdir(exist_ok=True)
    with Server({"drums": out / "exported" / "drums"}, port=0) as server:
        sounds, rate = Client(server.url).generate(seed=seeds)
        url = server.url
    files = [folder / f"seed_{seed}.wav" for seed in seeds]
    for path, sound in zip(files, sounds, strict=True):
        write_audio(path, sound, rate)
    return files, url


def _some_hits(out):
    files = sorted(p for p in (out / "sounds").rglob("*") if p.is_file())
    return [files[i] for i in np.linspace(0, len(files) - 1, HEARD).astype(int)]


def _clips(files, names=None):
    names = names or [path.stem.replace("_", " ") for path in files]
    return [(name, *read_audio(path)) for name, path in zip(names, files, strict=True)]
