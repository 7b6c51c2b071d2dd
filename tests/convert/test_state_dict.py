import numpy as np
import pytest
from keras import ops

from tests.peers import FIXTURES, last, peer
from tf_audio_gan.convert import melgan_neurips, state_dict, tensorflowtts, torch_melgan
from tf_audio_gan.models.melgan.networks import Discriminator, Generator


@pytest.fixture(scope="module")
def melgan():
    return peer("melgan_neurips_generator")


def respelled(state, spelling):
    """The same weights as other versions of PyTorch write them."""
    if spelling == "hooks":
        return dict(state)
    new = {}
    for key, value in state.items():
        name, _, kind = key.rpartition(".")
        if spelling == "parametrizations":
            tail = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
            new[f"{name}.{tail.get(kind, kind)}"] = value
        elif kind == "weight_v":
            norm = np.sqrt((value**2).sum(axis=(1, 2), keepdims=True))
            new[f"{name}.weight"] = state[f"{name}.weight_g"] * value / norm
        elif kind == "bias":
            new[key] = value
    return new


@pytest.mark.parametrize("weight_norm", [True, False])
@pytest.mark.parametrize("spelling", ["hooks", "parametrizations", "fused"])
def test_three_spellings_of_one_network(melgan, spelling, weight_norm):
    arrays, state = melgan
    state = respelled(state, spelling)
    keywords = torch_melgan.melgan_keywords(state, "model")
    assert keywords == {
        "n_mels": 80, "channels": 32, "upsample_scales": (8, 8, 2, 2), "stacks": 3, "kernel_size": 7, "out_channels": 1,
    }  # fmt: skip
    network = Generator(**keywords, weight_norm=weight_norm)
    state_dict.load_torch(network, state, melgan_neurips.melgan_neurips_names(network))
    audio = ops.convert_to_numpy(network(last(arrays["mel"])))
    np.testing.assert_allclose(audio, last(arrays["audio"]), atol=1e-5)


def test_names_of_a_full_size_generator_and_discriminator():
    """melgan-neurips's keys: 42 convolutions, the last is model.24; discriminators of 7 layers."""
    network = Generator(channels=16)
    names = melgan_neurips.melgan_neurips_names(network)
    assert list(names) == list(network.convs) and len(set(names.values())) == 42
    found = [names[n] for n in ("up_0", "up_1", "up_2", "up_3", "stack_1_0_dilated", "stack_3_2_shortcut", "out")]
    assert found == [*(f"model.{n}" for n in (3, 8, 13, 18)), "model.9.block.2", "model.21.shortcut", "model.24"]
    discriminator = Discriminator(channels=4, max_channels=8)
    names = melgan_neurips.melgan_neurips_discriminator_names(discriminator)
    assert list(names) == list(discriminator.convs)
    assert [names[f"scale_2_layer_{j}"].rpartition("layer_")[2] for j in (0, 1, 5, 6)] == ["0.1", "1.0", "5.0", "6"]


def test_misfits_are_named(melgan):
    _, state = melgan
    network = Generator(channels=32)
    names = melgan_neurips.melgan_neurips_names(network)
    with pytest.raises(ValueError, match="does not have: model.99.bias"):
        state_dict.load_torch(network, state | {"model.99.bias": np.zeros(3)}, names)
    with pytest.raises(ValueError, match="no tensor model.24.weight"):
        state_dict.load_torch(network, {k: v for k, v in state.items() if "24" not in k}, names)
    with pytest.raises(ValueError, match=r"model.1.weight_v does not fit.*\(7, 80, 64\), received \(7, 80, 32\)"):
        state_dict.load_torch(Generator(channels=64), state, names)
    with pytest.raises(ValueError, match="no MelGAN generator"):
        torch_melgan.melgan_keywords({"x": np.zeros(1)}, "model")


def test_files_of_tensorflowtts_that_do_not_fit(tmp_path):
    path = FIXTURES / "tensorflowtts_melgan_generator.h5"
    with pytest.raises(ValueError, match="odd scales.*Received: upsample_scales=.5, 3."):
        tensorflowtts.load_tensorflowtts_melgan(Generator(channels=64, upsample_scales=(5, 3)), path)
    with pytest.raises(ValueError, match="holds 16 convolutions; this network has 10"):
        tensorflowtts.load_tensorflowtts_melgan(Generator(channels=64, upsample_scales=(4, 4), stacks=1), path)
    with pytest.raises(ValueError, match=r"\(7, 80, 32\), received \(7, 80, 64\)"):
        tensorflowtts.load_tensorflowtts_melgan(Generator(channels=32, upsample_scales=(4, 4), stacks=2), path)
    bias = np.zeros(4)
    shapes = [((7, 80, 8), False), ((10, 4, 8), True), *[((3, 4, 4), False)] * 3, ((7, 4, 1), False)]
    odd = [tensorflowtts.Convolution("x", np.zeros(shape), bias, up) for shape, up in shapes]
    with pytest.raises(ValueError, match="odd scales.*Received: upsample_scales=.5,."):
        tensorflowtts.tensorflowtts_keywords(odd, path)
    with pytest.raises(ValueError, match="no MelGAN generator.*transposed are .1."):
        tensorflowtts.tensorflowtts_keywords(odd[:-2], path)
    network = Generator(channels=8, upsample_scales=(4, 4))
    network.save_weights(tmp_path / "keras3.weights.h5")
    with pytest.raises(ValueError, match="no weights file of Keras 2"):
        tensorflowtts.load_tensorflowtts_melgan(network, tmp_path / "keras3.weights.h5")
