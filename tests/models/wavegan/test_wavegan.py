import contextlib
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.contract import run_backends_test, run_gan_test, values
from tf_audio_gan import WaveGAN
from tf_audio_gan.losses.adversarial import OBJECTIVES

SMALL = {"length": 256, "strides": [4, 4], "dim": 4, "critic_steps": 2}


CONFIG = b'{"registered_name": "tf_audio_gan>WaveGAN", "config": OPTIONS}'


@pytest.fixture
def batch(rng):
    return rng.uniform(-1, 1, (8, 256, 1)).astype("float32")


def test_contract(batch, tmp_path):
    run_gan_test(WaveGAN, SMALL | {"phase_shuffle": 1}, batch, tmp_path)


def test_contract_with_everything_on(rng, tmp_path):
    options = {"channels": 2, "batch_norm": True, "post_filter": 8, "upsampling": "nearest", "objective": "lsgan"}
    run_gan_test(WaveGAN, SMALL | options, rng.uniform(-1, 1, (8, 256, 2)).astype("float32"), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"phase_shuffle": 1},
        {"phase_shuffle_mode": "channel", "objective": "lsgan", "batch_norm": True, "post_filter": 8},
        {"upsampling": "nearest", "objective": "wgan", "phase_shuffle_mode": "example"},
    ],
    ids=["paper", "lsgan", "wgan"],
)
def test_backends_take_the_same_step(options, batch, tmp_path):
    run_backends_test(WaveGAN, SMALL | options, batch, tmp_path)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("mode", ["batch", "channel"])
def test_every_objective_trains(name, mode, batch):
    model = WaveGAN(objective=name, phase_shuffle_mode=mode, **SMALL)
    model.compile(run_eagerly=True)
    logs = model.fit(batch, batch_size=8, verbose=0).history
    assert np.isfinite([v[0] for v in logs.values()]).all()
    assert ("d/gradient_penalty" in logs) == (name == "wgan_gp")
    if name == "wgan":
        assert max(np.abs(v).max() for v in values(model.discriminator.trainable_variables)) <= np.float32(0.01)


def test_critic_steps_see_distinct_real_examples(batch, monkeypatch):
    """The k-th discriminator step gets the k-th part of the batch, and draws of its own."""
    seen, model = [], WaveGAN(**{**SMALL, "critic_steps": 4})
    model.compile(run_eagerly=True)
    loss = model.discriminator_loss
    monkeypatch.setattr(
        model, "discriminator_loss", lambda real, draws: seen.append((np.array(real), draws.salt)) or loss(real, draws)
    )
    model.fit(batch, batch_size=8, verbose=0, shuffle=False)
    np.testing.assert_array_equal(np.concatenate([real for real, _ in seen]), batch)
    assert len({salt for _, salt in seen}) == 4


def test_total_loss_is_weighted_and_logged_unweighted(batch):
    """One SGD step of the discriminator, repeated by hand: adversarial + 10 x penalty."""
    from tf_audio_gan.backend import Draws, gradients

    model = WaveGAN(**{**SMALL, "critic_steps": 1})
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.1), run_eagerly=True)
    variables = model.discriminator.trainable_variables

    def total():
        terms = model.discriminator_loss(batch, Draws(0, 0, ("d", 0)))
        return terms["d/adversarial"] + 10 * terms["d/gradient_penalty"], terms

    slopes, terms = gradients(total, variables)
    expected = [v - 0.1 * np.asarray(g) for v, g in zip(values(variables), slopes, strict=True)]
    logs = model.fit(batch, batch_size=8, verbose=0, shuffle=False).history
    for found, wanted in zip(variables, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(logs["d/gradient_penalty"], [float(terms["d/gradient_penalty"])], rtol=1e-5)


def test_logs_are_means_over_the_epoch(rng):
    x = rng.uniform(-1, 1, (24, 256, 1)).astype("float32")
    model = WaveGAN(**SMALL | {"objective": "lsgan", "critic_steps": 1})  # soon traced
    model.compile(keras.optimizers.SGD(1e-2), keras.optimizers.SGD(1e-2))
    each = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs=None):
            each.append(float(logs["d/real"]) * (step + 1) - sum(each))

    history = model.fit(x, batch_size=8, verbose=0, shuffle=False, callbacks=[Watch()]).history
    assert len(each) == 3 and np.std(each) > 0
    np.testing.assert_allclose(history["d/real"], [np.mean(each)], rtol=1e-4)


