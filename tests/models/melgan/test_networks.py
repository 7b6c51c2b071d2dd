import keras
import numpy as np
import pytest
from keras import ops

from tests.peers import FIXTURES, last, parameters, peer
from tf_audio_gan import backend
from tf_audio_gan.convert import kanbayashi, melgan_neurips, state_dict, tensorflowtts, torch_melgan
from tf_audio_gan.models.melgan.networks import Discriminator, Generator, MelDiscriminator, halve

TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces a graph of TensorFlow")
MB = {"channels": 384, "upsample_scales": (8, 4, 2), "stacks": 4, "out_channels": 4}
PUBLISHED = [  # vocoders' papers and code: network, settings, parameters with gains, without
    (Generator, {}, 4_266_050, 4_260_257),
    (Generator, MB, 2_539_448, 2_534_356),
    (Generator, MB | {"upsample_scales": (2, 4, 8)}, 1_710_008, 1_704_916),
    (Generator, {"channels": 512, "upsample_scales": (8, 8, 4), "stacks": 4}, 4_707_586, 4_700_801),
    (Discriminator, {}, 16_924_086, 16_913_859),
    (Discriminator, {"max_channels": 512, "downsample_scales": (4, 4, 4)}, 4_354_998, 4_350_915),
]
SMALL = {"n_mels": 5, "channels": 8, "upsample_scales": (4, 2), "stacks": 2}


@pytest.mark.parametrize("network, settings, gains, fused", PUBLISHED)
def test_parameters_are_the_published_ones(network, settings, gains, fused):
    made = network(**settings)
    assert parameters(made) == gains
    assert parameters(type(made)(**made.config | {"weight_norm": False})) == fused


@pytest.mark.parametrize(
    "name, root, output, names",
    [
        ("melgan_neurips_generator", "model", "audio", melgan_neurips.melgan_neurips_names),
        ("kanbayashi_mb_melgan_generator", "melgan", "subbands", kanbayashi.kanbayashi_melgan_names),
    ],
)
def test_generators_agree_with_the_peers(name, root, output, names):
    arrays, state = peer(name)
    network = Generator(**torch_melgan.melgan_keywords(state, root), seed=1)
    state_dict.load_torch(network, state, names(network))
    mel, expected = last(arrays["mel"]), last(arrays[output])
    audio = ops.convert_to_numpy(network(mel))
    np.testing.assert_allclose(audio, expected, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(network.folded()(mel)), audio, atol=1e-6)


def test_a_generator_of_tensorflowtts_agrees():
    arrays, _ = peer("tensorflowtts_melgan_generator")
    network = Generator(channels=64, upsample_scales=(4, 4), stacks=2)
    tensorflowtts.load_tensorflowtts_melgan(network, FIXTURES / "tensorflowtts_melgan_generator.h5")
    np.testing.assert_allclose(ops.convert_to_numpy(network(arrays["mel"])), arrays["audio"], atol=1e-5)


def test_every_feature_map_agrees_with_the_peer():
    """Its maps are about 0.05 (weights of 0.02), so the bound is 1e-5 of their size."""
    arrays, state = peer("kanbayashi_melgan_discriminator")
    network = Discriminator(channels=8, max_channels=32)
    state_dict.load_torch(network, state, kanbayashi.kanbayashi_melgan_discriminator_names(network))
    for made in (network, network.folded()):
        logits, features = made(last(arrays["audio"]))
        assert len(logits) == len(features) == 3
        for i in range(3):
            expected = [last(arrays[f"scale{i}/layer{j}"]) for j in range(7)]
            found = [*features[i], logits[i][..., None]]
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(ops.convert_to_numpy(a), b, atol=1e-5 * np.abs(b).max())


def torch_transposed(x, kernel, bias, scale):
    """ConvTranspose1d(kernel 2 s, stride s, padding ceil(s/2), output_padding s mod 2) of x [time, in], in a loop."""
    padding, extra = (scale + 1) // 2, scale % 2
    full = np.zeros(((len(x) - 1) * scale + 2 * scale + extra, kernel.shape[1]))
    for t, row in enumerate(x):
        full[t * scale : t * scale + 2 * scale] += kernel @ row
    return full[padding : len(full) - padding] + bias


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
def test_upsampling_is_pytorchs_also_for_odd_scales(scale, rng):
    network = Generator(n_mels=3, channels=4, upsample_scales=(scale,), stacks=1, weight_norm=False)
    x = rng.normal(size=(1, 7, 4)).astype("float32")
    y = ops.convert_to_numpy(network._upsample(x, 0))[0]
    kernel, bias = (ops.convert_to_numpy(w) for w in network.convs["up_0"].weights)
    assert y.shape == (7 * scale, 2)
    np.testing.assert_allclose(y, torch_transposed(x[0], kernel, bias, scale), atol=1e-5)


