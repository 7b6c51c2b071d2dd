"""Other people's clients against the embedded server, each with every kind of exported model: `make test-clients`.

What a bare machine has, curl, is tried with two of the models in `make test` too.
"""

import importlib.util
import json
import re
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
NAMES = sorted(MODELS) if all(INSTALLED.values()) else ["controlgan", "melgan"]
GRPC_JS = (CLIENTS / "node_modules" / "@grpc" / "grpc-js").is_dir() and shutil.which("node")
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


@pytest.mark.skipif(not GRPC_JS, reason=ONLY)
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
            const made = await predict("grpc://127.0.0.1:{server.grpc_port}", "{name}", "{signature}", inputs);
            process.stdout.write(JSON.stringify(made));
        """
        reply = json.loads(run("node", "--input-type=module", "-e", script, text=json.dumps(tensors)))
        assert {key: tuple(out["shape"]) for key, out in reply.items()} == {k: x.shape for k, x in expected.items()}
        agree({key: out["values"] for key, out in reply.items()}, expected)


def run(*command, text=None):
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def examples(name, model, folder):
    """What the examples are given, and the WAV signature's answer by the model itself."""
    if model.task == "generation":
        more = {"labels": 1} if model.labels and name != "gansynth" else {"pitch": 60} if name == "gansynth" else {}
        inputs = {"seed": np.array([5]), **{key: np.array([value]) for key, value in more.items()}}
        made = model.signatures()["from_seed"].function(
            **{k: keras.ops.convert_to_tensor(x) for k, x in inputs.items()}
        )
        return [(json.dumps({"seed": 5, **more}) if more else "5", made["audio"])]
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, (8192, 1)).astype("float32")
    write_audio(folder / "in.wav", samples, model.sample_rate)
    heard = soundfile.read(folder / "in.wav", dtype="float32", always_2d=True)[0]
    (whole,) = [s for s in model.signatures().values() if s.wav == "wav_to_wav"]
    made = [(folder / "in.wav", whole.function(audio=keras.ops.convert_to_tensor(heard[None]))["audio"])]
    if model.task == "vocoding":
        inputs, expected = asked(model, "serving_default")
        (folder / "mel.json").write_text(json.dumps(inputs["mel"][0].tolist()))
        made.append((folder / "mel.json", expected["audio"]))
    return made


def as_the_model(path, model, expected):
    audio, rate = soundfile.read(path, always_2d=True)
    assert rate == model.sample_rate
    np.testing.assert_allclose(audio, np.clip(keras.ops.convert_to_numpy(expected)[0], -1, 1), atol=1.6 / 32767)


@pytest.fixture(params=["sounds.sh", "sounds.mjs", "grpc.mjs"])
def program(request, served):
    """The command of an example, and its server's address."""
    return command_of(request.param), address_of(request.param, served[0])


def command_of(name):
    """The command of an example of serving/clients; skips, with the reason, where it cannot run."""
    for needed in ["curl"] if name == "sounds.sh" else ["node"]:
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed")
    if name == "grpc.mjs" and not GRPC_JS:
        pytest.skip(ONLY)
    return [str(CLIENTS / name)] if name == "sounds.sh" else ["node", str(CLIENTS / name)]


def address_of(name, server):
    return f"grpc://127.0.0.1:{server.grpc_port}" if name == "grpc.mjs" else server.url


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_make_sounds(name, program, served, tmp_path):
    (command, address), model = program, served[1][name]
    for given, expected in examples(name, model, tmp_path):
        assert run(*command, address, name, given, tmp_path / "out.wav") == ""
        as_the_model(tmp_path / "out.wav", model, expected)


