"""What every vocoder does, on small ones: phases, chunks, streams, mel settings, export. Contract: test_contracts."""

import io
import json

import keras
import numpy as np
import pytest
import soundfile

import tf_audio_gan
from tests.models.exported import check_no_xla, wav
from tests.peers import parameters
from tf_audio_gan import MelFrontEnd, MelGAN, MultiBandMelGAN, ParallelWaveGAN
from tf_audio_gan.models import vocoder

MELS = {"sample_rate": 8000, "n_fft": 256, "hop_length": 64, "n_mels": 20}
SMALL = {"d_channels": 4, "d_max_channels": 16, "d_scales": 2, "downsample_scales": [4, 4], "front_end": MELS}
MELGAN = {**SMALL, "segment_length": 1024, "channels": 32, "upsample_scales": [8, 4, 2], "stacks": 1}
BANDS = {**SMALL, "segment_length": 4096, "channels": 32, "upsample_scales": [4, 2, 2], "stacks": 2}
PWG = {
    "front_end": {**MELS, "padding": "centre"}, "segment_length": 4096, "blocks": 4, "stacks": 2,
    "residual_channels": 8, "gate_channels": 16, "skip_channels": 8, "upsample_scales": [4, 4, 4],
    "d_layers": 4, "d_channels": 8,
}  # fmt: skip
QUICK = {"stft_loss": 0.0, "mel_l1": 1.0, "segment_length": 1024}  # keywords of models that are soon traced
QUICK_PWG = {**PWG, **QUICK, "blocks": 1, "stacks": 1, "d_layers": 2, "upsample_scales": [64]}
QUICK_BANDS = {**BANDS, **QUICK, "subband_stft_loss": 0.0, "stacks": 1, "d_scales": 1}
EQUAL = 1e-6 if keras.backend.backend() == "tensorflow" else 3e-6  # one pass and chunks: sums in another order
CASES = {
    "melgan": (MelGAN, {**MELGAN, "mel_discriminator": "1d", "mel_l1": 1.0, "mel_l2": 0.5}),
    "multiband_melgan": (MultiBandMelGAN, {**BANDS, "discriminator_start": 0}),
    "parallel_wavegan": (ParallelWaveGAN, {**PWG, "discriminator_start": 0}),
}


def batch_for(model, n=3):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (n, model.length, 1)).astype("float32")


@pytest.fixture(scope="module", params=CASES, name="model")
def small_model(request):
    cls, keywords = CASES[request.param]
    return cls(**keywords)


@pytest.fixture(scope="module", name="mel")
def some_mel():
    return np.random.default_rng(1).normal(-2, 1, (90, 20)).astype("float32")