@TENSORFLOW
@pytest.mark.parametrize("scales", [(4, 2), (5, 3)])
def test_one_exported_graph_takes_any_number_of_frames(scales, tmp_path, rng):
    import tensorflow as tf

    network = Generator(**SMALL | {"upsample_scales": scales}).folded()
    archive = keras.export.ExportArchive()
    archive.track(network)
    spec = tf.TensorSpec((None, None, 5), name="mel")
    archive.add_endpoint("serve", lambda mel: {"audio": network(mel)}, input_signature=[spec])
    archive.write_out(str(tmp_path / "m"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert len(loaded.variables) == 2 * len(network.convs)
    for batch, frames in [(1, 4), (2, 9), (3, 50)]:
        mel = rng.normal(size=(batch, frames, 5)).astype("float32")
        audio = loaded.serve(mel)["audio"]
        assert audio.shape == (batch, frames * network.hop, 1)
        np.testing.assert_allclose(audio, network(mel), atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.serve(np.zeros((1, 3, 5), "float32"))


def test_a_frame_reaches_as_far_as_the_receptive_field_says():
    """MelGAN: one frame touches 1425 samples before its hop's first and 1680 from it on; positive weights show it."""
    network = Generator(n_mels=4, channels=16, weight_norm=False)
    for layer in network.convs.values():
        layer.kernel.assign(np.full(layer.kernel.shape, 0.1, "float32"))
        layer.bias.assign(np.zeros(layer.bias.shape, "float32"))
    mel = np.zeros((1, 31, 4), "float32")
    mel[:, 15] = 1e-3
    touched = np.flatnonzero(ops.convert_to_numpy(network(mel))[0, :, 0])
    assert (touched[0] - 15 * 256, touched[-1] - 15 * 256) == (-1425, 1680)


@pytest.mark.parametrize("time", [4, 7, 16, 33])
def test_halving_ignores_padding_and_drops_keras_extra_step(time, rng):
    """AvgPool1d(4, 2, 1, count_include_pad=False) by hand."""
    x = rng.normal(size=(1, time, 1)).astype("float32")
    padded = np.pad(x[0, :, 0], 1, constant_values=np.nan)
    expected = [np.nanmean(padded[t : t + 4]) for t in range(0, time - 1, 2)]
    np.testing.assert_allclose(ops.convert_to_numpy(halve(x))[0, :, 0], expected, atol=1e-6)


def test_initial_weights_are_pytorchs_uniform_ones():
    network = Generator(**SMALL | {"channels": 64}, seed=3)
    for name, fan_in in [("in", 5 * 7), ("up_0", 32 * 8), ("stack_0_0_dilated", 32 * 3), ("stack_1_0_shortcut", 16)]:
        layer, bound = network.convs[name], 1 / np.sqrt(fan_in)
        v, g = (ops.convert_to_numpy(w) for w in (layer.layer.kernel, layer.g))
        assert 0.9 * bound < np.abs(v).max() <= bound and abs(v.mean()) < 0.1 * bound
        assert 0 < np.abs(ops.convert_to_numpy(layer.layer.bias)).max() <= bound
        np.testing.assert_allclose(g, np.sqrt((v**2).sum(axis=(0, 1))), rtol=1e-5)
    twin, other = (Generator(**SMALL | {"channels": 64}, seed=s).convs["in"].layer.kernel for s in (3, 4))
    np.testing.assert_array_equal(twin, network.convs["in"].layer.kernel)
    assert not np.array_equal(other, twin)


def test_normal_initial_weights_do_act():
    kernel = ops.convert_to_numpy(Discriminator(init="normal").convs["scale_0_layer_5"].kernel)
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.01)
    uniform = ops.convert_to_numpy(Discriminator().convs["scale_0_layer_2"].kernel)
    np.testing.assert_allclose(np.abs(uniform).max(), 1 / np.sqrt(4 * 41), rtol=0.01)


@pytest.mark.parametrize("kind, places", [("1d", 9), ("2d", 5 * 10)])
def test_the_mel_discriminator_sees_every_band_and_frame(kind, places, rng):
    network = MelDiscriminator(kind=kind, channels=8)
    mel = rng.normal(size=(2, 33, 80)).astype("float32")
    (logits,), (features,) = network(mel)
    assert logits.shape == (2, places) and len(features) == len(network.convs) - 1
    np.testing.assert_allclose(
        ops.convert_to_numpy(network.folded()(mel)[0][0]), ops.convert_to_numpy(logits), atol=1e-6
    )
    gradient = backend.input_gradient(lambda x: ops.sum(network(x)[0][0]), ops.convert_to_tensor(mel))
    assert (ops.convert_to_numpy(gradient) != 0).all()


@TENSORFLOW
def test_a_network_is_saved_and_bfloat16_stays_close(tmp_path, rng):
    mel = rng.normal(size=(1, 12, 5)).astype("float32")
    network = Generator(**SMALL, seed=1)
    network.save(tmp_path / "g.keras")
    again = keras.saving.load_model(tmp_path / "g.keras")
    assert type(again) is Generator and again.get_config() == network.get_config()
    np.testing.assert_array_equal(network(mel), again(mel))
    with backend.dtype_policy("mixed_bfloat16"):
        half = Generator(**SMALL, seed=1)(mel)
    assert half.dtype == "float32"
    np.testing.assert_allclose(half, network(mel), atol=0.02)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Generator(channels=100, upsample_scales=(2, 2, 2)), "channels a multiple of 2.scales.*channels=100"),
        (lambda: Generator(upsample_scales=(8, 1)), "whole numbers from 2.*Received: upsample_scales=.8, 1."),
        (lambda: Generator(init="xavier"), "one of uniform, normal, he. Received: 'xavier'"),
        (lambda: Discriminator(channels=6), "multiples of 4.*channels=6"),
        (lambda: MelDiscriminator(kind="3d"), "kind must be 1d or 2d. Received: kind='3d'"),
        (lambda: Generator(**SMALL)(np.zeros((1, 3, 5), "float32")), "at least 4 time steps. Received: 3"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
