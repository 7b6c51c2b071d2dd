"""Checkpoints in the layout of Magenta's GANSynth, written here by TensorFlow 1's own saver."""

import json

import numpy as np
import pytest

import tf_audio_gan
from tf_audio_gan.convert.checkpoint import convert_checkpoint

tf = pytest.importorskip("tensorflow")
NAME = "Generator/progressive_gan_generator/progressive_gan_block_{}/{}/{}"
EXPERIMENT = {
    "data_type": "mel", "audio_length": 500, "sample_rate": 8000, "start_height": 4, "start_width": 16,
    "num_resolutions": 3, "fmap_base": 32, "fmap_max": 8, "fmap_decay": 1.0, "kernel_size": 3, "scale_base": 2,
    "data_normalizer": "specgrams_prespecified_normalizer", "mag_normalizer_a": 0.05, "mag_normalizer_b": 0.1,
    "p_normalizer_a": 0.7, "p_normalizer_b": 0.01, "to_rgb_activation": "tanh", "simple_arch": False,
    "latent_vector_size": 6, "generator_learning_rate": 0.0008,
}  # fmt: skip
WIDTHS = [8, 8, 8, 4]  # 32 / 2^b, at most 8


def weights(rng):
    """{(block, layer, kind): array}, as Magenta draws them: kernels N(0, 1); biases are not zero, so that they show."""
    found = {}
    for b in (1, 2, 3):
        size, before = ((4, 16), 6 + 61) if b == 1 else ((3, 3), WIDTHS[b - 1])
        shapes = {"conv0": (*size, before, WIDTHS[b]), "conv1": (3, 3, WIDTHS[b], WIDTHS[b])}
        for layer, shape in (shapes | {"to_rgb": (1, 1, WIDTHS[b], 2)}).items():
            found[b, layer, "kernel"] = rng.normal(size=shape).astype("float32")
            found[b, layer, "bias"] = rng.normal(0, 0.1, shape[-1:]).astype("float32")
    return found


def write(folder, weights, experiment=EXPERIMENT, average=True, step=7, stage="stage_00004"):
    """A run of Magenta's: its last stage's checkpoint, with what else stands there, and the stage before."""
    stage = folder / stage
    (folder / "stage_00003").mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for (b, layer, kind), value in weights.items():
            name = NAME.format(b, layer, "conv2d/kernel" if kind == "kernel" else "bias")
            tf.compat.v1.get_variable(name, initializer=np.zeros_like(value))
            tf.compat.v1.get_variable(f"{name}/Adam", initializer=np.ones_like(value))
            if average:
                tf.compat.v1.get_variable(f"{name}/ExponentialMovingAverage", initializer=value)
        tf.compat.v1.get_variable("global_step", initializer=np.int64(step))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(stage / "model.ckpt"), step)
    if experiment is not None:
        (folder / "experiment.json").write_text(json.dumps(experiment))
    return folder


@pytest.fixture
def run(rng, tmp_path):
    return write(tmp_path / "run", weights(rng))


def pictures(weights, latents, labels):
    """Magenta's generator by convolutions alone, 2.1 of the paper's appendix: the last block's picture."""

    def conv(x, block, layer, gain, padding):
        kernel = weights[block, layer, "kernel"]
        scaled = kernel * gain / np.sqrt(np.prod(kernel.shape[:3]))
        return tf.nn.conv2d(x, scaled, 1, padding) + weights[block, layer, "bias"]

    def norm(x):
        return x / tf.sqrt(tf.reduce_mean(x**2, axis=-1, keepdims=True) + 1e-8)

    x = norm(np.concatenate([latents, labels], axis=1).astype("float32"))[:, None, None]
    x = tf.pad(x, ((0, 0), (3, 3), (15, 15), (0, 0)))
    for block in (1, 2, 3):
        if block > 1:
            x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        x = norm(tf.nn.leaky_relu(conv(x, block, "conv0", np.sqrt(2), "VALID" if block == 1 else "SAME"), 0.2))
        x = norm(tf.nn.leaky_relu(conv(x, block, "conv1", np.sqrt(2), "SAME"), 0.2))
    return tf.tanh(conv(x, 3, "to_rgb", 1.0, "SAME")).numpy()