@pytest.mark.parametrize("cls, keywords", [(MultiBandMelGAN, QUICK_BANDS), (ParallelWaveGAN, QUICK_PWG)])
def test_the_discriminator_starts_at_its_step_and_in_a_resumed_run_too(cls, keywords, tmp_path):
    model = cls(**keywords | {"discriminator_start": 2})
    model.compile(run_eagerly=True)
    before = model.discriminator.get_weights()
    batch = batch_for(model)
    logs = model.fit(np.concatenate([batch, batch]), batch_size=3, epochs=1, verbose=0, shuffle=False).history
    assert [int(o.iterations) for o in (model.optimizer, model.d_optimizer)] == [2, 0] and logs["d/adversarial"] == [0]
    assert all(map(np.array_equal, before, model.discriminator.get_weights()))
    path = tmp_path / "x.keras"
    model.save(path)
    for again in (model, tf_audio_gan.load_model(path)):
        again.run_eagerly = True
        logs = again.fit(batch, batch_size=3, epochs=1, verbose=0, shuffle=False).history
        assert [int(o.iterations) for o in (again.optimizer, again.d_optimizer)] == [3, 1]
        assert logs["d/adversarial"][0] > 0 and not np.array_equal(before[0], again.discriminator.get_weights()[0])
    for a, b in zip(model.generator.get_weights(), again.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_initial_weights_of_parallel_wavegan_are_chosen_by_name():
    spreads = {}
    for init in ("he", "uniform"):
        model = ParallelWaveGAN(**PWG, init=init)
        assert model.get_config()["init"] == init
        spreads[init] = np.std(model.generator.convs["head_0"].layer.kernel)
    np.testing.assert_allclose(spreads["he"], np.sqrt(2 / 8), rtol=0.3)  # of 8 inputs
    np.testing.assert_allclose(spreads["uniform"], np.sqrt(1 / 3 / 8), rtol=0.3)
    with pytest.raises(ValueError, match="one of uniform, normal, he. Received: 'xavier'"):
        ParallelWaveGAN(**PWG, init="xavier")


def test_phases_also_change_within_a_call_of_fit():
    model = ParallelWaveGAN(**QUICK_PWG | {"discriminator_start": 2})
    model.compile()
    model.fit(batch_for(model, 5), batch_size=1, epochs=1, verbose=0, shuffle=False)
    assert [int(o.iterations) for o in (model.optimizer, model.d_optimizer)] == [5, 3]


def test_chunks_and_streams_equal_one_pass(model, mel):
    whole = model.vocode(mel, seed=3, chunk_frames=1000)
    assert whole.shape == (90 * 64, 1)
    for size in (1, 17, 32):
        np.testing.assert_allclose(model.vocode(mel, seed=3, chunk_frames=size), whole, atol=EQUAL)
    arriving = model.stream((mel[i : i + 7] for i in range(0, 90, 7)), seed=3, chunk_frames=8)
    np.testing.assert_allclose(np.concatenate(list(arriving)), whole, atol=EQUAL)
    folded, unfolded = whole, np.asarray(model(mel[None], np.array([3])))[0]
    np.testing.assert_allclose(folded, unfolded, atol=EQUAL)
    few = model.vocode(mel[:2])
    assert few.shape == (128, 1) and np.isfinite(few).all()


def test_chunks_need_the_overlap_they_take(model, mel, monkeypatch):
    whole = model.vocode(mel, chunk_frames=1000)
    monkeypatch.setattr(model, "receptive_frames", 1)
    assert np.abs(model.vocode(mel, chunk_frames=16) - whole).max() > 1e-6


def test_bfloat16_is_near_float32_and_not_it(model, mel):
    """Measured on these: 45, 52 and 32 dB; at the papers' sizes, untrained, 31, 48 and 38."""
    exact = model.vocode(mel, seed=3)
    rounded = model.vocode(mel, seed=3, precision="bfloat16")
    assert rounded.dtype == np.float32 and not np.array_equal(exact, rounded)
    ratio = 10 * np.log10(np.mean(exact**2) / np.mean((exact - rounded) ** 2))
    assert ratio > 25, ratio
    parts = np.concatenate(list(model.stream([mel[:40], mel[40:]], seed=3, chunk_frames=16, precision="bfloat16")))
    assert 10 * np.log10(np.mean(exact**2) / np.mean((exact - parts) ** 2)) > 25
    np.testing.assert_array_equal(model.vocode(mel, seed=3), exact)
    with pytest.raises(ValueError, match="float32, bfloat16. Received: precision='float16'"):
        model.vocode(mel, precision="float16")


def test_the_command_takes_a_precision(command, mel, tmp_path):
    MelGAN(**MELGAN).save_to_preset(tmp_path / "p")
    np.save(tmp_path / "mel.npy", mel)
    options = ("vocode", tmp_path / "p", tmp_path / "mel.npy", "--out", tmp_path / "o", "--precision")
    status, out, _ = command(*options, "bfloat16")
    assert status == 0 and "1 files, 0.7 s" in out
    found = json.loads(command(*options, "bfloat16", "--json")[1])
    assert found["files"] == [str(tmp_path / "o" / "mel.wav")] and found["clipped"] == 0 and found["skipped"] == []
    status, _, err = command(*options, "half")
    assert status == 1 and "precision must be one of float32, bfloat16. Received: precision='half'" in err


def test_latency_is_a_chunk_and_what_is_seen_ahead(model, mel):
    came, left = [], []

    def one_by_one():
        for frame in mel:
            came.append(frame)
            yield frame[None]

    for audio in model.stream(one_by_one(), chunk_frames=8):
        left.append((len(came), len(audio) // 64))
    assert left[0] == (8 + model.receptive_frames, 8) and left[1] == (16 + model.receptive_frames, 8)
    assert model.latency(8) == (8 + model.receptive_frames) * 64 / 8000


def test_analysis_in_blocks_is_the_front_ends(model, monkeypatch):
    monkeypatch.setattr(vocoder, "CHUNK", 20)
    audio = np.random.default_rng(2).uniform(-0.5, 0.5, (9000, 1)).astype("float32")
    padded = np.pad(audio, ((0, -9000 % 64), (0, 0)))
    wanted = np.asarray(model.front_end(padded[None]))[0][: len(padded) // 64]
    found = np.concatenate(list(model.analyse([audio[:100], audio[100:100], audio[100:5000], audio[5000:]])))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    short = np.concatenate(list(model.analyse([audio[:70]])))
    assert short.shape == (2, 20) and np.isfinite(short).all()


def test_mels_of_other_settings_are_converted_or_refused_by_name(model, mel):
    theirs = MelFrontEnd(**{**model.front_end.get_config(), "log": "ln"})
    np.testing.assert_allclose(
        model.vocode(mel * np.log(10).astype("float32"), settings=theirs), model.vocode(mel), atol=2e-5
    )
    with pytest.raises(
        ValueError, match=r"fmax 7600.0 instead of 4000.0.*Expected: MelFrontEnd.*Received: MelFrontEnd"
    ):
        model.vocode(mel, settings={**model.front_end.get_config(), "sample_rate": 16000, "fmax": 7600.0})
    for wrong in (mel.T, mel[None], mel[:, :19]):
        with pytest.raises(ValueError, match=r"mel spectrogram must be \[frames, 20\]"):
            model.vocode(wrong)
    with pytest.raises(ValueError, match="NaN"):
        model.vocode(np.full_like(mel, np.nan))
    with pytest.raises(ValueError, match="use vocode"):
        model.generate(1)


def test_noise_is_the_seeds_alone(mel):
    model = ParallelWaveGAN(**PWG)
    a, b, again = (model.vocode(mel, seed=seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(a, again)
    assert np.abs(a - b).max() > 1e-3


def test_a_part_of_a_longer_mel_has_the_noise_of_its_place(mel):
    model = ParallelWaveGAN(**PWG)
    part, reach, whole = model.signatures()["part"], model.receptive_frames, model.vocode(mel, seed=-4)
    rows = np.stack([mel[:40], mel[20:60]])
    found = part.function(mel=rows, seed=np.array([-4, -4]), first=np.array([0, 20]))["audio"]
    first, second = np.asarray(found)
    np.testing.assert_allclose(first[: (40 - reach) * 64], whole[: (40 - reach) * 64], atol=1e-5)
    np.testing.assert_allclose(
        second[reach * 64 : (40 - reach) * 64], whole[(20 + reach) * 64 : (60 - reach) * 64], atol=1e-5
    )
    assert "part" not in MelGAN(**MELGAN).signatures() and model.description()["receptive_frames"] == reach


def test_segments_meet_their_own_mel(model):
    """The mel of a training pair is, away from a crop's edges, that of the recording at the same place."""
    draws = tf_audio_gan.backend.Draws(0, 0)
    batch = batch_for(model)
    model_gain, model.gain = model.gain, (1.0, 1.0)
    real, mel = (np.asarray(x) for x in model.pair(batch, draws))
    model.gain = model_gain
    start = model.context * 64
    np.testing.assert_array_equal(real, batch[:, start : start + model.segment_frames * 64])
    first = model.context - model.aux_context
    np.testing.assert_array_equal(mel, np.asarray(model.front_end(batch))[:, first : first + mel.shape[1]])
    assert mel.shape[1] == model.segment_frames + 2 * model.aux_context


def test_export_answers_mels_and_wav_files(model, mel, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="exports are TensorFlow's")
    folder = tf_audio_gan.export(model, tmp_path / "v")
    loaded = tf.saved_model.load(str(folder))
    audio = loaded.signatures["serving_default"](mel=tf.constant(mel[None]))["audio"].numpy()[0]
    np.testing.assert_allclose(audio, model.vocode(mel), atol=1e-5)
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, 6400).astype("float32")
    files = {rate: tf.constant([wav(np.stack([sound, sound], 1), rate)]) for rate in (8000, 16000)}
    answer = loaded.signatures["wav_to_wav"](wav_bytes=files[8000])["wav_bytes"].numpy()
    back, rate = soundfile.read(io.BytesIO(answer[0]))
    wanted = model.vocode(np.concatenate(list(model.analyse([sound[:, None]]))))[:, 0]
    assert rate == 8000 and abs(len(back) - len(wanted)) <= 64
    inner = slice(0, 6400 - 64 * (model.receptive_frames + 4))
    np.testing.assert_allclose(back[inner], np.clip(wanted[inner], -1, 1), atol=3e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="sample rate of 8000 Hz"):
        loaded.signatures["wav_to_wav"](wav_bytes=files[16000])
    check_no_xla(loaded.signatures)


@pytest.mark.parametrize(
    "cls, change, message",
    [
        (MelGAN, {"upsample_scales": [8, 8, 2]}, "must be the hop, 64"),
        (MelGAN, {"segment_length": 1000}, "multiple of the hop, 64"),
        (MelGAN, {"discriminator_start": 5}, "without a loss"),
        (MelGAN, {"objective": "wgan_gp"}, "hinge, lsgan"),
        (MelGAN, {"subband_stft_loss": 1.0}, "needs bands"),
        (MelGAN, {"front_end": "tacotron"}, "melgan, kan_bayashi"),
        (MelGAN, {"front_end": {"hop": 3}}, "keywords of MelFrontEnd"),
        (MelGAN, {"gain": [2.0, 1.0]}, "0 < lowest <= highest"),
        (ParallelWaveGAN, {"context": 1}, "at least 2 mel frames"),
    ],
)
def test_settings_that_contradict_each_other(cls, change, message):
    with pytest.raises(ValueError, match=message):
        cls(**{**(PWG if cls is ParallelWaveGAN else MELGAN), **change})


@pytest.mark.parametrize(
    "cls, generator, discriminator",
    [(MelGAN, 4_266_050, 16_924_086), (MultiBandMelGAN, 2_539_448, 4_354_998), (ParallelWaveGAN, 1_341_818, 99_842)],
)
def test_published_sizes_of_the_defaults(cls, generator, discriminator):
    """With the gains of weight normalisation; the tests of the networks count them folded too."""
    model = cls()
    assert parameters(model.generator) == generator
    assert parameters(model.discriminator) == discriminator
