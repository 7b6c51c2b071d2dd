"""What every enhancer does, on small ones: losses, signals of any length, seeds, export. Contract: test_contracts."""

import io
import math

import keras
import numpy as np
import pytest
import soundfile
from keras import ops
from scipy.signal import lfilter

import tf_audio_gan
from tests.models.exported import check_no_xla, wav
from tf_audio_gan import SEGAN, SEGANPlus, models
from tf_audio_gan.backend import Draws
from tf_audio_gan.generation import write_previews
from tf_audio_gan.losses.spectral import complex_stft
from tf_audio_gan.optimizers import TF1RMSprop

PLUS = {"window": 1024, "filters": [4, 8, 8]}
PLAIN = {"window": 512, "filters": [4, 4, 8, 8], "sample_rate": 8000}
STFT = {"stft_resolutions": [[256, 64, 256]]}
CASES = {
    "segan": (SEGAN, {**PLAIN, **STFT, "stft_l2": 2.0, "wave_l2": 1.0, "stft_compression": 0.3}),
    "segan_plus": (SEGANPlus, {**PLUS, **STFT, "stft_l1": 25.0, "objective": "hinge"}),
}


def batch_for(model, n=3, seed=0):
    clean = 0.3 * np.random.default_rng(seed).standard_normal((n, model.length, 1))
    noise = 0.1 * np.random.default_rng(seed + 1).standard_normal(clean.shape)
    return np.concatenate([clean, clean + noise], -1).clip(-1, 1).astype("float32")


@pytest.fixture(scope="module", name="model")
def small_model():
    return SEGANPlus(**PLUS)


@pytest.fixture(scope="module", name="noisy")
def some_noisy_speech():
    return np.random.default_rng(1).uniform(-0.5, 0.5, 7000).astype("float32")


def test_a_step_sees_windows_as_pre_emphasis_of_the_whole_file_leaves_them(model, noisy):
    start = 500
    batch = np.stack([noisy, 0.5 * noisy], -1)[None, start : start + model.length]
    clean, other = (ops.convert_to_numpy(x) for x in model.pair(batch, Draws(0, 0)))
    whole = lfilter([1, -0.95], [1], noisy)[start + 1 : start + 1 + model.window]
    np.testing.assert_allclose(clean[0, :, 0], whole, atol=1e-6)
    np.testing.assert_allclose(other, 0.5 * clean, atol=1e-6)


@pytest.mark.parametrize("cls, keywords, groups", [(SEGAN, PLAIN, 2), (SEGANPlus, PLUS, 1)])
def test_losses_equal_their_formulas(cls, keywords, groups):
    """d = E(D(x) - 1)^2 + E D(G)^2, g = E(D(G) - 1)^2 + 100 E |G - x|, without halves."""
    settings = {**STFT, "stft_l1": 25.0, "stft_l2": 3.0, "stft_parts": [0.1, 0.9], "wave_l2": 2.0}
    model, draws = cls(**keywords, **settings), Draws(0, 7)
    batch = batch_for(model)
    clean, noisy = (ops.convert_to_numpy(x) for x in model.pair(batch, draws))
    fake = ops.convert_to_numpy(model._fake(noisy, draws))
    both = np.concatenate([np.concatenate([x, noisy], -1) for x in (clean, fake)])
    judge = lambda x, n, part: ops.convert_to_numpy(model.discriminator(x, groups=n, draws=draws.fold(part))[0][0])  # noqa: E731
    real_logits, fake_logits = judge(both, 2, "d").reshape(2, -1)
    found = {k: float(v) for k, v in model.discriminator_loss(batch, draws).items()}
    wanted = np.mean((real_logits - 1) ** 2) + np.mean(fake_logits**2)
    assert found == pytest.approx(
        {"d/adversarial": wanted, "d/real": real_logits.mean(), "d/fake": fake_logits.mean()}, rel=1e-4
    )
    judged = judge(both[3 * (2 - groups) :], groups, "g")[-3:]
    parts = [[float(x) for x in complex_stft(clean, fake, p, ((256, 64, 256),))] for p in (1, 2)]
    wanted = {
        "g/adversarial": np.mean((judged - 1) ** 2),
        "g/wave_l1": np.abs(fake - clean).mean(),
        "g/wave_l2": ((fake - clean) ** 2).mean(),
        "g/stft_l1": 0.1 * parts[0][0] + 0.9 * parts[0][1],
        "g/stft_l2": 0.1 * parts[1][0] + 0.9 * parts[1][1],
    }
    terms = model.generator_loss(batch, draws)
    assert {k: float(v) for k, v in terms.items()} == pytest.approx(wanted, rel=1e-4)
    weights = {"g/adversarial": 1, "g/wave_l1": 100, "g/wave_l2": 2, "g/stft_l1": 25, "g/stft_l2": 3}
    assert float(model.total(terms)) == pytest.approx(sum(weights[k] * v for k, v in wanted.items()), rel=1e-4)