def test_the_preset_makes_what_the_weights_make(run, rng, tmp_path):
    made = convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    model = tf_audio_gan.from_preset(tmp_path / "preset")
    assert made.discriminator is False and (model.latent_dim, model.length, model.sample_rate) == (6, 500, 8000)
    assert model.labels[0] == "24" and len(model.labels) == 61
    latents, labels = rng.normal(size=(3, 6)).astype("float32"), np.eye(61, dtype="float32")[[0, 36, 60]]
    expected = pictures(weights(np.random.default_rng(0)), latents, labels)
    assert expected.shape == (3, 16, 64, 2)
    difference = np.abs(np.asarray(model.ema_generator(latents, labels)) - expected)
    assert difference.mean() < 1e-6 and difference.max() < 5e-5, "pixel norm magnifies the rounding of small pixels"
    physical = (expected - np.array([0.1, 0.01])) / np.array([0.05, 0.7])
    audio = model.generate_from(latents, labels=labels)
    np.testing.assert_allclose(audio, np.asarray(model.heard(physical.astype("float32"))), atol=1e-4)
    facts = json.loads((tmp_path / "preset" / "metadata.json").read_text())["converted_from"]
    assert facts["stage"] == "stage_00004" and "experiment.json" in facts["files"]


@pytest.mark.parametrize("part", ["stage_00004", "stage_00004/model.ckpt-7.index"])
def test_a_stage_or_its_file_will_do(part, run, tmp_path):
    convert_checkpoint("magenta-gansynth", run / part, tmp_path / "preset")
    assert (tmp_path / "preset" / "generator.weights.h5").is_file()


