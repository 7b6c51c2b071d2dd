import contextlib
import json

import keras
import numpy as np
import pytest

from tests.backends import run_torch
from tests.models import one_step
from tests.models.contract import run_backends_test, run_gan_test, values
from tf_audio_gan import GANSynth, callbacks
from tf_audio_gan.backend import Draws
from tf_audio_gan.callbacks import Progress
from tf_audio_gan.models.gansynth.networks import Discriminator, Generator, pooled, upscaled

PITCHES = ["60", "62", "67", "71"]
SMALL = {
    "sample_rate": 8000, "length": 280, "frames": 16, "bins": 32, "blocks": 2, "filters": 16, "max_filters": 6,
    "latent_dim": 5, "labels": PITCHES, "stable_images": 0, "fade_images": 100, "batch_size": 4,
}  # fmt: skip
WHOLE = SMALL | {"progressive": False}


def array(x):
    return keras.ops.convert_to_numpy(x)


@pytest.fixture
def batch(rng):
    audio = rng.uniform(-1, 1, (4, 280, 1)) * np.linspace(0.1, 1, 280)[:, None]
    return audio.astype("float32"), np.array([0, 3, 1, 1], "int32")


@pytest.fixture
def part(batch):
    return batch[0], np.eye(4, dtype="float32")[batch[1]]


def test_contract(batch, tmp_path):
    """In a fade, where both networks use all of their variables; Magenta's scale makes rounding 15 times as large."""
    run_gan_test(GANSynth, SMALL | {"consistency": 0.5, "normalizer": "none", "projection": True}, batch, tmp_path)


def test_backends_take_the_same_step(batch, tmp_path):
    run_backends_test(GANSynth, WHOLE | {"representation": "if", "consistency": 1.0}, batch, tmp_path, rate=1e-3)


