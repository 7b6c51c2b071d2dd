"""LiteRT and ONNX files: read by their own runtimes, at lengths the export did not try, against the model."""

import json
import sys

import numpy as np
import pytest

from tests.models.test_vocoder import CASES, MELGAN
from tf_audio_gan import MelGAN, SEGANPlus, WaveGAN, export, export_formats

SMALL = {"length": 256, "strides": [4, 4], "dim": 4}  # a WaveGAN, soon traced and converted
RUNTIMES = {"litert": "ai_edge_litert.interpreter", "onnx": "onnxruntime"}


@pytest.fixture(params=RUNTIMES, name="format")
def installed_format(request):
    if request.param == "onnx":
        pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    pytest.importorskip(RUNTIMES[request.param], reason=f"the extra `{request.param}` is not installed")
    return request.param


def runner(format, path):
    if format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_path=str(path)).get_signature_runner()
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    return lambda **inputs: {"audio": session.run(["audio"], inputs)[0]}


@pytest.mark.parametrize("name", CASES)
def test_a_file_repeats_the_model_at_any_length(name, format, tmp_path):
    cls, keywords = CASES[name]
    model = cls(**keywords)
    path = export(model, tmp_path / f"v{export_formats.SUFFIXES[format]}", format=format)
    card = json.loads((tmp_path / f"{path.name}.json").read_text())
    assert card["sample_rate"] == 8000 and card["mel"]["n_mels"] == 20
    assert card["receptive_frames"] == model.receptive_frames
    assert set(card["inputs"]) == ({"mel", "noise"} if name == "parallel_wavegan" else {"mel"})
    mel = np.random.default_rng(4).normal(-2, 0.5, (1, 77, 20)).astype("float32")
    inputs = {"mel": mel}
    if "noise" in card["inputs"]:
        from tf_audio_gan.backend import seeded_normal

        inputs["noise"] = np.asarray(seeded_normal(np.array([3]), 0, 77 * 64))[..., None]
    audio = runner(format, path)(**inputs)["audio"]
    np.testing.assert_allclose(audio[0], model.vocode(mel[0], seed=3), atol=1e-5)


def test_other_models_are_written_too(format, tmp_path):
    model = WaveGAN(**SMALL)
    path = export(model, tmp_path / f"w{export_formats.SUFFIXES[format]}", format=format)
    latents = np.asarray(model.latents(np.array([3, 4])))
    np.testing.assert_allclose(runner(format, path)(latents=latents)["audio"], model.generate(2, seed=3), atol=1e-5)


def test_an_enhancer_takes_windows_and_latents(format, tmp_path):
    model = SEGANPlus(window=1024, filters=[4, 8, 8])
    path = export(model, tmp_path / f"e{export_formats.SUFFIXES[format]}", format=format)
    card = json.loads((tmp_path / f"{path.name}.json").read_text())
    assert (card["sample_rate"], card["length"], card["channels"]) == (16000, 1024, 1)
    noisy = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 1024, 1)).astype("float32")
    audio = runner(format, path)(noisy=noisy, latents=np.asarray(model.latents(np.arange(3))))["audio"]
    wanted = [model.enhance(window, seed=seed) for seed, window in enumerate(noisy)]
    np.testing.assert_allclose(audio, wanted, atol=1e-5)


def test_float16_weights_are_near_and_half_the_size(tmp_path):
    pytest.importorskip("ai_edge_litert.interpreter", reason="the extra `litert` is not installed")
    model = WaveGAN(**SMALL | {"dim": 32})
    whole, half = (export(model, tmp_path / f"{f}.tflite", format="litert", float16=f) for f in (False, True))
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    latents = np.asarray(model.latents(np.array([3, 4])))
    exact, rounded = (runner("litert", path)(latents=latents)["audio"] for path in (whole, half))
    assert 0 < np.abs(exact - rounded).max() < 0.005 * np.abs(exact).max()


def test_a_graph_with_an_inverse_stft_is_refused_by_name(format, tmp_path):
    class Inverse(MelGAN):
        def to_audio(self, output):
            import tensorflow as tf

            return tf.signal.irfft(tf.signal.rfft(output[..., 0]))[..., None]

    with pytest.raises(ValueError, match=rf"a Inverse cannot be written as {format}: it has IRFFT: an inverse STFT"):
        export(Inverse(**MELGAN), tmp_path / f"v{export_formats.SUFFIXES[format]}", format=format)
    assert not list(tmp_path.iterdir())


def test_a_file_that_does_not_repeat_the_model_is_refused(format, tmp_path, monkeypatch):
    convert = getattr(export_formats, f"_to_{format}")

    def change(model, function, float16):
        written = convert(model, function, float16)
        for v in model.ema_generator.variables[-2:]:  # the last kernel and bias, after writing
            v.assign(v + 0.1)
        return written

    monkeypatch.setattr(export_formats, f"_to_{format}", change)
    with pytest.raises(ValueError, match="differs from the model by"):
        export(WaveGAN(**SMALL), tmp_path / f"v{export_formats.SUFFIXES[format]}", format=format)
    assert not list(tmp_path.iterdir())


def test_what_the_converter_cannot_write_is_refused_with_its_reason(format, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such operation\nand a page of detail")

    monkeypatch.setattr(export_formats, f"_to_{format}", fail)
    with pytest.raises(ValueError, match="WaveGAN cannot be written as .*: the converter says: no such operation. Use"):
        export(WaveGAN(**SMALL), tmp_path / f"v{export_formats.SUFFIXES[format]}", format=format)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("x.onnx", {"format": "litert"}, "must end in .tflite"),
        ("x.pt", {"format": "torch"}, "saved_model, litert or onnx. Received: format='torch'"),
        ("x.onnx", {"format": "onnx", "float16": True}, "float16 is for format litert"),
        ("x", {"float16": True}, "float16 is for format litert. Received: format=.saved_model"),
        ("x.onnx", {"format": "onnx", "version": 3}, "version is for format saved_model"),
        ("there.onnx", {"format": "onnx"}, "there.onnx exists and will not be overwritten"),
    ],
)
def test_arguments_that_contradict_each_other(name, options, message, tmp_path):
    (tmp_path / "there.onnx").write_text("")
    with pytest.raises(ValueError, match=message):
        export(WaveGAN(**SMALL), tmp_path / name, **options)


@pytest.mark.parametrize("format", RUNTIMES)
def test_a_missing_extra_is_named(format, tmp_path, monkeypatch):
    for module in ("ai_edge_litert.interpreter", "tf2onnx"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'tf-audio-gan\[{format}\]'"):
        export(WaveGAN(**SMALL), tmp_path / f"v{export_formats.SUFFIXES[format]}", format=format)
    assert not list(tmp_path.iterdir())


def test_the_command(command, tmp_path, format):
    WaveGAN(**SMALL).save_to_preset(tmp_path / "p")
    target = tmp_path / f"v{export_formats.SUFFIXES[format]}"
    status, out, _ = command("export", tmp_path / "p", target, "--format", format)
    assert status == 0 and str(target) in out and target.is_file()