def test_two_replicas_take_the_step_of_one(rng, two_devices):
    """SGD, weights after two steps: the losses are means over the global batch, the noise is drawn for all of it."""
    import tensorflow as tf

    x = rng.uniform(-1, 1, (2, 8, 256, 1)).astype("float32")
    # Each replica splits its own rows into critic steps, so the global batch interleaves the replicas' parts.
    interleaved = x.reshape(2, 2, 2, 2, 256, 1).transpose(0, 2, 1, 3, 4, 5).reshape(x.shape)

    def weights(scope, data):
        with scope:
            model = WaveGAN(phase_shuffle_mode="example", **SMALL)
            model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        model.fit(tf.data.Dataset.from_tensor_slices(data), verbose=0, shuffle=False)
        return values([*model.generator.variables, *model.discriminator.variables, *model.ema_generator.variables])

    one = weights(contextlib.nullcontext(), x)
    cross = tf.distribute.ReductionToOneDevice()
    two = weights(tf.distribute.MirroredStrategy(two_devices, cross_device_ops=cross).scope(), interleaved)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_average_follows_its_formula(batch):
    model = WaveGAN(ema=0.5, **SMALL)
    model.compile(keras.optimizers.SGD(1e-3), keras.optimizers.SGD(1e-3), run_eagerly=True)
    average = values(model.generator.trainable_variables)
    for t in range(2):
        model.fit(batch, batch_size=8, verbose=0, shuffle=False)
        keep = min(0.5, (1 + t) / (10 + t))
        now = values(model.generator.trainable_variables)
        average = [keep * a + (1 - keep) * v for a, v in zip(average, now, strict=True)]
    for found, wanted in zip(model.ema_generator.variables, average, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_latents_are_uniform_and_named_by_seed():
    model = WaveGAN(**SMALL)
    z = np.asarray(model.latents(np.arange(500)))
    assert z.shape == (500, 100) and -1 <= z.min() < -0.99 and 0.99 < z.max() < 1 and abs(z.mean()) < 0.02
    np.testing.assert_allclose(model.generate(2, seed=[9, 4])[1], model.generate(1, seed=4)[0], atol=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: WaveGAN(critic_steps=0), "critic_steps must be a whole number from 1. Received: critic_steps=0"),
        (lambda: WaveGAN(ema=1.0), "ema must be a decay"),
        (lambda: WaveGAN(seed=2**32), r"seed must be a whole number from 0 to 2\^32 - 1"),
        (lambda: WaveGAN(**SMALL).generate(1, seed=2**70), "64 bits"),
        (lambda: WaveGAN(**SMALL).generate(0), "n must be at least 1"),
        (lambda: WaveGAN.from_preset("no/such"), "no such folder.*Presets:"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        call()


def test_a_batch_that_does_not_divide_is_an_error(batch):
    model = WaveGAN(**{**SMALL, "critic_steps": 3})
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="Received: 8 examples with critic_steps=3. 6 would do"):
        model.fit(batch, batch_size=8, verbose=0)


@pytest.mark.parametrize(
    "data, message",
    [
        (np.zeros((8, 100, 1), "float32"), r"float audio \[batch, 256, 1\].*Received: float32 \[8, 100, 1\]"),
        (np.zeros((8, 256), "float32"), r"Received: float32 \[8, 256\]"),
        (np.zeros((8, 256, 1), "int16"), r"Received: int16 \[8, 256, 1\]"),
    ],
)
def test_wrong_training_data_is_named(data, message):
    model = WaveGAN(**SMALL)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=message):
        model.fit(data, batch_size=8, verbose=0)


def test_wrong_optimizers_are_named():
    one = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="g_optimizer=..., d_optimizer=.*Received: optimizer"):
        WaveGAN(**SMALL).compile(optimizer="adam")
    with pytest.raises(ValueError, match="Received: one optimizer for both"):
        WaveGAN(**SMALL).compile(one, one)


def test_a_hostile_preset_imports_nothing(tmp_path):
    (tmp_path / "config.json").write_text('{"registered_name": "os>system", "config": {"command": "true"}}')
    with pytest.raises(ValueError, match="is of 'os>system', which is none of"):
        WaveGAN.from_preset(tmp_path)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("config.json", b"{", "config.json is damaged: .*again"),
        ("config.json", b"[]", "no preset's config"),
        ("config.json", CONFIG.replace(b"OPTIONS", b'{"wings": 2}'), "does not fit.*wings"),
        (
            "config.json",
            CONFIG.replace(b"OPTIONS", b'{"dim": 8}'),
            "of a model of another size",
        ),
        ("generator.weights.h5", b"\x89HDF", "generator.weights.h5 is damaged"),
        ("generator.weights.h5", None, "generator.weights.h5 is missing"),
    ],
)
def test_a_damaged_preset_names_the_file(name, content, message, tmp_path):
    WaveGAN(**SMALL).save_to_preset(tmp_path / "p")
    (tmp_path / "p" / name).unlink()
    if content is not None:
        (tmp_path / "p" / name).write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        WaveGAN.from_preset(tmp_path / "p")


def test_a_preset_overwrites_nothing_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    for config in (None, "{}", '{"registered_name": "mine", "config": {}}'):
        if config:
            (tmp_path / "config.json").write_text(config)
        with pytest.raises(ValueError, match="will not be overwritten"):
            WaveGAN(**SMALL).save_to_preset(tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "x"


def test_a_replaced_preset_keeps_its_card_and_survives_a_failure(tmp_path, monkeypatch):
    folder, model = tmp_path / "p", WaveGAN(**SMALL)
    model.save_to_preset(folder)
    (folder / "README.md").write_text("card")
    model.save_to_preset(folder)
    assert (folder / "README.md").read_text() == "card"

    def fail(self, target):
        if self.name == "new":
            raise OSError("disk gone")
        return rename(self, target)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="disk gone"):
        model.save_to_preset(folder)
    assert (folder / "README.md").read_text() == "card" and WaveGAN.from_preset(folder)