def test_the_command_says_what_it_made(run, tmp_path, command):
    status, out, _ = command("convert", "magenta-gansynth", run, "--out", tmp_path / "preset")
    found = json.loads(command("convert", "magenta-gansynth", run, "--out", tmp_path / "p", "--json")[1])
    assert (found["preset"], found["model"]) == (str(tmp_path / "p"), "GANSynth") and found["parameters"] > 0
    assert status == 0 and "GANSynth" in out and f"generate {tmp_path / 'preset'} --out made --pitch C4" in out


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"data_type": "wave"}, "data_type = 'wave'; known: mel, linear, phase"),
        ({"data_normalizer": "batch"}, "data_normalizer = 'batch'; known: specgrams_prespecified_normalizer, none"),
        ({"latent_vector_size": 3}, "takes 67 numbers, .* latents are 3; .* 61 pitches, MIDI 24 to 84. Received: 64"),
        ({"start_width": None}, "first kernel is 4 x 16, but .* says 4 x 8"),
        ({"audio_length": [500]}, r"says audio_length = \[500\]; expected such as 64000"),
        ({"num_resolutions": 7}, "has 3 of the 7 blocks .*; give the last stage"),
        ({"start_width": 8}, "first kernel is 4 x 16, but .* says 4 x 8"),
        ({"fmap_max": 16}, r"conv0 of block 1 has a kernel of .* the settings want \(4, 16, 67, 16\)"),
        ({"simple_arch": True}, "simple_arch = True; this package's GANSynth has False only"),
        ({"scale_mode": "H"}, "scale_mode = 'H'"),
    ],
)
def test_other_settings_are_refused(changes, message, run, tmp_path):
    said = {k: v for k, v in (EXPERIMENT | changes).items() if v is not None}
    (run / "experiment.json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match=message):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


@pytest.mark.parametrize("measured, bins", [("simple", 1), ("freq", 64)])
def test_a_measured_scale_comes_from_the_assets(measured, bins, run, rng, tmp_path):
    """Its rows are slope and offset of the magnitude, then of the phase."""
    experiment = {"data_type": "linear", "data_normalizer": f"specgrams_{measured}_normalizer"}
    (run / "experiment.json").write_text(json.dumps(EXPERIMENT | experiment))
    with pytest.raises(FileNotFoundError, match=f"specgrams_{measured}_normalizer.npz is missing, in which Magenta"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    scale, file = rng.uniform(0.1, 0.9, (bins, 4)), run / "assets" / f"specgrams_{measured}_normalizer.npz"
    file.parent.mkdir()
    np.savez(file, normalizer=scale[0] if bins == 1 else scale)
    model = convert_checkpoint("magenta-gansynth", run, tmp_path / "preset").model
    picture = rng.uniform(-1, 1, (1, 16, 64, 2)).astype("float32")
    wanted = np.stack(
        [(picture[..., 0] - scale[:, 1]) / scale[:, 0], (picture[..., 1] - scale[:, 3]) / scale[:, 2]], -1
    )
    np.testing.assert_allclose(np.asarray(model.ema_generator.facts.denormalise(picture)), wanted, rtol=1e-4, atol=1e-5)
    facts = json.loads((tmp_path / "preset" / "metadata.json").read_text())["converted_from"]
    assert file.name in facts["files"]
    np.savez(file, normalizer=scale[:, :3])
    with pytest.raises(ValueError, match=r"must hold finite numbers \[.*4\], slopes not 0. Received: \[.*3\]"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    file.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="is not a normalizer of magenta/magenta"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")


def test_a_stage_that_fades_is_refused(rng, tmp_path):
    """It has all blocks, but its pictures are still a mixture of two."""
    write(tmp_path / "run", weights(rng), stage="stage_00003")
    with pytest.raises(ValueError, match="in stage_00003 the last of 3 blocks fades in; give the last stage, 00004"):
        convert_checkpoint("magenta-gansynth", tmp_path / "run", tmp_path / "preset")


def test_settings_of_a_sweep(run, tmp_path):
    """One file above all runs, by their names."""
    (run / "experiment.json").unlink()
    sweep = tmp_path / "experiment.json"
    sweep.write_text(json.dumps({"jobs": {"run": EXPERIMENT, "other": {}}}))
    assert convert_checkpoint("magenta-gansynth", run, tmp_path / "preset").model.length == 500
    sweep.write_text(json.dumps({"jobs": {"other": {}}}))
    with pytest.raises(ValueError, match="experiment.json has no job run. It has other"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")


def test_other_files_are_refused(run, rng, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no checkpoint .*expected stage_00012/model.ckpt-11000000.index"):
        convert_checkpoint("magenta-gansynth", tmp_path / "empty", tmp_path / "preset")
    with pytest.raises(ValueError, match="holds no moving average of a generator"):
        convert_checkpoint("magenta-gansynth", write(tmp_path / "b", weights(rng), average=False), tmp_path / "preset")
    hurt = weights(rng)
    hurt[2, "conv1", "bias"][0] = np.nan
    with pytest.raises(ValueError, match="conv1 of block 2 holds NaN"):
        convert_checkpoint("magenta-gansynth", write(tmp_path / "c", hurt), tmp_path / "preset")
    del hurt[3, "to_rgb", "bias"]
    hurt[2, "conv1", "bias"][0] = 0
    with pytest.raises(ValueError, match="to_rgb of block 3 has no bias; the checkpoint is not whole"):
        convert_checkpoint("magenta-gansynth", write(tmp_path / "d", hurt), tmp_path / "preset")
    with pytest.raises(ValueError, match="no use for config; it takes none"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset", config="a.yml")
    (run / "experiment.json").write_text("{")
    with pytest.raises(ValueError, match="experiment.json is not JSON"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    index = next(run.glob("stage_00004/*.index"))
    index.write_bytes(index.read_bytes()[:40])
    (run / "experiment.json").unlink()
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
    for data in run.glob("stage_00004/*.data*"):
        data.unlink()
    with pytest.raises(FileNotFoundError, match="is missing; a checkpoint is a file .index and one or more .data"):
        convert_checkpoint("magenta-gansynth", run, tmp_path / "preset")