def test_hinge_is_the_other_objective():
    model = SEGANPlus(**PLUS, objective="hinge")
    terms = model._discriminator_terms(*[ops.zeros((3, 1024, 1))] * 3, Draws(0, 0))[0]
    real, fake = float(terms["d/real"]), float(terms["d/fake"])
    assert float(terms["d/adversarial"]) == pytest.approx(max(0, 1 - real) + max(0, 1 + fake), abs=1e-5)


def test_without_the_adversarial_term_the_discriminator_is_left_alone(tmp_path):
    model = SEGANPlus(**PLUS, adversarial=0.0)
    model.discriminator.call = None  # evaluating it would fail
    model.compile()
    before = model.discriminator.get_weights()
    logs = model.fit(batch_for(model), batch_size=3, verbose=0).history
    assert list(logs) == ["g/wave_l1"] and int(model.d_optimizer.iterations) == 0
    assert all(map(np.array_equal, before, model.discriminator.get_weights()))
    model.save_to_preset(tmp_path / "p")
    assert not (tmp_path / "p" / "discriminator.weights.h5").exists()
    again = tf_audio_gan.from_preset(tmp_path / "p")
    np.testing.assert_array_equal(again.enhance(np.ones(10) / 3), model.enhance(np.ones(10) / 3))


def tones(rng, n, length):
    """Clean sums of two tones, and the same in white noise."""
    t, clean = np.arange(length) / 16000, np.zeros((n, length))
    for _ in range(2):
        hz, phase = rng.uniform(150, 900, (n, 1)), rng.uniform(0, 6.28, (n, 1))
        clean += 0.2 * np.sin(2 * np.pi * hz * t + phase)
    noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    return np.stack([clean, noisy], -1).astype("float32")


def test_a_few_steps_on_pairs_beat_the_noisy_input(rng):
    model = SEGANPlus(window=1024, filters=[8, 16, 16], ema=0.9, seed=1)
    model.compile(*(keras.optimizers.RMSprop(2e-3, rho=0.9) for _ in range(2)))
    model.fit(tones(rng, 8 * 30, model.length), batch_size=8, verbose=0)
    clean, noisy = (ops.convert_to_numpy(x) for x in model.pair(tones(rng, 32, model.length), Draws(0, 0)))
    enhanced = ops.convert_to_numpy(model.ema_generator(noisy, model.latents(np.arange(32))))
    before, after, silent = (np.abs(x - clean).mean() for x in (noisy, enhanced, 0))
    assert after < 0.3 * before and after < 0.7 * silent, (before, after, silent)


def by_hand(model, noisy, seed):
    """Windows one by one, Hann cross-fade, recursive filters."""
    hop, emphasised = model.hop, lfilter([1, -0.95], [1], noisy).astype("float32")
    count = max(1, math.ceil(len(noisy) / hop) - 1)
    padded = np.pad(emphasised, (0, (count + 1) * hop - len(noisy)))
    total, weight = np.zeros(len(padded)), np.zeros(len(padded))
    hann = np.sin(np.pi * np.arange(2 * hop) / (2 * hop)) ** 2
    for k in range(count):
        window = padded[None, k * hop : k * hop + 2 * hop, None]
        latents = ops.convert_to_numpy(model.latents(np.array([seed]), k))
        made = ops.convert_to_numpy(model.ema_generator(window, latents))[0, :, 0]
        fade = np.where((np.arange(2 * hop) < hop) & (k == 0) | (np.arange(2 * hop) >= hop) & (k == count - 1), 1, hann)
        total[k * hop : k * hop + 2 * hop] += fade * made
        weight[k * hop : k * hop + 2 * hop] += fade
    np.testing.assert_allclose(weight, 1, atol=1e-9)
    return lfilter([1], [1, -0.95], total[: len(noisy)])


@pytest.mark.parametrize("length", [1, 512, 1024, 1025, 7000])
def test_any_length_is_windows_cross_faded_between_filters_of_the_whole(model, noisy, length):
    found = model.enhance(noisy[:length], seed=5)
    assert found.shape == (length,) and found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(model, noisy[:length], 5), atol=2e-5)
    inside = ops.convert_to_numpy(model.enhanced(np.stack([noisy[:length, None], -noisy[:length, None]])))
    np.testing.assert_allclose(inside[0, :, 0], model.enhance(noisy[:length]), atol=1e-5)
    np.testing.assert_allclose(inside[1, :, 0], model.enhance(-noisy[:length]), atol=1e-5)