def test_backends_take_the_same_step_of_a_fade(batch, tmp_path):
    """The second block drawn to 4 x 8 hundredths."""
    model = GANSynth(**SMALL)
    one_step.compile_plainly(model, 1e-3)
    for optimizer in (model.optimizer, model.d_optimizer):
        optimizer.iterations.assign(8)
    model.generator.facts.progress.assign(0.28)
    model.ema_generator.facts.progress.assign(0.28)
    model.save_weights(tmp_path / "model.weights.h5")
    np.save(tmp_path / "batch.npy", batch[0])
    np.save(tmp_path / "labels.npy", batch[1])
    case = {"model": "gansynth", "keywords": SMALL, "rate": 1e-3}
    (tmp_path / "case.json").write_text(json.dumps(case))
    run_torch(one_step.__file__, tmp_path, tmp_path / "torch.npz")
    there, here = dict(np.load(tmp_path / "torch.npz")), one_step.one_step(tmp_path)
    assert here["loss stage/share"] == pytest.approx(0.32) and here["loss stage/blocks"] == 2
    for (key, found), wanted in zip(there.items(), here.values(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=key)


def linear(w):
    """A discriminator whose logit of a picture in physical units is the product with w, whatever the stage."""

    def call(self, pictures, blocks=None, share=None, labels=None):
        facts = GANSynth.the_model.generator.facts
        product = keras.ops.multiply(facts.denormalise(pictures), w)
        return [keras.ops.sum(product, (1, 2, 3))], [[keras.ops.zeros((4, 6))]]

    return call


@pytest.mark.parametrize(("norm", "wanted"), [(1.0, 0.0), (2.0, 1.0)])
def test_the_penalty_is_in_physical_units(norm, wanted, part, monkeypatch, rng):
    """A linear critic of slope 1 there pays nothing, one of slope 2 pays 1; scaled pictures would be far from that."""
    model = GANSynth(**WHOLE)
    w = rng.normal(size=(16, 32, 2)).astype("float32")
    monkeypatch.setattr(GANSynth, "the_model", model, raising=False)
    monkeypatch.setattr(Discriminator, "call", linear(norm * w / np.linalg.norm(w)))
    terms = model.discriminator_loss(part, Draws(0, 0))
    np.testing.assert_allclose(array(terms["d/gradient_norm"]), norm, rtol=1e-4)
    np.testing.assert_allclose(array(terms["d/gradient_penalty"]), wanted, atol=1e-3)


@pytest.mark.parametrize("step", [0, 3, 6, 9])
def test_the_penalty_at_small_size_is_that_at_full_size(step, part):
    """As the paper's code computes it: pictures enlarged to full size, means taken inside the discriminator."""
    model = GANSynth(**SMALL | {"frames": 16, "bins": 32, "blocks": 3, "stable_images": 8, "fade_images": 12})
    model.phase = blocks, fading, start = model.phase_at(step)
    factor, draws = 2 ** (3 - blocks), Draws(3, step)
    share = model.schedule.share(step, start) if fading else None
    terms = model.discriminator_loss(part, draws)
    real, fake = model._real(part[0], draws), model._fake(part[0], draws)[0]
    alpha = draws.fold("alpha").uniform((4, 1, 1, 1))
    points = array(upscaled(real + alpha * (fake - real), factor))
    assert points.shape == (4, 16, 32, 2)

    def critic(x):
        shrunk = pooled(model.generator.facts.normalise(x), factor)
        return keras.ops.sum(model.discriminator(shrunk, blocks=blocks, share=share)[0][0])

    from tf_audio_gan import backend

    slope = array(backend.input_gradient(critic, points))
    norms = np.sqrt(np.sum(slope**2, axis=(1, 2, 3)))
    np.testing.assert_allclose(array(terms["d/gradient_norm"]), norms.mean(), rtol=1e-4)
    np.testing.assert_allclose(array(terms["d/gradient_penalty"]), np.mean((norms - 1) ** 2), rtol=1e-3, atol=1e-6)


def alphas_at(step):
    """Shares of three blocks at a step of four images: stages of 8, fades of 12 (2.1 of the paper's appendix)."""
    images = step * 4
    p = images // 20 + max(0, (images % 20 - 8) / 12) if images < 48 else 2
    return [max(0.0, min(p - (b - 2), b - p)) for b in (1, 2, 3)]


def test_real_pictures_are_blended_like_generated_ones(part):
    """Sum over blocks of alpha_b times the picture shrunk to block b and enlarged again."""
    model = GANSynth(**SMALL | {"blocks": 3, "stable_images": 8, "fade_images": 12})
    full = model.seen(part[0])
    for step in range(10):
        model.phase = blocks, _, _ = model.phase_at(step)
        alphas = alphas_at(step)
        drawn = [array(upscaled(pooled(full, 2 ** (3 - b)), 2 ** (3 - b))) for b in (1, 2, 3)]
        wanted = sum(a * x for a, x in zip(alphas, drawn, strict=True))
        found = array(upscaled(model._real(part[0], Draws(0, step)), 2 ** (3 - blocks)))
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_discriminator_classifies_real_notes_the_generator_its_own(part, monkeypatch):
    """Cross-entropies by hand; labels of generated notes are drawn from the counts, not those of the batch."""
    model = GANSynth(**WHOLE)
    model.adapt((part[0], np.array([2, 2, 2, 2])))
    draws, seen, call = Draws(0, 5), [], Generator.call
    monkeypatch.setattr(
        Generator, "call", lambda self, z, labels, **k: seen.append(array(labels)) or call(self, z, labels, **k)
    )

    def entropy(labels, pictures):
        logits = array(model.discriminator.classify(model._judged(pictures, draws)[1])).astype("float64")
        return -np.mean(np.sum(labels * (logits - np.log(np.exp(logits).sum(1, keepdims=True))), axis=1))

    terms = model.discriminator_loss(part, draws)
    np.testing.assert_allclose(array(terms["d/labels"]), entropy(part[1], model._real(part[0], draws)), rtol=1e-4)
    logits = array(model._judged(model._real(part[0], draws), draws)[0])
    np.testing.assert_allclose(array(terms["d/drift"]), np.mean(logits**2), rtol=1e-4)
    terms = model.generator_loss(part, draws)
    made, labels = model._fake(part[0], draws)
    np.testing.assert_allclose(array(terms["g/labels"]), entropy(array(labels), made), rtol=1e-4)
    np.testing.assert_allclose(array(terms["g/adversarial"]), -array(model._judged(made, draws)[0]).mean(), rtol=1e-4)
    for labels in seen:
        np.testing.assert_array_equal(labels, np.eye(4)[[2, 2, 2, 2]])


def test_with_projection_the_critic_sees_the_pitches_of_both(part):
    """Fakes have those of the real notes; a point between two has that one; the generator's own are drawn as ever."""
    model = GANSynth(**WHOLE | {"projection": True})
    model.adapt((part[0], np.array([2, 2, 2, 2])))
    draws, critic = Draws(0, 5), model.discriminator
    real, (fake, told) = model._real(part[0], draws), model._fake(part[0], draws, part[1])
    np.testing.assert_array_equal(array(told), part[1])

    def logits(pictures, labels):
        """The logit without labels, and the row of its pitch times the last map."""
        (whole,), ((last,),) = critic(model.generator.facts.normalise(pictures), labels=labels)
        rows = array(critic.project.kernel).T[labels.argmax(1)] * critic.project.scale
        by_hand = array(critic.score(last))[:, 0] + np.sum(rows * array(last), axis=1)
        np.testing.assert_allclose(array(whole), by_hand, atol=1e-4)
        return array(whole)

    terms = model.discriminator_loss(part, draws)
    np.testing.assert_allclose(array(terms["d/real"]), logits(real, part[1]).mean(), rtol=1e-4)
    np.testing.assert_allclose(array(terms["d/fake"]), logits(fake, part[1]).mean(), rtol=1e-4)
    made, drawn = model._fake(part[0], draws)
    np.testing.assert_array_equal(array(drawn), np.eye(4)[[2, 2, 2, 2]])
    wanted = -logits(made, array(drawn)).mean()
    np.testing.assert_allclose(array(model.generator_loss(part, draws)["g/adversarial"]), wanted, rtol=1e-4)


def test_pitches_come_as_often_as_in_the_data(part):
    model = GANSynth(**WHOLE)
    model.adapt((np.zeros((1, 280, 1), "float32"), np.array([0] * 6 + [2] * 3 + [3])))
    labels = array(model._fake(np.zeros((400, 280, 1), "float32"), Draws(0, 0))[1])
    np.testing.assert_allclose(labels.mean(axis=0), [0.6, 0, 0.3, 0.1], atol=0.06)
    assert (labels.sum(axis=1) == 1).all()
    soft = model.soft(None, np.arange(1000))
    np.testing.assert_allclose(soft.mean(axis=0), [0.6, 0, 0.3, 0.1], atol=0.05)
    np.testing.assert_array_equal(model.soft(None, np.arange(1000))[7], model.soft(None, [7])[0])


def test_a_seed_is_a_timbre_and_pitch_is_midi():
    model = GANSynth(**WHOLE)
    many = model.generate(3, seed=5, pitch=[60, 71, 62])
    for i, pitch in enumerate((60, 71, 62)):
        np.testing.assert_allclose(model.generate(1, seed=5 + i, pitch=pitch), many[i : i + 1], atol=1e-5)
        np.testing.assert_allclose(model.generate(1, seed=5 + i, labels=str(pitch)), many[i : i + 1], atol=1e-5)
    latents = array(model.latents(np.arange(2000)))
    assert abs(latents.mean()) < 0.02 and abs(latents.std() - 1) < 0.02
    with pytest.raises(ValueError, match="no class '61'. Classes: 60, 62, 67, 71"):
        model.generate(1, pitch=61)


def test_only_what_a_stage_uses_learns(batch):
    model = GANSynth(**SMALL | {"blocks": 3, "stable_images": 8, "fade_images": 12})
    model.compile(run_eagerly=True)
    networks = {n: getattr(model, n) for n in ("generator", "discriminator")}
    for step in range(7):
        blocks, fading, _ = model.phase_at(step)
        before = {name: values(network.trainable_variables) for name, network in networks.items()}
        history = model.fit(*batch, batch_size=4, verbose=0, shuffle=False).history
        assert history["stage/blocks"] == [blocks] and history["stage/thousand_images"][0] == pytest.approx(
            step * 4 / 1000
        )
        for name, network in networks.items():
            used = {v.path for v in network.used(blocks, fading)}
            for v, old in zip(network.trainable_variables, before[name], strict=True):
                new_at_share_0 = fading and history["stage/share"] == [0.0] and f"block_{blocks}" in v.path
                if new_at_share_0 or v.path.endswith("bias") or "block_1_rgb" in v.path:
                    assert v.path in used or np.array_equal(v, old), (step, v.path)
                else:
                    assert (v.path in used) != np.array_equal(v, old), (step, v.path)
    assert model.stage() == (2, None) and float(model.generator.facts.progress) == 1.0


def test_a_resumed_run_repeats_an_unbroken_one(batch, tmp_path):
    """Stopped at the first step of a stage and in a fade: the same weights to the bit."""
    options = SMALL | {"blocks": 2, "stable_images": 8, "fade_images": 12}

    def trained(model, steps):
        for _ in range(steps):
            model.fit(*batch, batch_size=4, verbose=0, shuffle=False)
        return values([*model.generator.variables, *model.discriminator.variables, *model.ema_generator.variables])

    def fresh():
        model = GANSynth(**options)
        model.compile(run_eagerly=True)
        return model

    unbroken = trained(fresh(), 6)
    for stop in (2, 4):
        first, second = fresh(), fresh()
        trained(first, stop)
        first.save_weights(tmp_path / "a.weights.h5")
        second.load_weights(tmp_path / "a.weights.h5")
        for a, b in zip(trained(second, 6 - stop), unbroken, strict=True):
            np.testing.assert_array_equal(a, b)
    assert first.optimizer.restarts == [2, 5]


def test_sounds_are_those_of_the_stage(batch):
    """A young model's small pictures are enlarged; in a fade both of its pictures are heard."""
    model = GANSynth(**SMALL | {"blocks": 3, "stable_images": 8, "fade_images": 12})
    latents, labels = array(model.latents(np.arange(2))), np.eye(4, dtype="float32")[:2]
    for progress, (blocks, share) in {0.0: (1, None), 0.25: (2, 0.25), 1.0: (2, None), 2.0: (3, None)}.items():
        model.ema_generator.facts.progress.assign(progress)
        assert model.stage() == (blocks, share)
        made = model.ema_generator(latents, labels, blocks=blocks, share=share)
        full = upscaled(model.ema_generator.facts.denormalise(made), 2 ** (3 - blocks))
        np.testing.assert_allclose(array(model(latents, labels)), array(model.heard(full)), atol=1e-5)


@pytest.mark.parametrize("normalizer", ["simple", "frequency"])
def test_measured_scales(normalizer, part, rng):
    model = GANSynth(**WHOLE | {"representation": "if", "normalizer": normalizer})
    audio = rng.uniform(-1, 1, (25, 280, 1)).astype("float32")
    model.compile()
    with pytest.raises(ValueError, match="measured on the training data before the first step. Call model.adapt"):
        model.fit(*part, batch_size=4, verbose=0)
    model.adapt(audio)
    pictures = array(model.seen(audio))
    axes = (0, 1) if normalizer == "frequency" else (0, 1, 2)
    low, high = pictures.min(axis=axes), pictures.max(axis=axes)
    scaled = array(model.generator.facts.normalise(pictures))
    np.testing.assert_allclose(scaled.min(axis=axes), -0.8, atol=1e-4)
    np.testing.assert_allclose(scaled.max(axis=axes), 0.8, atol=1e-4)
    np.testing.assert_allclose(array(model.generator.facts.slope).reshape(low.shape), 1.6 / (high - low), rtol=1e-4)
    assert int(array(model.ema_generator.facts.measured)) == 25


def test_without_a_normalizer_pictures_stay_as_they_are(part, tmp_path, rng):
    """Of a model, of its moving average and of its preset; with one, what is beyond [-1, 1] is cut off."""
    far = rng.uniform(-20, 20, (2, 16, 32, 2)).astype("float32")
    model = GANSynth(**WHOLE | {"normalizer": "none"})
    model.save_to_preset(tmp_path / "preset")
    for found in (model.generator, model.ema_generator, GANSynth.from_preset(str(tmp_path / "preset")).generator):
        np.testing.assert_array_equal(array(found.facts.normalise(far)), far)
        np.testing.assert_array_equal(array(found.facts.denormalise(far)), far)
    quiet = model.seen(part[0] * 1e-3)
    assert array(quiet).min() < -5
    logits = array(model.discriminator(quiet)[0][0])
    np.testing.assert_array_equal(array(model._judged(quiet, Draws(0, 0))[0]), logits)
    assert np.abs(array(GANSynth(**WHOLE).generator.facts.normalise(far * 10))).max() == 1


def test_two_replicas_take_the_step_of_one(batch, two_devices, monkeypatch):
    """But for the minibatch standard deviation, which each replica has of its own examples."""
    import tf_audio_gan.models.gansynth.networks as networks

    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(networks, "minibatch_stddev", lambda x: keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, 1))))

    def weights(scope):
        with scope:
            model = GANSynth(**WHOLE)
            model.compile(keras.optimizers.SGD(1e-3), keras.optimizers.SGD(1e-3))
        model.fit(tf.data.Dataset.from_tensors(batch), verbose=0, shuffle=False)
        return values([*model.generator.variables, *model.discriminator.variables, *model.ema_generator.variables])

    one = weights(contextlib.nullcontext())
    cross = tf.distribute.ReductionToOneDevice()
    two = weights(tf.distribute.MirroredStrategy(two_devices, cross_device_ops=cross).scope())
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_export_makes_the_same_notes(tmp_path):
    tf = pytest.importorskip("tensorflow")
    from tf_audio_gan import export

    model = GANSynth(**SMALL)
    model.ema_generator.facts.progress.assign(0.5)
    version = export(model, tmp_path / "notes")
    signatures = tf.saved_model.load(str(version)).signatures
    made = {"serving_default", "from_seed", "wav", "interpolate", "interpolate_wav"}
    assert set(signatures) == {"describe", *made}
    seeds, pitch = tf.constant([3, -7, 2**40], tf.int64), tf.constant([60, 71, 60], tf.int64)
    wanted = model.generate(3, seed=[3, -7, 2**40], pitch=[60, 71, 60])
    np.testing.assert_allclose(signatures["from_seed"](seed=seeds, pitch=pitch)["audio"], wanted, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pitch must be from 60 to 71"):
        signatures["from_seed"](seed=seeds, pitch=pitch + 12)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pitch must be from 60 to 71"):
        signatures["from_seed"](seed=seeds, pitch=pitch - 1)
    weight, others = tf.constant([0.0, 1.0, 0.25]), tf.constant([5, 6, 7], tf.int64)
    found = signatures["interpolate"](seed=seeds, seed_to=others, weight=weight, pitch=pitch)["audio"].numpy()
    np.testing.assert_allclose(found[:1], wanted[:1], atol=1e-5)
    np.testing.assert_allclose(found[1:2], model.generate(1, seed=6, pitch=71), atol=1e-5)
    between = array(model.between(model.latents(np.array([2**40])), model.latents(np.array([7])), 0.25))
    one_hot = np.eye(len(PITCHES), dtype="float32")[:1]
    np.testing.assert_allclose(found[2:], model.generate_from(between, labels=one_hot), atol=1e-5)


def test_a_published_config_is_the_default():
    model = GANSynth()
    optimizer = model.default_optimizer()
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, float(optimizer.learning_rate)) == (
        0.0, 0.99, 1e-8, pytest.approx(8e-4),
    )  # fmt: skip
    assert optimizer.restarts == [100_000 * i for i in range(1, 13)] and model.critic_steps == 1
    weighted = {name: w for name, w in model.loss_weights.items() if w}
    assert weighted == {"d/adversarial": 1.0, "g/adversarial": 1.0, "d/gradient_penalty": 10.0, "d/labels": 10.0,
                        "g/labels": 10.0, "d/drift": 0.001}  # fmt: skip
    assert model.ema == 0.999 and list(model.pitches) == list(range(24, 85))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["c", "d"]}, "MIDI pitches from 0 to 127 in ascending order"),
        ({"labels": ["60", "59"]}, "ascending order .*Received: .'60', '59'."),
        ({"normalizer": "batch"}, "one of magenta, simple, frequency, none. Received: normalizer='batch'"),
        ({"blocks": 6}, "frames and bins must be multiples of 32. Received: frames=16"),
        ({"representation": "mel"}, "one of phase, if, if_mel, wave. Received: representation='mel'"),
        ({"representation": "wave", "normalizer": "none"}, "has bins=1 and .*Received: bins=32, frames=16, length=280"),
        ({"fade_images": 0}, "fade_images must be a whole number from 1"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        GANSynth(**SMALL | options)


def test_wrong_batches_are_named(batch):
    model = GANSynth(**SMALL)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"4 a step \(\[model\] batch_size\): a batch must hold as many. Received: 2"):
        model.fit(batch[0][:2], batch[1][:2], batch_size=2, verbose=0)
    with pytest.raises(ValueError, match=r"a batch must be a pair, \(audio, labels\)"):
        model.fit(batch[0], batch_size=4, verbose=0)
    with pytest.raises(ValueError, match=r"adapt takes `Sounds`, float audio \[n, 280, 1\]"):
        model.adapt(batch[0][:, :100])


def test_the_bar_shows_the_stage(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich: as on a terminal
    model, bar = GANSynth(**SMALL), Progress(steps=100, start=10)
    bar.set_model(model)
    bar.on_train_begin()
    logs = {
        "g/adversarial": 2.0,
        "stage/blocks": 2.0,
        "stage/share": 0.25,
        "stage/thousand_images": 12.5,
        "d/real": 1.0,
    }
    bar.on_train_batch_end(0, logs)
    bar.close()
    assert bar.bar.tasks[0].fields["losses"] == (
        "g/adversarial 2  stage/blocks 2  stage/share 0.25  stage/thousand_images 12.5"
    )
    assert bar.bar.tasks[0].completed == 11
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(callbacks, "_LINE_SECONDS", 0)
    line = Progress(steps=100, start=10)
    line.set_model(model)
    line.on_train_begin()
    capsys.readouterr()
    line.on_train_batch_end(0, logs)
    line.close()
    shown = "g/adversarial 2  stage/blocks 2  stage/share 0.25  stage/thousand_images 12.5"
    assert capsys.readouterr().out == f"step 11 of 100  {shown}\n"
