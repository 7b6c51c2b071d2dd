import json

import numpy as np
import pytest
import tensorflow as tf

from tf_audio_gan import WaveGAN, export, exporting
from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.warmup import FILE, write_warmup_requests

OPTIONS = {"length": 256, "strides": [4, 4], "dim": 4, "post_filter": 8, "channels": 2, "sample_rate": 22050}


@pytest.fixture(scope="module")
def model():
    return WaveGAN(**OPTIONS)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    model.save_to_preset(tmp_path_factory.mktemp("preset") / "p")
    return export(str(model_preset(tmp_path_factory)), tmp_path_factory.mktemp("exports") / "hits")


def model_preset(factory):
    return next(factory.getbasetemp().glob("preset*/p"))


@pytest.fixture(scope="module")
def graph(exported):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    proto = SavedModel()
    proto.ParseFromString((exported / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0]


def test_signatures_repeat_the_model(model, exported):
    signatures = tf.saved_model.load(str(exported)).signatures
    assert set(signatures) == {"describe", "serving_default", "from_seed", "wav"}
    seeds = np.array([3, -7, 2**40], "int64")
    wanted = model.generate(3, seed=seeds)
    latents = tf.constant(np.asarray(model.latents(seeds)))
    np.testing.assert_allclose(signatures["serving_default"](latents=latents)["audio"], wanted, atol=1e-6)
    np.testing.assert_allclose(signatures["from_seed"](seed=tf.constant(seeds))["audio"], wanted, atol=1e-6)
    alone = signatures["from_seed"](seed=tf.constant(seeds[2:]))["audio"]
    np.testing.assert_allclose(alone[0], wanted[2], atol=1e-6)


def test_wav_bytes_are_a_wav_file(model, exported, tmp_path):
    wav = tf.saved_model.load(str(exported)).signatures["wav"](seed=tf.constant([5, 6], tf.int64))["wav_bytes"].numpy()
    (tmp_path / "x.wav").write_bytes(wav[1])
    audio, rate = read_audio(tmp_path / "x.wav")
    assert rate == 22050 and audio.shape == (256, 2)
    np.testing.assert_allclose(audio, np.clip(model.generate(1, seed=6)[0], -1, 1), atol=2 / 32767)


def test_it_describes_itself_once_a_row(model, exported):
    describe = tf.saved_model.load(str(exported)).signatures["describe"]
    first, second = describe(row=tf.constant([5, 0], tf.int64))["description"].numpy()
    wanted = {"model": "WaveGAN", "task": "generation", "sample_rate": 22050, "length": 256, "channels": 2}
    assert first == second and json.loads(first) == wanted


def test_every_tensor_has_a_batch_dimension_and_a_name(graph):
    signatures = {k: v for k, v in graph.signature_def.items() if not k.startswith("__")}
    shapes = {
        (name, alias): [d.size for d in info.tensor_shape.dim]
        for name, signature in signatures.items()
        for alias, info in [*signature.inputs.items(), *signature.outputs.items()]
    }
    assert shapes == {
        ("serving_default", "latents"): [-1, 100],
        ("serving_default", "audio"): [-1, 256, 2],
        ("from_seed", "seed"): [-1],
        ("from_seed", "audio"): [-1, 256, 2],
        ("wav", "seed"): [-1],
        ("wav", "wav_bytes"): [-1],
        ("describe", "row"): [-1],
        ("describe", "description"): [-1],
    }


def test_only_core_operations_and_no_xla(graph):
    functions = graph.graph_def.library.function
    operations = {n.op for f in functions for n in f.node_def} | {n.op for n in graph.graph_def.node}
    assert operations & {"EncodeWav"} and not operations & {"PyFunc", "EagerPyFunc", "XlaLaunch"}
    assert not [op for op in operations if op.startswith(("IO>", "Xla"))]
    for function in functions:
        assert "_XlaMustCompile" not in function.attr
        assert not any("_XlaMustCompile" in node.attr for node in function.node_def)


def test_the_generator_alone_is_inside(model, exported):
    names = tf.train.list_variables(str(exported / "variables" / "variables"))
    count = sum(int(np.prod(shape)) for name, shape in names if "generator_variables" in name)
    assert count == model.generator.count_params() and len(names) == len(model.generator.variables) + 1


def test_a_wrong_shape_is_a_clear_error(exported):
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError), match="100"):
        tf.saved_model.load(str(exported)).signatures["serving_default"](latents=tf.zeros((1, 99)))


def test_warmup_records_are_what_the_server_reads(exported, tmp_path):
    """Field numbers by hand on the wire: PredictionLog.predict_log 6, .request 1, .model_spec 1 / .inputs 2."""
    records = [bytes(r.numpy()) for r in tf.data.TFRecordDataset(str(exported / FILE))]
    assert len(records) == 7
    for record in records:
        assert record[0] == 6 << 3 | 2
    (tmp_path / "assets.extra").mkdir()
    write_warmup_requests(tmp_path, "m", [("s", {"x": np.array([1.5], "float32")})])
    (record,) = (bytes(r.numpy()) for r in tf.data.TFRecordDataset(str(tmp_path / FILE)))
    tensor = tf.make_tensor_proto(np.array([1.5], "float32")).SerializeToString()
    entry = b"\x0a\x01x\x12" + bytes([len(tensor)]) + tensor
    request = b"\x0a\x06\x0a\x01m\x1a\x01s" + b"\x12" + bytes([len(entry)]) + entry
    assert record == b"\x32" + bytes([len(request) + 2]) + b"\x0a" + bytes([len(request)]) + request


def test_versions_count_up_and_are_never_overwritten(model, exported):
    base = exported.parent
    assert exported.name == "1" and export(model, base).name == "2" and export(model, base, version=7).name == "7"
    with pytest.raises(ValueError, match="7 exists and will not be overwritten. Use version=8"):
        export(model, base, version=7)
    with pytest.raises(ValueError, match="version must be a whole number from 1 and below 2.63. Received: version=0"):
        export(model, base, version=0)
    assert sorted(p.name for p in base.iterdir()) == ["1", "2", "7"]
    assert json.loads((exported / "assets.extra" / "model_card.json").read_text())["sample_rate"] == 22050


def test_a_model_that_is_not_repeated_is_refused(model, tmp_path, monkeypatch):
    def change_the_model(model, *_):
        weights = model.ema_generator.variables[0]
        weights.assign(weights + 0.1)

    monkeypatch.setattr(exporting, "_write_extras", change_the_model)  # between writing and comparing
    model = WaveGAN.from_config(model.get_config())
    with pytest.raises(ValueError, match="differs from the model's by"):
        export(model, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_file_in_the_way_is_named(model, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ValueError, match="x is a file"):
        export(model, tmp_path / "x")
