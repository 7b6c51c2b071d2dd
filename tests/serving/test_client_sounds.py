"""Sounds from a server against those of the same models here: seeds, labels, mels and noisy speech, over both."""

import concurrent.futures

import numpy as np
import pytest
import soundfile

import tf_audio_gan
from tests.models.test_enhancer import PLUS
from tests.models.test_vocoder import MELGAN, QUICK_PWG
from tf_audio_gan.serving.asking import parts

MODELS = {
    "digits": lambda: tf_audio_gan.WaveGAN(length=256, strides=[4, 4], dim=2, labels=["one", "two", "three"]),
    "melgan": lambda: tf_audio_gan.MelGAN(**MELGAN),
    "pwg": lambda: tf_audio_gan.ParallelWaveGAN(**QUICK_PWG),
    "segan": lambda: tf_audio_gan.SEGANPlus(**PLUS),
}
HALF_STEP = 0.5 / 32768  # of 16 bits


@pytest.fixture(scope="module")
def models():
    return {name: make() for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    from tf_audio_gan.serving import Server

    out = tmp_path_factory.mktemp("exports")
    for name, model in models.items():
        tf_audio_gan.export(model, out / name)
    with Server({name: out / name for name in models}, port=0, grpc_port=0) as server:
        yield server


@pytest.fixture(params=["http", "grpc"])
def connect(request, server):
    """Makes a client of a model, and a function that compares its sounds with those made here."""
    clients = []

    def check(audio, wanted):
        if request.param == "http":
            np.testing.assert_allclose(audio, wanted.clip(-1, 1 - 1 / 32768), atol=HALF_STEP + 1e-5)
        else:
            np.testing.assert_allclose(audio, wanted, atol=1e-5)

    def client(name):
        url = server.url if request.param == "http" else f"grpc://127.0.0.1:{server.grpc_port}"
        clients.append(tf_audio_gan.Client(url, name))
        return clients[-1], check

    yield client
    for one in clients:
        one.close()


@pytest.fixture
def floats(server):
    """Makes a client over gRPC of a model, whose sounds are those made here."""
    return lambda name: tf_audio_gan.Client(f"grpc://127.0.0.1:{server.grpc_port}", name)


def test_generate(connect, models):
    client, check = connect("digits")
    model = models["digits"]
    assert client.description["task"] == "generation" and client.description["length"] == 256
    cases = [
        {"n": 5, "seed": 3},
        {"seed": [7, -(2**40)], "labels": "two"},
        {"n": 3, "seed": 2**40, "labels": [2, 0, 1]},
        {"n": 2, "labels": {"one": 0.25, "three": 0.75}},
        {"n": 2, "seed": 9, "labels": np.array([[0.5, 0.5, 0], [0, 0, 1.0]])},
    ]
    for case in cases:
        audio, rate = client.generate(**case, batch_size=2)
        wanted = model.generate(**{"n": len(np.atleast_1d(case.get("seed", 0))), **case})
        assert rate == 16000 and audio.dtype == np.float32
        check(audio, wanted)
    for wrong in ("four", 3, np.ones(2)):
        with pytest.raises(ValueError, match="one, two, three|float"):
            client.generate(labels=wrong)
    with pytest.raises(ValueError, match="takes no pitch. Received: pitch=60"):
        client.generate(pitch=60)


def test_a_model_of_notes_is_asked_for_pitches(monkeypatch):
    sent = []
    client = tf_audio_gan.Client("http://127.0.0.1:1", "notes", description={"sample_rate": 8000})
    signature = {"inputs": {"seed": {"dtype": "DT_INT64"}, "pitch": {"dtype": "DT_INT64"}}, "outputs": {}}
    monkeypatch.setattr(client._wire, "metadata", lambda spec: {"wav": signature})

    def predict(spec, name, signature, inputs):
        sent.append({key: value.tolist() for key, value in inputs.items()})
        return {"wav_bytes": [parts_wav() for _ in inputs["seed"]]}

    monkeypatch.setattr(client._wire, "predict", predict)
    assert client.generate(n=3, pitch=60, batch_size=2).audio.shape == (3, 4, 1)
    assert sorted(sent, key=str) == [{"seed": [0, 1], "pitch": [60, 60]}, {"seed": [2], "pitch": [60]}]
    client.generate(n=2, pitch=[60, 72])
    assert sent[-1]["pitch"] == [60, 72]
    with pytest.raises(ValueError, match="'notes' makes notes: give pitch"):
        client.generate()


def parts_wav():
    from tf_audio_gan.serving.asking.sounds import wav_of

    return wav_of(np.zeros((4, 1), "float32"), 8000)


@pytest.mark.parametrize("name", ["melgan", "pwg"])
def test_vocode_of_any_length_is_what_is_made_here(connect, models, name):
    client, check = connect(name)
    model = models[name]
    mel = np.random.default_rng(1).normal(-2, 1, (90, 20)).astype("float32")
    for frames in (1, 40, 90):
        audio, rate = client.vocode(mel[:frames], chunk_frames=16, seed=-5)
        assert rate == 8000 and audio.shape == (64 * frames, 1) and audio.dtype == np.float32
        check(audio, model.vocode(mel[:frames], seed=-5))
    check(client.vocode(mel).audio, model.vocode(mel))


def test_vocode_says_what_a_mel_is_and_what_a_vocoder(connect):
    client, _ = connect("melgan")
    for wrong in (np.zeros((20, 90)), np.zeros((1, 90, 20)), np.full((2, 20), np.nan), np.zeros((0, 20))):
        with pytest.raises(ValueError, match=r"must be finite, \[frames, 20\]. Received: shape"):
            client.vocode(wrong)
    with pytest.raises(ValueError, match="It looks transposed"):
        client.vocode(np.zeros((20, 90)))
    with pytest.raises(ValueError, match="'melgan', a MelGAN, is for vocoding"):
        client.enhance(np.zeros(100, "float32"))
    with pytest.raises(ValueError, match="no signature '(wav|from_seed)': it makes no sounds of seeds|takes"):
        client.generate()


@pytest.fixture(scope="module")
def noisy():
    return np.random.default_rng(1).uniform(-0.4, 0.4, 40000).astype("float32")


def test_enhance_of_any_length_is_what_is_made_here(floats, models, noisy, monkeypatch):
    monkeypatch.setattr(parts, "PART_SECONDS", 0.3)  # 9 half windows of 512
    model, lengths = models["segan"], (1, 700, 5000, 40000)
    with floats("segan") as client:
        for length in lengths:
            audio, rate = client.enhance(noisy[:length], seed=4, blend=0.25)
            assert rate == 16000 and audio.shape == (length,) and audio.dtype == np.float32
            np.testing.assert_allclose(audio, model.enhance(noisy[:length], seed=4, blend=0.25), atol=1e-5)
        two = np.stack([noisy[:3000], noisy[3000:6000]], 1)
        audio, _ = client.enhance(two)
        for channel in range(2):
            np.testing.assert_allclose(audio[:, channel], model.enhance(two[:, channel]), atol=1e-5)


def test_enhance_over_rest_rounds_to_16_bits_there_and_back(server, models, noisy, monkeypatch):
    monkeypatch.setattr(parts, "PART_SECONDS", 0.3)
    sent = np.rint(noisy * 32768) / np.float32(32768)
    audio, rate = tf_audio_gan.Client(server.url, "segan").enhance(noisy)
    assert rate == 16000
    np.testing.assert_allclose(audio, models["segan"].enhance(sent).clip(-1, 1), atol=HALF_STEP + 1e-5)


@pytest.mark.parametrize("scheme, signature", [("http", "wav_to_wav"), ("grpc", "enhance")])
def test_parts_of_an_enhancer_without_latents_join_without_a_seam(noisy, monkeypatch, scheme, signature):
    """By a server whose model leaves audio as it is."""
    monkeypatch.setattr(parts, "PART_SECONDS", 0.1)
    said = {"model": "SEGANPlus", "task": "enhancement", "sample_rate": 16000, "length": 512, "pre_emphasis": 0.95}
    client, asked = tf_audio_gan.Client(f"{scheme}://127.0.0.1:1", "same", description=said), []
    name, dtype = ("wav_bytes", "DT_STRING") if scheme == "http" else ("audio", "DT_FLOAT")
    one = {signature: {"inputs": {name: {"dtype": dtype}}, "outputs": {name: {"dtype": dtype}}}}
    monkeypatch.setattr(client._wire, "metadata", lambda spec: one)
    monkeypatch.setattr(client._wire, "predict", lambda *given: asked.append(given[1]) or given[3])
    audio, _ = client.enhance(noisy[:10001])
    np.testing.assert_allclose(audio, noisy[:10001], atol=HALF_STEP + 1e-7 if scheme == "http" else 0)
    assert asked == [signature] * 7  # of 6 half windows each


def test_enhance_of_a_file_keeps_rate_channels_and_length(floats, models, noisy, tmp_path):
    path = tmp_path / "in" / "noisy.wav"
    path.parent.mkdir()
    soundfile.write(path, np.stack([noisy[:20001], noisy[-20001:]], 1), 22050)
    tf_audio_gan.enhance(models["segan"], path, tmp_path / "out", float32=True)
    wanted, _ = soundfile.read(tmp_path / "out" / "noisy.wav", dtype="float32")
    with floats("segan") as client:
        audio, rate = client.enhance(path)
        assert rate == 22050 and audio.shape == (20001, 2)
        np.testing.assert_allclose(audio, wanted, atol=1e-5)
        with pytest.raises(FileNotFoundError, match="no such file"):
            client.enhance(tmp_path / "none.wav")
        for wrong in (np.zeros(5, "int16"), np.zeros((1, 2, 3)), np.full(5, np.nan), np.zeros(0)):
            with pytest.raises(ValueError, match="audio must be finite float"):
                client.enhance(wrong)
        with pytest.raises(ValueError, match="blend must be from 0 to 1"):
            client.enhance(path, blend=2)


def test_threads_share_a_client(connect):
    client, _ = connect("digits")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sounds = list(pool.map(lambda seed: client.generate(seed=seed % 4).audio, range(32)))
    for number, sound in enumerate(sounds):
        np.testing.assert_array_equal(sound, sounds[number % 4])
    assert len({sound.tobytes() for sound in sounds}) == 4
