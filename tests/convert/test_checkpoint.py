"""Checkpoints in the peers' layout become presets that sound as the peers' own code did."""

import json
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras import ops

import tf_audio_gan
from tests.convert.torch_writer import save, state_dict
from tests.peers import FIXTURES, last, peer
from tf_audio_gan.convert.checkpoint import convert_checkpoint

MELS = {"sampling_rate": 22050, "fft_size": 1024, "hop_size": 256, "win_length": None, "window": "hann", "num_mels": 80,
        "fmin": 80, "fmax": 7600}  # fmt: skip
MELGAN = {
    **MELS, "generator_type": "MelGANGenerator", "version": "0.5.1", "lambda_adv": 2.5, "batch_max_steps": 16384,
    "use_subband_stft_loss": True, "use_feat_match_loss": False,
    "generator_params": {
        "in_channels": 80, "out_channels": 4, "kernel_size": 7, "channels": 96, "upsample_scales": [8, 4, 2],
        "stack_kernel_size": 3, "stacks": 2, "use_weight_norm": True, "use_causal_conv": False,
    },
    "discriminator_type": "MelGANMultiScaleDiscriminator",
    "discriminator_params": {
        "in_channels": 1, "out_channels": 1, "scales": 3, "downsample_pooling": "AvgPool1d", "kernel_sizes": [5, 3],
        "downsample_pooling_params": {"kernel_size": 4, "stride": 2, "padding": 1, "count_include_pad": False},
        "channels": 8, "max_downsample_channels": 32, "downsample_scales": [4, 4, 4, 4],
        "nonlinear_activation": "LeakyReLU", "nonlinear_activation_params": {"negative_slope": 0.2},
        "use_weight_norm": True,
    },
}  # fmt: skip
PWG = {
    **MELS, "lambda_adv": 4.0, "batch_max_steps": 25600,
    "generator_params": {
        "in_channels": 1, "out_channels": 1, "kernel_size": 3, "layers": 6, "stacks": 2, "residual_channels": 8,
        "gate_channels": 16, "skip_channels": 8, "aux_channels": 80, "aux_context_window": 2, "dropout": 0.0,
        "upsample_net": "ConvInUpsampleNetwork", "upsample_params": {"upsample_scales": [4, 4, 4, 4]},
    },
    "discriminator_params": {"in_channels": 1, "kernel_size": 3, "layers": 10, "conv_channels": 8, "bias": True},
}  # fmt: skip
RNG = np.random.default_rng(0)
MEAN, SCALE = RNG.normal(-2, 1, 80), RNG.uniform(0.5, 2, 80)


@pytest.fixture(scope="module", name="yaml")
def yaml_module():
    return pytest.importorskip("yaml", reason="config.yml needs the extra `convert` (PyYAML)")


def kan_bayashi(folder, generator, discriminator, config, yaml, stream=False, stats="h5"):
    """A folder as the project's own training leaves it."""
    folder.mkdir(exist_ok=True)
    states = {"generator": state_dict(peer(generator)[1])}
    if discriminator:
        states["discriminator"] = state_dict(peer(discriminator)[1])
    content = {"model": states, "optimizer": {"generator": {"param_groups": [{"lr": 1e-4}]}}, "steps": 400000}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    if stats == "h5":
        with h5py.File(folder / "stats.h5", "w") as file:
            file["mean"], file["scale"] = MEAN, SCALE
    elif stats:
        np.save(folder / "stats.npy", np.stack([MEAN, SCALE]).astype("float32"))
    return save(folder / "checkpoint-400000steps.pkl", content, stream)


def multi_band(folder, yaml, changes=None, **keywords):
    config = {**MELGAN, **(changes or {})}
    return kan_bayashi(
        folder, "kanbayashi_mb_melgan_generator", "kanbayashi_melgan_discriminator", config, yaml, **keywords
    )


def neurips(path, stream=False, **more):
    return save(path, state_dict({**peer("melgan_neurips_generator")[1], **more}), stream)


def metadata(preset):
    return json.loads((preset / "metadata.json").read_text())