def test_the_examples_say_what_the_server_says(program, tmp_path):
    (command, address), out = program, tmp_path / "a.wav"

    def refused(*arguments):
        done = subprocess.run([*command, address, *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert done.returncode and not out.exists()
        return done.stderr

    assert "labels must be from 0 to 1" in refused("controlgan", '{"seed": 1, "labels": 9}', out)
    assert "Servable not found" in refused("nobody", "1", out)
    assert "none.wav" in refused("controlgan", tmp_path / "none.wav", out)
    assert "OUT.wav" in refused("controlgan") or "kick.wav" in refused("controlgan")


def test_the_examples_run_from_any_folder(program, tmp_path):
    (tmp_path / "my clients").symlink_to(CLIENTS)
    (*before, script), address = program
    script = tmp_path / "my clients" / Path(script).name
    run(*before, script, address, "controlgan", '{"seed": 1, "labels": 0}', tmp_path / "a.wav")
    assert soundfile.info(tmp_path / "a.wav").frames == MODELS["controlgan"]["length"]


FIELD = re.compile(r"^\s*(repeated )?(?:map<string, ([\w.]+)>|([\w.]+)) (\w+) = (\d+);", re.M)


def fields_of(text):
    """{message: {field: (number, type, whether repeated)}} and {enumeration: {name: number}} of a .proto file."""
    messages, enums, stack = {}, {}, []
    for line in text.splitlines():
        line = line.partition("//")[0].rstrip()
        if opened := re.match(r"\s*(message|enum|oneof|service) (\w+) {", line):
            stack.append(opened.groups())
        elif line.strip() == "}":
            stack.pop()
        elif stack and stack[-1][0] == "enum":
            name, number = line.strip(" ;").split(" = ")
            enums.setdefault(stack[-1][1], {})[name] = int(number)
        elif found := FIELD.match(line):
            repeated, value, kind, name, number = found.groups()
            owner = [message for what, message in stack if what == "message"][-1]
            messages.setdefault(owner, {})[name] = (int(number), value or kind, bool(repeated or value))
    assert not stack
    return messages, enums


def official(field):
    """The same of a field of a descriptor."""
    number = field.number
    repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
    if field.message_type and field.message_type.GetOptions().map_entry:
        field = field.message_type.fields_by_name["value"]
    scalars = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes"}
    kind = field.message_type or field.enum_type
    return number, kind.full_name if kind else scalars[field.type], repeated


def same_wire(classes, names):
    """Messages of prediction.proto have the fields of others' classes; `names`: what the types are called there."""
    messages, enums = fields_of((CLIENTS / "protos" / "prediction.proto").read_text())
    for name, other in classes.items():
        for field, (number, kind, repeated) in messages[name].items():
            found = other.DESCRIPTOR.fields_by_name[field]
            assert official(found) == (number, names.get(kind, kind), repeated), (name, field)
            if found.enum_type:
                values = {key: value.number for key, value in found.enum_type.values_by_name.items()}
                assert enums[kind].items() <= values.items()
    return set(messages)


def test_tensors_of_the_proto_are_tensorflows():
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2

    shape, dim = "tensorflow.TensorShapeProto", "tensorflow.TensorShapeProto.Dim"
    classes = {"Tensor": tensor_pb2.TensorProto, "Shape": tensor_shape_pb2.TensorShapeProto}
    classes["Dim"] = classes["Shape"].Dim
    found = same_wire(classes, {"DataType": "tensorflow.DataType", "Shape": shape, "Dim": dim})
    assert found > set(classes), "and the services' own messages"


@pytest.mark.skipif(not INSTALLED["tensorflow_serving"], reason=ONLY)
def test_messages_of_the_proto_are_the_services():
    from tensorflow_serving.apis import model_pb2, predict_pb2

    classes = {"ModelSpec": model_pb2.ModelSpec}
    classes |= {name: getattr(predict_pb2, name) for name in ("PredictRequest", "PredictResponse")}
    names = {"ModelSpec": "tensorflow.serving.ModelSpec", "Tensor": "tensorflow.TensorProto"}
    assert same_wire(classes, names) == {*classes, "Tensor", "Shape", "Dim"}
