"""PyTorch without TensorFlow: training and the command line; its presets under TensorFlow."""

import json

import numpy as np
import pytest

from tests.backends import run_torch
from tf_audio_gan.audio.synthetic import write_drum_hits

RECIPE = """
[model]
name = "wavegan"
length = 256
strides = [4, 4]
dim = 2
critic_steps = 2
[train]
batch_size = 4
log_steps = 2
"""
NO_TENSORFLOW = """
import sys
import numpy as np
import tf_audio_gan
from tf_audio_gan.cli import main

base = sys.argv[1]
model = tf_audio_gan.WaveGAN(length=256, strides=[4, 4], dim=2, critic_steps=2)
model.compile()
model.fit(np.zeros((16, 256, 1), "float32"), batch_size=8, verbose=0)
sounds = tf_audio_gan.Sounds(base + "/sounds", length=256, progress=False)
model.fit(tf_audio_gan.Batches(sounds, 8), steps_per_epoch=2, verbose=0, shuffle=False)
model.save(base + "/model.keras")
assert int(tf_audio_gan.load_model(base + "/model.keras").optimizer.iterations) == 4


def run(*words):
    sys.argv = ["tf-audio-gan", *(word.format(b=base) for word in words)]
    try:
        main()
    except SystemExit as end:
        return end.code
    return 0


assert not run("prepare", "{b}/sounds", "{b}/shards", "--workers", "1")
for steps in ("3", "5"):
    assert not run("train", "{b}/recipe.toml", "{b}/shards", "--run-dir", "{b}/run", "--steps", steps)
assert not run("generate", "{b}/run/preset", "--out", "{b}/made", "--n", "4")
np.save(base + "/sounds.npy", tf_audio_gan.from_preset(base + "/run/preset").generate(4))
loaded = {"tensorflow", "librosa", "numba"} & set(sys.modules)
for words in (("export", "{b}/run/preset", "{b}/e"), ("serve", "{b}/e"), ("demo", "--out", "{b}/d")):
    assert run(*words) == 1
try:
    tf_audio_gan.dataset(sounds, 4)
except RuntimeError as error:
    print(error, file=sys.stderr)
loaded |= {"tensorflow"} & set(sys.modules)
print("LOADED", sorted(loaded))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with everything a PyTorch process made, and what it printed."""
    base = tmp_path_factory.mktemp("torch")
    write_drum_hits(base / "sounds", 8, seed=2)
    (base / "recipe.toml").write_text(RECIPE)
    return base, run_torch("-c", NO_TENSORFLOW, base)


def test_training_imports_no_tensorflow(trained):
    base, done = trained
    assert "LOADED []" in done.stdout and "finished at step 5" in done.stdout
    assert len(list((base / "made").glob("*.wav"))) == 4
    assert [line.split(",")[0] for line in (base / "run" / "log.csv").read_text().split()] == ["step", "2", "3", "5"]
    assert "torch_version" in json.loads((base / "run" / "preset" / "metadata.json").read_text())


def test_what_needs_tensorflow_says_so_in_one_line(trained):
    _, done = trained
    said = [line for line in done.stderr.splitlines() if "need the TensorFlow backend" in line]
    assert [line.removeprefix("error: ").split(" need")[0] for line in said] == [
        "SavedModel exports", "servers of exported models", "the demo's export and server", "tf.data pipelines",
    ]  # fmt: skip
    assert all("Received: KERAS_BACKEND=torch. Set KERAS_BACKEND=tensorflow" in line for line in said)
    assert "Traceback" not in done.stderr


def test_a_preset_of_pytorch_opens_and_exports_under_tensorflow(trained, tmp_path):
    import tensorflow as tf

    from tf_audio_gan import export, from_preset

    base, _ = trained
    wanted = np.load(base / "sounds.npy")
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(from_preset(base / "run" / "preset").generate(4), wanted, atol=1e-5)
    version = export(str(base / "run" / "preset"), tmp_path / "hits")
    served = tf.saved_model.load(str(version)).signatures["from_seed"](seed=tf.range(4, dtype=tf.int64))["audio"]
    np.testing.assert_allclose(served, wanted, atol=1e-5)


def test_a_run_of_pytorch_goes_on_under_tensorflow(trained):
    """Checkpoints are the same files: weights, averages and both optimizers."""
    from tf_audio_gan import train

    base, _ = trained
    result = train(str(base / "recipe.toml"), base / "shards", base / "run", steps=7, progress=False)
    assert result.step == 7 and result.ended == "finished"