def random_discriminator():
    """A small one in melgan-neurips's layout, of which only the generator is a fixture."""
    state = {}
    shapes = [(16, 1, 15), (64, 4, 41), (64, 4, 41), (64, 64, 5), (1, 64, 3)]
    names = ["layer_0.1", "layer_1.0", "layer_2.0", "layer_3.0", "layer_4"]
    for scale in range(2):
        for name, shape in zip(names, shapes, strict=True):
            stem = f"model.disc_{scale}.model.{name}"
            state[f"{stem}.bias"] = RNG.normal(size=shape[:1]).astype("float32")
            state[f"{stem}.weight_g"] = RNG.uniform(1, 2, (shape[0], 1, 1)).astype("float32")
            state[f"{stem}.weight_v"] = RNG.normal(size=shape).astype("float32")
    return state


@pytest.mark.parametrize("stream", [False, True])
def test_melgan_neurips(stream, tmp_path):
    arrays, _ = peer("melgan_neurips_generator")
    (tmp_path / "args.yml").write_text(
        "!!python/object:argparse.Namespace\nn_mel_channels: 80\nn_residual_layers: 3\nngf: 2\n"
    )
    d_state = random_discriminator()
    netd = save(tmp_path / "netD.pt", state_dict(d_state), stream)
    made = convert_checkpoint(
        "melgan-neurips", neurips(tmp_path / "netG.pt", stream), tmp_path / "p", discriminator=netd
    )
    model = tf_audio_gan.from_preset(tmp_path / "p")
    assert type(model) is tf_audio_gan.MelGAN and model.get_config()["channels"] == 32
    assert model.front_end.get_config() == tf_audio_gan.MelFrontEnd.from_name("melgan").get_config()
    np.testing.assert_allclose(model.vocode(last(arrays["mel"])[0]), last(arrays["audio"])[0], atol=1e-5)
    for a, b in zip(model.generator.get_weights(), made.model.ema_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel = model.discriminator.convs["scale_1_layer_2"].layer.kernel
    np.testing.assert_array_equal(kernel, d_state["model.disc_1.model.layer_2.0.weight_v"].T)
    said = metadata(tmp_path / "p")
    assert said["discriminator"] == "converted" and set(said["converted_from"]["files"]) == {
        "netG.pt", "netD.pt", "args.yml"
    }  # fmt: skip
    assert said["converted_from"]["project"] == "descriptinc/melgan-neurips" and "authors' terms" in said["licence"]


def test_a_preset_without_a_discriminator_has_none_also_over_one_with(tmp_path):
    tf_audio_gan.WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(tmp_path / "p")
    assert (tmp_path / "p/discriminator.weights.h5").exists()
    made = convert_checkpoint("melgan-neurips", neurips(tmp_path / "netG.pt"), tmp_path / "p")
    assert not made.discriminator and not (tmp_path / "p/discriminator.weights.h5").exists()
    said = metadata(tmp_path / "p")
    assert said["discriminator"].startswith("none") and set(said["parameters"]) == {"generator"}
    tf_audio_gan.from_preset(tmp_path / "p").compile()


@pytest.mark.parametrize("stream, stats", [(False, "h5"), (True, "npy")])
def test_multi_band_melgan_of_kan_bayashi(stream, stats, tmp_path, yaml):
    convert_checkpoint("kan-bayashi", multi_band(tmp_path, yaml, stream=stream, stats=stats), tmp_path / "p")
    model = tf_audio_gan.from_preset(tmp_path / "p")
    arrays, _ = peer("kanbayashi_mb_melgan_generator")
    assert type(model) is tf_audio_gan.MultiBandMelGAN and model.pqmf.cutoff == 0.142
    np.testing.assert_allclose(model.vocode(last(arrays["mel"])[0]), last(arrays["audio"])[0], atol=1e-5)
    d_arrays, _ = peer("kanbayashi_melgan_discriminator")
    logits, _ = model.discriminator(last(d_arrays["audio"]))
    for i in range(3):
        np.testing.assert_allclose(logits[i], d_arrays[f"scale{i}/layer6"][:, 0], atol=1e-6)
    np.testing.assert_allclose(model.front_end.mean, MEAN, rtol=1e-6)
    np.testing.assert_allclose(model.front_end.scale, SCALE, rtol=1e-6)
    config = model.get_config()
    assert [config[k] for k in ("segment_length", "stft_loss", "subband_stft_loss", "discriminator_start")] == [
        16384, 0.5, 0.5, 0,
    ]  # fmt: skip
    assert config["objective"] == "lsgan" and config["adversarial"] == pytest.approx(2.5 / 3)
    assert metadata(tmp_path / "p")["converted_from"]["steps"] == 400000


@pytest.mark.parametrize(
    "settings, cutoff",
    [
        ({"version": "0.4.2"}, 0.15),
        ({"version": None}, 0.15),
        ({"version": "0.4.8"}, 0.142),
        ({"version": "0.10.0"}, 0.142),
        ({"version": "0.4.2a1"}, 0.142),
        ({"version": "0.3.0", "pqmf_params": {"taps": 62, "cutoff_ratio": 0.144, "beta": 9.0}}, 0.144),
    ],
)
def test_the_filter_bank_of_each_version(settings, cutoff, tmp_path, yaml):
    """The rule of the project's own loader, with the comparison of versions it makes."""
    config = {**MELGAN, **settings}
    if config["version"] is None:
        del config["version"]
    path = multi_band(tmp_path, yaml)
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
    made = convert_checkpoint("kan-bayashi", path, tmp_path / "p", generator_only=True)
    assert made.model.pqmf.cutoff == cutoff and not made.discriminator
    assert made.model.get_config()["pqmf_cutoff"] == cutoff


def test_parallel_wavegan_of_kan_bayashi(tmp_path, yaml):
    path = kan_bayashi(tmp_path, "kanbayashi_pwg_generator", "kanbayashi_pwg_discriminator", PWG, yaml)
    convert_checkpoint("kan-bayashi", path, tmp_path / "p")
    model = tf_audio_gan.from_preset(tmp_path / "p")
    arrays, _ = peer("kanbayashi_pwg_generator")
    network, mel = model.served_network(), last(arrays["mel"])
    audio = ops.convert_to_numpy(network(mel, last(arrays["noise"])))
    np.testing.assert_allclose(audio, last(arrays["audio"]), atol=1e-5)
    assert model.vocode(mel[0]).shape == (7 * 256, 1)
    d_arrays, _ = peer("kanbayashi_pwg_discriminator")
    (logits,), _ = model.discriminator(last(d_arrays["audio"]))
    np.testing.assert_allclose(logits, d_arrays["logits"][:, 0], atol=1e-5)
    assert model.get_config()["adversarial"] == 4.0 and model.get_config()["stft_loss"] == 1.0


def tensorflowtts(folder):
    """The fixture of two scales of 4 with a file of mel settings for its hop."""
    path = folder / "generator-100.h5"
    path.write_bytes((FIXTURES / "tensorflowtts_melgan_generator.h5").read_bytes())
    np.save(folder / "stats.npy", np.stack([MEAN, SCALE]))
    return path


def test_melgan_of_tensorflowtts(tmp_path, yaml):
    path = tensorflowtts(tmp_path)
    (tmp_path / "mels.yaml").write_text(yaml.safe_dump({**MELS, "hop_size": 16, "sampling_rate": 16000}))
    made = convert_checkpoint("tensorflowtts", path, tmp_path / "p", config=tmp_path / "mels.yaml")
    assert not made.discriminator
    model = tf_audio_gan.from_preset(tmp_path / "p")
    arrays, _ = peer("tensorflowtts_melgan_generator")
    np.testing.assert_allclose(model.vocode(arrays["mel"][1]), arrays["audio"][1], atol=1e-5)
    assert (model.sample_rate, model.hop_length, model.get_config()["stacks"]) == (16000, 16, 2)
    with pytest.raises(ValueError, match="does not fit the mel settings of LJSpeech.*must be the hop, 256"):
        convert_checkpoint("tensorflowtts", path, tmp_path / "q")
    assert not (tmp_path / "q").exists()


def test_the_command_and_the_export_of_what_it_made(tmp_path, yaml, command):
    tf = pytest.importorskip("tensorflow", reason="exports are TensorFlow's")
    path = multi_band(tmp_path / "theirs", yaml, {"version": "0.4.0"})
    status, out, err = command("convert", "kan-bayashi", path, "--out", tmp_path / "p")
    assert status == 0, err
    assert "MultiBandMelGAN" in out and "22050 Hz" in out and "authors' terms" in out
    folder = tf_audio_gan.export(str(tmp_path / "p"), tmp_path / "served")
    arrays, state = peer("kanbayashi_mb_melgan_generator")
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    audio = serve(mel=tf.constant(last(arrays["mel"])))["audio"].numpy()
    bank = tf_audio_gan.audio.pqmf.PQMF(4, cutoff=0.15)
    np.testing.assert_allclose(audio, bank.synthesis(last(arrays["subbands"])), atol=1e-5)


def refused(command, *arguments):
    status, out, err = command("convert", *arguments)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 1 and len(lines) == 1 and "Traceback" not in err and not out
    return lines[0]


def test_wrong_files_are_one_line_and_status_1(tmp_path, yaml, command):
    out = ["--out", tmp_path / "p"]
    kb = multi_band(tmp_path / "kb", yaml)
    pwg = kan_bayashi(tmp_path / "pwg", "kanbayashi_pwg_generator", None, PWG, yaml)
    netg = neurips(tmp_path / "netG.pt")
    page = tmp_path / "page.pt"
    page.write_text("<!DOCTYPE html><title>404</title>")
    short = tmp_path / "short.pt"
    short.write_bytes(neurips(tmp_path / "old.pt", stream=True).read_bytes()[:-1000])
    melgan = save(tmp_path / "m.pt", state_dict(peer("kanbayashi_mb_melgan_generator")[1]))
    other = save(tmp_path / "other.pt", state_dict({"encoder.weight": np.zeros((2, 3), "float32")}))
    netd = save(tmp_path / "netD.pt", state_dict(random_discriminator()))
    nan = neurips(tmp_path / "nan.pt", **{"model.1.bias": np.full(32, np.nan, "float32")})
    for arguments, words in [
        (("melgan-neurips", pwg), "a whole checkpoint of kan-bayashi/ParallelWaveGAN"),
        (("melgan-neurips", melgan), "a MelGAN generator of kan-bayashi"),
        (("melgan-neurips", netd), "is a discriminator of descriptinc/melgan-neurips; expected a generator"),
        (("melgan-neurips", netg, "--discriminator", netg), "is a generator of .*; expected a discriminator"),
        (("melgan-neurips", other), "a dict of 'encoder.weight'; expected a generator"),
        (("melgan-neurips", page), "a web page"),
        (("melgan-neurips", short), "truncated"),
        (("melgan-neurips", nan), "model.1.bias holds NaN"),
        (("melgan-neurips", tmp_path / "nowhere.pt"), "does not exist"),
        (("melgan-neurips", netg, "--stats", netg), "has no use for stats; it takes discriminator"),
        (("hifigan", netg), "checkpoints come from melgan-neurips, kan-bayashi, tensorflowtts"),
        (("kan-bayashi", netg), "a generator of descriptinc/melgan-neurips; expected a checkpoint of kan-bayashi"),
        (("kan-bayashi", kb, "--config", tmp_path / "no.yml"), "no.yml does not exist"),
        (("tensorflowtts", netg), "netG.pt is no weights file of Keras 2"),
    ]:
        line = refused(command, *arguments, *out)
        assert re.search(words, line), line
    (tmp_path / "kb/config.yml").unlink()
    assert "holds no config.yml or config.yaml" in refused(command, "kan-bayashi", kb, *out)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"generator_type": "HiFiGANGenerator"}, "can be converted are MelGANGenerator, Para.*'HiFiGANGenerator'"),
        ({"generator_params": {"use_causal_conv": True}}, "use_causal_conv must be False"),
        ({"generator_params": {"stack_kernel_size": 5}}, "stack_kernel_size must be 3"),
        ({"generator_params": {"channels": 384}}, "says channels: 384, but the checkpoint has 96"),
        ({"generator_params": {"upsample_scales": [8, 8]}}, r"says upsample_scales: \(8, 8\), but"),
        ({"generator_params": None}, "has no generator_params"),
        ({"discriminator_type": "ParallelWaveGANDiscriminator"}, "MultiScaleDiscriminator. Received.*--generator-only"),
        ({"discriminator_params": {"kernel_sizes": [7, 3]}}, r"kernel_sizes must be \[5, 3\].*--generator-only"),
        ({"discriminator_params": {"pad": "ZeroPad"}}, "pad must be ReflectionPad1d"),
        ({"num_mels": 40}, "has statistics of 80 bands; the model has 40"),
        ({"window": "hamming"}, "another window than hann"),
        ({"sampling_rate": "fast"}, "must be numbers"),
        ({"fmax": 20000}, "fmax <= sample_rate / 2"),
        ({"hop_size": 300}, "must be the hop, 300"),
        ({"version": "new"}, "version must be one like"),
        ({"pqmf_params": {"taps": 30}}, "62 taps and beta 9"),
        ({"sampling_rate_for_feats": 16000}, "another sampling rate"),
    ],
)
def test_networks_that_are_not_ours_are_refused_with_what_is(changes, message, tmp_path, yaml):
    for name in ("generator_params", "discriminator_params"):
        if isinstance(changes.get(name), dict):
            changes = {**changes, name: {**MELGAN[name], **changes[name]}}
    with pytest.raises(ValueError, match=message):
        convert_checkpoint("kan-bayashi", multi_band(tmp_path, yaml, changes), tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"upsample_net": "UpsampleNetwork"}, "upsample_net must be ConvInUpsampleNetwork"),
        ({"aux_context_window": 0}, "aux_context_window must be 2"),
        ({"stacks": "three"}, "stacks must be a whole number"),
        ({"stacks": 4}, "stacks must divide blocks"),
        ({"layers": 30}, "says layers: 30, but the checkpoint has 6"),
        ({"upsample_params": {"upsample_scales": [4, 4, 4, 4], "interpolate_mode": "linear"}}, "must be nearest"),
    ],
)
def test_parallel_wavegans_that_are_not_ours(changes, message, tmp_path, yaml):
    config = {**PWG, "generator_params": {**PWG["generator_params"], **changes}}
    path = kan_bayashi(tmp_path, "kanbayashi_pwg_generator", None, config, yaml)
    with pytest.raises(ValueError, match=message):
        convert_checkpoint("kan-bayashi", path, tmp_path / "p")