def test_blocks_and_shapes_do_not_change_the_result(model, noisy):
    whole = model.enhance(noisy[:, None], seed=2, batch_size=3)
    assert whole.shape == (7000, 1)
    blocks = np.split(noisy, [1, 1, 600, 3000, 6999])
    np.testing.assert_array_equal(np.concatenate(list(model.stream(blocks, seed=2, batch_size=3))), whole)
    np.testing.assert_allclose(model.enhance(noisy, seed=2, batch_size=100), whole[:, 0], atol=1e-5)
    assert model.enhance(noisy[:0]).shape == (0,) and list(model.stream([])) == []


def test_a_stream_is_flat_and_leaves_after_a_group_of_windows(model):
    arrived = []

    def endless():
        while True:
            arrived.append(1)
            yield np.zeros(256, "float32")

    stream = model.stream(endless(), batch_size=2)
    assert len(next(stream)) == 1024 and len(arrived) == 7, "three hops of 512 and a block more"
    assert len(next(stream)) == 1024 and len(arrived) == 11


def test_latents_are_named_by_seed_and_window(model, noisy):
    latents = ops.convert_to_numpy(model.latents(np.array([3]), 0, 4))
    assert latents.shape == (4, 16, 8)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.latents(np.array([3]), 2)), latents[2:3])
    assert abs(latents.mean()) < 0.2 and abs(latents.std() - 1) < 0.1 and len(np.unique(latents)) == latents.size
    assert not np.allclose(model.enhance(noisy, seed=1), model.enhance(noisy, seed=2), atol=1e-4)
    zeros = model.enhance(noisy, zeros=True)
    np.testing.assert_array_equal(zeros, model.enhance(noisy, seed=9, zeros=True))
    alone = ops.convert_to_numpy(model(noisy[None, :1024, None]))[0, :, 0]
    np.testing.assert_allclose(model.enhance(noisy[:1024], zeros=True), alone, atol=1e-5)


def test_blend_is_the_noisy_share(model, noisy):
    enhanced = model.enhance(noisy)
    np.testing.assert_allclose(model.enhance(noisy, blend=1.0), noisy, atol=2e-6)
    np.testing.assert_allclose(model.enhance(noisy, blend=0.25), 0.75 * enhanced + 0.25 * noisy, atol=5e-6)


