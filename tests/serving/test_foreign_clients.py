"""Other people's clients against the embedded server, each with every kind of exported model: `make test-clients`.

What a bare machine has, curl, is tried with three of the models in `make test` too.
"""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from tests.test_device import MODELS
from tf_audio_gan import export, models
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.serving.server import Server

CLIENTS = Path(__file__).parents[2] / "serving" / "clients"
INSTALLED = {name: importlib.util.find_spec(name) is not None for name in ("ovmsclient", "tensorflow_serving")}
NAMES = sorted(MODELS) if all(INSTALLED.values()) else ["controlgan", "melgan", "segan_plus"]
ONLY = "`make test-clients` installs it"
TYPES = {"float32": "DT_FLOAT", "int64": "DT_INT64"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(server, {name: model}) of a small export of every model."""
    folder, made = tmp_path_factory.mktemp("exports"), {}
    for name in NAMES:
        made[name] = models.model_class(name)(**MODELS[name])
        export(made[name], folder / name)
    with Server({name: folder / name for name in NAMES}, port=0, grpc_port=0) as server:
        yield server, made


def asked(model, signature):
    """(inputs, the model's own answer) of a signature, on random numbers."""
    s, rng = model.signatures()[signature], np.random.default_rng(1)
    inputs = {}
    for name, (shape, dtype) in s.inputs.items():
        size = [2, *(s.steps if n is None else n for n in shape[1:])]
        whole = {"labels": 1, "pitch": 60, "seed": 5}.get(name, 0)
        inputs[name] = np.full(size, whole, dtype) if "int" in dtype else rng.uniform(-1, 1, size).astype(dtype)
    made = s.function(**{name: keras.ops.convert_to_tensor(x) for name, x in inputs.items()})
    return inputs, {name: keras.ops.convert_to_numpy(x) for name, x in made.items()}


def agree(found, expected):
    assert set(found) == set(expected)
    for name, x in expected.items():
        np.testing.assert_allclose(np.asarray(found[name]).reshape(x.shape), x, atol=1e-5 * max(1, np.abs(x).max()))


@pytest.mark.skipif(not INSTALLED["tensorflow_serving"], reason=ONLY)
@pytest.mark.parametrize("name", NAMES)
def test_the_official_stub(name, served):
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    server, made = served
    for signature in made[name].signatures():
        inputs, expected = asked(made[name], signature)
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", [("grpc.enable_http_proxy", 0)]) as channel:
            reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
        agree({key: tf.make_ndarray(value) for key, value in reply.outputs.items()}, expected)


@pytest.mark.skipif(not INSTALLED["ovmsclient"], reason=ONLY)
@pytest.mark.parametrize("kind", ["grpc", "http"])
@pytest.mark.parametrize("name", NAMES)
def test_ovmsclient(name, kind, served):
    """It knows `serving_default` alone, asks for version 0 unless told, and gives a single output without its name."""
    import ovmsclient

    server, made = served
    inputs, expected = asked(made[name], "serving_default")
    make = ovmsclient.make_grpc_client if kind == "grpc" else ovmsclient.make_http_client
    client = make(f"127.0.0.1:{server.grpc_port if kind == 'grpc' else server.port}")
    found = client.predict(inputs=inputs, model_name=name, model_version=1)
    agree({"audio": found}, expected)
    assert client.get_model_status(model_name=name, model_version=1)


@pytest.mark.skipif(not (CLIENTS / "node_modules" / "@grpc" / "grpc-js").is_dir(), reason=ONLY)
@pytest.mark.parametrize("name", NAMES)
def test_grpc_js(name, served):
    server, made = served
    for signature in made[name].signatures():
        inputs, expected = asked(made[name], signature)
        tensors = {
            key: ["DT_INT64" if x.dtype == "int64" else "DT_FLOAT", list(x.shape), x.ravel().tolist()]
            for key, x in inputs.items()
        }
        script = f"""
            import {{ predict, tensor }} from {json.dumps((CLIENTS / "grpc.mjs").as_uri())};
            let text = "";
            for await (const part of process.stdin) text += part;
            const inputs = Object.fromEntries(Object.entries(JSON.parse(text)).map(([k, v]) => [k, tensor(...v)]));
            const made = await predict("127.0.0.1:{server.grpc_port}", "{name}", "{signature}", inputs);
            process.stdout.write(JSON.stringify(made));
        """
        reply = json.loads(run("node", "--input-type=module", "-e", script, text=json.dumps(tensors)))
        assert {key: tuple(out["shape"]) for key, out in reply.items()} == {k: x.shape for k, x in expected.items()}
        agree({key: out["values"] for key, out in reply.items()}, expected)


def run(*command, text=None):
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example(name, model, folder):
    """What the examples are given, and the WAV signature's answer by the model itself."""
    if model.task == "generation":
        more = {"labels": 1} if model.labels and name != "gansynth" else {"pitch": 60} if name == "gansynth" else {}
        inputs = {"seed": np.array([5]), **{key: np.array([value]) for key, value in more.items()}}
        made = model.signatures()["from_seed"].function(
            **{k: keras.ops.convert_to_tensor(x) for k, x in inputs.items()}
        )
        return json.dumps({"seed": 5, **more}) if more else "5", made["audio"]
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, (8192, 1)).astype("float32")
    write_audio(folder / "in.wav", samples, model.sample_rate)
    heard = soundfile.read(folder / "in.wav", dtype="float32", always_2d=True)[0]
    (whole,) = [s for s in model.signatures().values() if s.wav == "wav_to_wav"]
    return folder / "in.wav", whole.function(audio=keras.ops.convert_to_tensor(heard[None]))["audio"]


def as_the_model(path, model, expected):
    audio, rate = soundfile.read(path, always_2d=True)
    assert rate == model.sample_rate
    np.testing.assert_allclose(audio, np.clip(keras.ops.convert_to_numpy(expected)[0], -1, 1), atol=1.6 / 32767)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_curl(name, served, tmp_path):
    server, made = served
    given, expected = example(name, made[name], tmp_path)
    run(CLIENTS / "sounds.sh", server.url, name, given, tmp_path / "out.wav")
    as_the_model(tmp_path / "out.wav", made[name], expected)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_says_what_the_server_says(served, tmp_path):
    command = [
        str(CLIENTS / "sounds.sh"),
        served[0].url,
        "controlgan",
        '{"seed": 1, "labels": 9}',
        str(tmp_path / "a.wav"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "answered 400" in done.stderr and "labels must be from 0 to 1" in done.stderr
    assert not (tmp_path / "a.wav").exists()
    assert subprocess.run(command[:2], capture_output=True).returncode == 2


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
@pytest.mark.parametrize("name", NAMES if all(INSTALLED.values()) else ["melgan"])
def test_javascript_over_rest(name, served, tmp_path):
    server, made = served
    given, expected = example(name, made[name], tmp_path)
    run("node", CLIENTS / "sounds.mjs", server.url, name, given, tmp_path / "out.wav")
    as_the_model(tmp_path / "out.wav", made[name], expected)
    if made[name].task == "vocoding":
        inputs, expected = asked(made[name], "serving_default")
        (tmp_path / "mel.json").write_text(json.dumps(inputs["mel"][0].tolist()))
        run("node", CLIENTS / "sounds.mjs", server.url, name, tmp_path / "mel.json", tmp_path / "mel.wav")
        as_the_model(tmp_path / "mel.wav", made[name], expected["audio"])