def test_files_beside_a_checkpoint_are_checked(tmp_path, yaml):
    path = multi_band(tmp_path, yaml, stats=None)
    convert = lambda **given: convert_checkpoint("kan-bayashi", path, tmp_path / "p", **given)  # noqa: E731
    with pytest.raises(FileNotFoundError, match="no stats.h5 or stats.npy: mean and scale"):
        convert()
    bad = {
        "bands.npy": (np.ones((2, 40)), "statistics of 40 bands; the model has 80"),
        "one.npy": (np.ones((1, 80)), "holds no statistics"),
        "zero.npy": (np.zeros((2, 80)), "scales above 0"),
        "object.npy": (np.array([{}, {}]), "holds no statistics"),
    }
    for name, (array, message) in bad.items():
        np.save(tmp_path / name, array, allow_pickle=True)
        with pytest.raises(ValueError, match=message):
            convert(stats=tmp_path / name)
    for text, message in [
        ("a: !!python/object:os.system {}", "no YAML of plain values"),
        ("- 1", "received a list"),
        ("a: 1", "has no sampling_rate"),
    ]:
        (tmp_path / "bad.yml").write_text(text)
        (tmp_path / "stats.npy").write_bytes((tmp_path / "zero.npy").read_bytes())
        with pytest.raises(ValueError, match=message):
            convert(config=tmp_path / "bad.yml")
    (tmp_path / "args.yml").write_text("n_residual_layers: 4\n")
    with pytest.raises(ValueError, match="says n_residual_layers: 4, but netG.pt has 3"):
        convert_checkpoint("melgan-neurips", neurips(tmp_path / "netG.pt"), tmp_path / "p")


def test_without_pyyaml_the_extra_is_named(tmp_path, monkeypatch):
    path = save(tmp_path / "c.pkl", {"model": {"generator": state_dict({"melgan.1.bias": np.zeros(2, "float32")})}})
    (tmp_path / "config.yml").write_text("a: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"tf-audio-gan\[convert\]"):
        convert_checkpoint("kan-bayashi", Path(path), tmp_path / "p")


def test_a_cut_off_needs_bands():
    with pytest.raises(ValueError, match="pqmf_cutoff needs bands"):
        tf_audio_gan.MelGAN(pqmf_cutoff=0.15)
