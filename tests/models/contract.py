"""What every model promises, in two calls: `run_gan_test` and `run_backends_test` (cls, keywords, batch, tmp_path)."""

import json

import numpy as np

from tests.backends import run_torch, torch_python
from tests.fresh import in_fresh_process
from tests.models import one_step
from tests.models.loaded import loaded
from tests.models.one_step import sounds
from tf_audio_gan import models
from tf_audio_gan.models.gan import AudioGAN


def values(variables):
    """Copies of variables as arrays."""
    return [v.numpy().copy() for v in variables]


def moved(before, variables):
    """Which variables are no longer what they were."""
    return [not np.array_equal(a, np.asarray(v)) for a, v in zip(before, variables, strict=True)]


def run_gan_test(cls, keywords, batch, tmp_path):
    """Checks configuration, training, saving and presets of one model.

    Args:
        cls: the model's class.
        keywords: of a small one.
        batch: [critic_steps x batch, length, channels] array to train on; with labels a pair of that and numbers; or a
            function of the model that makes it.
        tmp_path: a folder.
    """
    model = cls(**keywords)
    batch = batch(model) if callable(batch) else batch
    for key, value in keywords.items():
        assert key == "front_end" or model.get_config()[key] == value
    pair, batch = batch, batch[0] if isinstance(batch, tuple) else batch
    model.adapt(batch)
    sound = sounds(model, 3, seed=5)
    assert sound.shape[::2] == (3, 1 if model.task == "enhancement" else batch.shape[2])
    assert sound.dtype == np.float32 and np.isfinite(sound).all()
    assert model.task != "generation" or sound.shape == (3, *batch.shape[1:])
    np.testing.assert_allclose(sounds(model, 1, seed=7), sound[2:], atol=1e-6)
    check_training(model, pair)
    check_files(cls, model, tmp_path)


def check_training(model, batch):
    """Both networks move, each only by its own optimizer; logs are finite, under path names; the average follows."""
    model.compile(run_eagerly=True)
    watched = {n: getattr(model, n) for n in ("generator", "discriminator", "ema_generator")}
    before = {name: values(network.variables) for name, network in watched.items()}
    trained, still = model.discriminator.trainable_variables, values(model.generator.trainable_variables)
    model._update(model.discriminator, model.d_optimizer, model.discriminator_loss, *_part(model, batch))
    assert any(moved(before["discriminator"], model.discriminator.variables))
    assert not any(moved(still, model.generator.trainable_variables)), "nor the other way round"
    middle = values(trained)
    model._update(model.generator, model.optimizer, model.generator_loss, *_part(model, batch))
    assert not any(moved(middle, trained)), "the generator's step must leave the discriminator alone"
    assert any(moved(before["generator"], model.generator.variables))
    batch = batch if isinstance(batch, tuple) else (batch,)
    history = model.fit(*batch, batch_size=len(batch[0]), epochs=1, verbose=0, shuffle=False).history
    assert set(history) == set(model.loss_weights) and all("/" in name for name in history)
    assert np.isfinite([v[-1] for v in history.values()]).all()
    assert int(model.optimizer.iterations) == 2 and int(model.d_optimizer.iterations) == 1 + model.critic_steps
    pairs = list(zip(model.generator.variables, model.ema_generator.variables, strict=True))
    follows = moved(before["ema_generator"], [average for _, average in pairs])
    still = [v for (v, _), m in zip(pairs, follows, strict=True) if v.trainable and not m]
    assert not [v.path for v in still if not _direction_of_one(v)], "every weight of the average follows"
    for v, average in pairs:
        assert v.trainable or np.array_equal(v, average), f"{v.path} is not averaged but taken over"


def _direction_of_one(v):
    """Weight normalisation of a kernel with one weight an output leaves nothing of it but its sign."""
    return len(v.shape) > 1 and np.prod(v.shape) == v.shape[-1]


def _part(model, batch):
    from tf_audio_gan.backend import Draws

    if isinstance(batch, tuple):
        n = len(batch[0]) // model.critic_steps
        return (batch[0][:n], np.eye(len(model.labels), dtype="float32")[batch[1][:n]]), Draws(0, 0)
    return batch[: len(batch) // model.critic_steps], Draws(0, 0)


def check_files(cls, model, tmp_path):
    """.keras in a fresh process keeps audio and both optimizers; a preset keeps audio and can be replaced."""
    sound = sounds(model, 2, seed=1)
    path = tmp_path / "model.keras"
    model.save(path)
    steps, name, again, said = in_fresh_process(loaded, path, 2, 1)
    assert steps == (int(model.optimizer.iterations), int(model.d_optimizer.iterations)) and name == cls.__name__
    assert not [message for message in said if "Skipping variable loading" in message]
    np.testing.assert_allclose(again, sound, atol=1e-6)

    for _ in range(2):
        model.save_to_preset(tmp_path / "preset", metadata={"note": "x"})
    again = AudioGAN.from_preset(str(tmp_path / "preset"))  # by `from_config`
    assert type(again) is cls and json.dumps(again.get_config()) == json.dumps(model.get_config())
    np.testing.assert_array_equal(sounds(again, 2, seed=1), sound)
    for name in model.saved_networks:
        for a, b in zip(getattr(model, name).variables, getattr(again, name).variables, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".preset")]


def run_backends_test(cls, keywords, batch, tmp_path, rate=0.1):
    """The same weights, batch and noise: one step of SGD on TensorFlow and PyTorch agrees to 1e-5; the sounds too."""
    torch_python()  # skips where there is none
    name = next(name for name, kind in models.MODELS.items() if kind == cls.__name__)
    model = cls(**keywords)
    batch = batch(model) if callable(batch) else batch
    audio, labels = batch if isinstance(batch, tuple) else (batch, None)
    model.adapt(audio)
    one_step.compile_plainly(model, rate)
    model.save_weights(tmp_path / "model.weights.h5")
    np.save(tmp_path / "batch.npy", audio)
    if labels is not None:
        np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "case.json").write_text(json.dumps({"model": name, "keywords": keywords, "rate": rate}))
    run_torch(one_step.__file__, tmp_path, tmp_path / "torch.npz")
    there, here = dict(np.load(tmp_path / "torch.npz")), one_step.one_step(tmp_path)
    assert [k.split()[0] for k in there] == [k.split()[0] for k in here]
    for (key, found), wanted in zip(there.items(), here.values(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=key)