@pytest.mark.parametrize("wrong", [{"blend": 1.5}, {"batch_size": 0}, {"seed": 2**63}])
def test_options_out_of_range_are_named(model, noisy, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        model.enhance(noisy, **wrong)
    with pytest.raises(ValueError, match="use enhance, not generate"):
        model.generate(1)


def test_previews_are_clean_noisy_and_enhanced(model, tmp_path):
    batch = batch_for(model, 2)
    picture = write_previews(model, batch, tmp_path)
    names = {f"{name}_{i}.wav" for name in ("clean", "noisy", "enhanced") for i in range(2)}
    assert {p.name for p in tmp_path.iterdir()} == names | {picture.name}
    noisy, rate = soundfile.read(tmp_path / "noisy_1.wav", dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(noisy, batch[1, 1:, 1], atol=1e-4)
    enhanced, _ = soundfile.read(tmp_path / "enhanced_1.wav", dtype="float32")
    np.testing.assert_allclose(enhanced, model.enhance(noisy).clip(-1, 1), atol=1e-3)


def test_without_latents_only_windows_are_asked_for(noisy):
    model = SEGANPlus(**PLUS, no_z=True, skip_merge="sum", head="conv")
    signatures = model.signatures()
    assert set(signatures) == {"serving_default", "enhance"} and list(signatures["serving_default"].inputs) == ["noisy"]
    audio = ops.convert_to_numpy(signatures["serving_default"].function(noisy=noisy[None, :1024, None])["audio"])
    np.testing.assert_allclose(audio[0, :, 0], model.enhance(noisy[:1024]), atol=1e-5)
    whole = ops.convert_to_numpy(signatures["enhance"].function(audio=noisy[None, :, None])["audio"])
    np.testing.assert_allclose(whole[0, :, 0], model.enhance(noisy, seed=8), atol=1e-5)


def test_export_answers_windows_and_wav_files_of_any_length(model, noisy, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="exports are TensorFlow's")
    signatures = tf.saved_model.load(str(tf_audio_gan.export(model, tmp_path / "v"))).signatures
    windows, seeds = noisy[:2048].reshape(2, 1024, 1), np.array([4, -9])
    given = {"noisy": tf.constant(windows)}
    latents = tf.constant(ops.convert_to_numpy(model.latents(seeds)))
    audio = signatures["serving_default"](**given, latents=latents)["audio"].numpy()
    for row, seed in enumerate(seeds):
        np.testing.assert_allclose(audio[row], model.enhance(windows[row], seed=seed), atol=1e-5)
    np.testing.assert_allclose(signatures["from_seed"](**given, seed=tf.constant(seeds))["audio"], audio, atol=1e-6)
    for length in (5, 1500, 7000):
        sound = noisy[:length]
        answer = signatures["wav_to_wav"](wav_bytes=tf.constant([wav(np.stack([sound, sound], 1), 16000)]))
        back, rate = soundfile.read(io.BytesIO(answer["wav_bytes"].numpy()[0]), dtype="float32")
        assert rate == 16000 and back.shape == (length,)
        np.testing.assert_allclose(back, model.enhance(sound).clip(-1, 1), atol=1e-3)
        found = signatures["enhance"](audio=tf.constant(sound[None, :, None]))["audio"].numpy()
        np.testing.assert_allclose(found[0, :, 0], model.enhance(sound), atol=1e-4)
    begin, hop, places = 4 * model.hop, model.hop, tf.constant([0, 4], tf.int64)
    parts = tf.constant(np.stack([noisy[:-begin], noisy[begin:]])[..., None])
    found = signatures["part"](audio=parts, seed=tf.constant([3, 3], tf.int64), first=places)["audio"].numpy()[..., 0]
    whole = model.enhance(noisy, seed=3)
    np.testing.assert_allclose(found[0, : 8 * hop], whole[: 8 * hop], atol=1e-5)
    np.testing.assert_allclose(found[1, 3 * hop :], whole[begin + 3 * hop :], atol=1e-5)
    files = tf.constant([wav(part, 16000) for part in parts.numpy()])
    answer = signatures["part_wav"](wav_bytes=files, seed=tf.constant([3, 3], tf.int64), first=places)["wav_bytes"]
    back, _ = soundfile.read(io.BytesIO(answer.numpy()[1]), dtype="float32")
    np.testing.assert_allclose(back[3 * hop :], whole[begin + 3 * hop :].clip(-1, 1), atol=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="sample rate of 16000 Hz"):
        signatures["wav_to_wav"](wav_bytes=tf.constant([wav(noisy, 8000)]))
    check_no_xla(signatures)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"objective": "wgan_gp"}, "lsgan, hinge. Received: objective='wgan_gp'"),
        ({"adversarial": 0.0, "wave_l1": 0.0}, "one of them above 0"),
        ({"stft_l1": -1.0}, "must be 0 or more"),
        ({"stft_parts": [0.0, 0.0]}, "two factors"),
        ({"stft_resolutions": [[2048, 128, 2048]]}, "1024 samples of a window"),
        ({"pre_emphasis": 1.0}, r"in \[0, 1\)"),
        ({"window": 1000}, "1024 would do"),
        ({"width": 0.0}, "width must be above 0"),
        ({"norm": "layer"}, "vbn_segan, bn"),
        ({"head": "mlp"}, "conv, dense"),
    ],
)
def test_settings_that_cannot_be_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        SEGANPlus(**{**PLUS, "filters": [4, 8, 8, 8, 8], **change})


def test_optimizers_are_the_released_ones():
    plain, plus = SEGAN(**PLAIN).optimizers(), SEGANPlus(**PLUS).optimizers()
    assert all(isinstance(o, TF1RMSprop) for o in plain)
    for pair, settings in ((plain, (2e-4, 0.9, 1e-10)), (plus, (5e-5, 0.99, 1e-16))):
        for optimizer in pair:
            config = optimizer.get_config()
            found = [config[name] for name in ("learning_rate", "rho", "epsilon")]
            assert found == pytest.approx(list(settings)) and config["momentum"] == 0


def test_recipes_are_the_published_sizes_and_light_ones():
    recipes = {name: tf_audio_gan.load_recipe(name) for name in models.recipes() if name.startswith("segan")}
    published = {"segan", "segan_plus", "segan_vctk", "segan_plus_vctk"}
    light = ("segan_plus_light", "segan_plus_light_l1", "segan_speech")
    assert set(recipes) == {*published, *light}
    light = [recipes[name].build_model().loss_weights for name in light]
    terms = [{k: v for k, v in weights.items() if k.startswith("g/")} for weights in light]
    assert terms == [
        {"g/adversarial": 1.0, "g/wave_l1": 100.0},
        {"g/wave_l1": 100.0},
        {"g/wave_l1": 50.0, "g/stft_l1": 25.0},
    ]
