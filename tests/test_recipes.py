import pytest

from tf_audio_gan import models
from tf_audio_gan.recipes import TrainOptions, load_recipe


@pytest.mark.parametrize("name", models.recipes())
def test_every_named_recipe_loads(name):
    recipe = load_recipe(name)
    assert recipe.model["name"] in models.MODELS and recipe.train.steps >= 1000


def test_the_drum_recipes_say_what_they_are_for():
    fast, full = load_recipe("wavegan_drums"), load_recipe("wavegan_drums_44k")
    model = full.build_model()
    assert (model.sample_rate, model.length) == (44100, 65536) and model.generator.count_params() == 19_115_777
    assert fast.data["crop"] == full.data["crop"] == "start" and fast.model["dim"] == 16


def test_a_file_says_the_same_again(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[model]\nname = "wavegan"\nlength = 256\nstrides = [4, 4]\n[train]\nbatch_size = 8\n')
    recipe = load_recipe(str(path))
    assert recipe.model["strides"] == [4, 4] and recipe.train == TrainOptions(batch_size=8)
    recipe.write(tmp_path / "again.toml")
    assert load_recipe(str(tmp_path / "again.toml")) == recipe


def test_tables_in_tables_are_written_too(tmp_path):
    mels = {"sample_rate": 8000, "n_fft": 256, "hop_length": 64, "fmin": 0.5, "mean": None, "padding": "centre"}
    recipe = load_recipe({"model": {"name": "melgan", "front_end": mels, "upsample_scales": [8, 8]}})
    recipe.write(tmp_path / "again.toml")
    again = load_recipe(str(tmp_path / "again.toml")).model
    assert again == recipe.model | {"front_end": {k: v for k, v in mels.items() if v is not None}}


@pytest.mark.parametrize(
    "text, message",
    [
        (
            '[model]\nname = "wavegan"\nlenght = 256',
            r"recipe.toml: \[model\]: unknown key lenght. Known: name, sample_rate, ",
        ),
        ('[model]\nname = "wavegan"\n[data]\nlength = 3', r"\[data\]: unknown key length. Known: crop"),
        ('[model]\nname = "wavegan"\n[data]\nsnr = [0]', r"\[data\]: unknown key snr. Known: crop, normalize, labels"),
        (
            '[model]\nname = "segan"\n[data]\nlabels = "folder"',
            r"unknown key labels. Known: snr, gain, reverberation, crop, normalize, weighting, decoder, cache_mb, seed",
        ),
        ('[model]\nname = "segan"\n[data]\nsnr = 5', "snr must be a list. Received: 5"),
        ('[model]\nname = "segan"\n[data]\nreverberation = true', "reverberation must be a number. Received: True"),
        ('[model]\nname = "wavegan"\n[train]\nlr = 3', r"\[train\]: unknown key lr. Known: batch_size, steps"),
        ('[model]\nname = "wavegan"\n[train]\nsteps = 0', r"steps must be a whole number from 1. Received: 0"),
        ('[model]\nname = "wavenet"', "no model called 'wavenet'. Models: wavegan"),
        ("[model]\ndim = 4", "needs a name"),
        ('[model]\nname = "wavegan"\nstrides = 4', "strides must be a list. Received: 4"),
        ('[model]\nname = "wavegan"\ndim = "big"', "dim must be a whole number. Received: 'big'"),
        ('[model]\nname = "wavegan"\n[train]\nbatch_size = true', "batch_size must be a whole number. Received: True"),
        ('[model]\nname = "wavegan"\n[train]\ndevice_share = 2', "device_share must be from 0 to 1. Received: 2"),
        ('[model]\nname = "wavegan"\n[train]\nkeep_steps = -1', "keep_steps must be 0 or more. Received: -1"),
        ('[model]\nname = "wavegan"\n[train]\nlearning_rate = "fast"', "learning_rate must be a number"),
        ('[model]\nname = "wavegan"\n[train]\nlearning_rate_halvings = 5', "halvings must be a list. Received: 5"),
        (
            '[model]\nname = "wavegan"\n[train]\nlearning_rate_halvings = [500, 400]',
            r"must be ascending steps, e.g. \[4000, 5000\]. Received: \[500, 400\]",
        ),
        ('[model]\nname = "wavegan"\n[train]\nlearning_rate_halvings = [0]', "must be ascending steps"),
        ('[model]\nname = ["wavegan"]', "no model called"),
        ('model = "wavegan"', r"model must be a table of keywords, e.g. \[model\]"),
        ('model = "wavegan"\n[extra]', "unknown table extra"),
        ("[model", "recipe.toml is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text, message, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe(str(path))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="no recipe 'wavgan'. Recipes: wavegan, wavegan_sc09, wavegan_drums"):
        load_recipe("wavgan")
    with pytest.raises(FileNotFoundError):
        load_recipe("no/such.toml")
