"""Several devices and several machines: the same training, to the rounding of sums."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_audio_gan import WaveGAN, distribution, from_preset, train
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.data.sounds import Sounds

MODEL = {"name": "wavegan", "length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2}
RECIPE = {"model": MODEL, "train": {"batch_size": 4, "log_steps": 5, "checkpoint_minutes": 0.0}}
SMALL = {"length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 12, seed=1)
    return folder


@pytest.fixture(autouse=True)
def sgd(monkeypatch):
    """Plain SGD: Adam's first steps are signs of gradients, which turn roundings into whole steps."""
    monkeypatch.setattr(WaveGAN, "default_optimizer", lambda self: keras.optimizers.SGD(0.01))


def weights(model):
    return {v.path: np.array(v.value) for v in model.variables if "means" not in v.path}


def assert_close(a, b, atol=1e-6):
    a, b = weights(a), weights(b)
    assert len(a) == len(b) > 10
    for x, y in zip(a.values(), b.values(), strict=True):
        np.testing.assert_allclose(x, y, atol=atol)


@pytest.fixture(scope="module")
def single(sounds, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WaveGAN, "default_optimizer", lambda self: keras.optimizers.SGD(0.01))
        return train(RECIPE, sounds, tmp_path_factory.mktemp("run") / "single", steps=10, progress=False)


def log(result):
    return np.genfromtxt(result.preset.parent / "log.csv", delimiter=",", names=True)


@pytest.mark.parametrize("devices", [2, "cpu:1"])
def test_a_run_on_devices_repeats_a_run_on_one(devices, single, sounds, tmp_path):
    result = train(RECIPE, sounds, tmp_path / "run", steps=10, devices=devices, progress=False)
    assert_close(single.model, result.model)
    for name in [n for n in log(single).dtype.names if "second" not in n]:  # means over steps and replicas
        np.testing.assert_allclose(log(single)[name], log(result)[name], rtol=1e-3, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(from_preset(result.preset).generate(2), single.model.generate(2), atol=1e-5)


def test_a_run_resumes_on_another_number_of_replicas(single, sounds, tmp_path):
    for steps, devices in ((4, 2), (7, None), (10, 2)):
        result = train(RECIPE, sounds, tmp_path / "run", steps=steps, devices=devices, progress=False)
    assert result.step == 10
    assert_close(single.model, result.model)


def test_replicas_read_their_rows_of_every_critic_step(sounds, two_devices):
    data = Sounds(sounds, length=256, progress=False)
    wanted = [data.batch(step, 8)[0] for step in (3, 4)]
    batches = iter(distribution.Replicas(2).batches(data, 4, 2, start_step=3))
    for batch in wanted:
        first, second = (np.array(x) for x in next(batches).values)
        np.testing.assert_array_equal(np.concatenate([first[:2], second[:2], first[2:], second[2:]]), batch)


def test_logs_are_means_over_replicas(two_devices, rng):
    """Each replica sees other sounds; what is logged of them is the mean over both."""
    import tensorflow as tf

    x = rng.uniform(-1, 1, (8, 256, 1)).astype("float32")
    model = WaveGAN(**SMALL)
    parts = [float(np.mean(np.array(model.discriminator(part)[0][0]))) for part in (x[:4], x[4:])]
    with distribution.Replicas(2).scope():
        model = WaveGAN(**{**SMALL, "critic_steps": 1}, phase_shuffle=0)
        model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    logs = model.fit(tf.data.Dataset.from_tensors(x), verbose=0).history
    assert abs(parts[0] - parts[1]) > 1e-4
    np.testing.assert_allclose(logs["d/real"], [np.mean(parts)], rtol=1e-5)


def test_batch_norm_trains_on_replicas_and_keeps_one_state(sounds, tmp_path, untraced):
    recipe = {**RECIPE, "model": {**MODEL, "batch_norm": True}}
    result = train(recipe, sounds, tmp_path / "run", steps=5, devices=2, progress=False)
    moving = [v for v in result.model.variables if "moving_" in v.path]
    assert moving
    for variable in moving:
        first, second = variable.value.values
        np.testing.assert_array_equal(first, second, err_msg=variable.path)


def test_labels_go_with_their_examples(sounds, tmp_path, untraced):
    """Two replicas, each with its rows of sounds and labels, take the step of one."""
    recipe = RECIPE | {
        "model": MODEL | {"conditioning": "projection", "objective": "lsgan"},
        "data": {"labels": "prefix"},
    }
    one, two = (
        train(recipe, sounds, tmp_path / str(devices), steps=3, devices=devices, progress=False).model
        for devices in (None, 2)
    )
    assert len(one.labels) > 1
    assert_close(one, two)


def test_control_is_the_same_on_all_replicas(sounds, tmp_path, untraced):
    """Gamma follows from the cross-entropies of the whole batch, whichever replica has which examples."""
    model = MODEL | {"name": "controlgan", "length": 4096, "strides": [4, 4, 4], "control_rate": 0.1}
    model |= {"objective": "lsgan", "critic_steps": 1}
    recipe = {"model": model, "data": {"labels": "prefix"}, "train": {"batch_size": 4}}
    trained = train(recipe, sounds, tmp_path / "run", steps=2, devices=2, progress=False).model
    first, second = (float(value) for value in trained.gamma.value.values)
    assert first == second and 0 <= first <= 2


def test_a_batch_that_does_not_divide_says_which_would(sounds, tmp_path):
    recipe = {**RECIPE, "train": {"batch_size": 5}}
    with pytest.raises(ValueError, match="must divide by the 2 replicas. Received: 5. 4 or 6 would do"):
        train(recipe, sounds, tmp_path / "run", devices=2, progress=False)
    assert not (tmp_path / "run").exists()


def test_numbers_and_names_choose_devices(two_devices):
    assert [distribution.Replicas(d).count for d in (None, 1, 2, "2", "all", "cpu:1", "CPU:0, CPU:1")] == [
        1, 1, 2, 2, 2, 1, 2,
    ]  # fmt: skip


def test_naming_cpu_devices_makes_them():
    """In a process of its own: TensorFlow has one CPU device unless asked before its first operation."""
    code = "from tf_audio_gan.distribution import Replicas; print('replicas:', Replicas('CPU:0,CPU:1').count)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert "replicas: 2" in done.stdout, done.stderr


@pytest.mark.parametrize("devices", ["GPU:7", "CPU:0,GPU:7", 0, 99, "CPU:0,CPU:0", "two", "CPU:999"])
def test_devices_that_are_not_there_are_an_error_that_lists_those_that_are(devices):
    with pytest.raises(ValueError, match=f"There are: CPU:0, CPU:1.*Received: '?{devices}"):
        distribution.Replicas(devices)


def test_python_training_under_a_strategy_takes_even_batches_only(two_devices):
    import tensorflow as tf

    with distribution.Replicas(2).scope():
        model = WaveGAN(**SMALL)
        model.compile()
    clips = tf.data.Dataset.from_tensor_slices(np.zeros((20, 256, 1), "float32"))
    with pytest.raises(ValueError, match=r"divide by the 2 replicas x critic_steps=2.*drop_remainder=True"):
        model.fit(clips.batch(8), verbose=0)
    with pytest.raises(ValueError, match="Received: on each of 2 replicas 5 examples .* 4 would do"):
        model.fit(clips.batch(10, drop_remainder=True), verbose=0)
    assert "d/real" in model.fit(clips.batch(8, drop_remainder=True), verbose=0).history
