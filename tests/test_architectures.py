"""The zoo's architectures: presets without weights, exact to the parameter, that say how to train them, and train."""

import json
import re
import runpy
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tf_audio_gan import from_preset, hub, load_recipe, publish_architecture, publish_preset, train, write_zoo_index
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.cli.commands import app
from tf_audio_gan.models import model_class

ZOO = Path(__file__).parents[1] / "zoo"
NAMES = runpy.run_path(str(ZOO / "make_architectures.py"), run_name="read")["NAMES"]
# Generator and discriminator by the tables of papers and authors' code, and what else the networks hold here.
PUBLISHED = {
    "wavegan_sc09": (19_065_345, 17_427_969, 0),
    "specgan_sc09": (19_065_345, 17_427_969, 259),  # mean and deviation of 129 bins, and whether they were measured
    "gansynth_nsynth": (7_311_246, 6_831_230, 67),  # the scaling of pictures
    "melgan_ljspeech": (4_266_050, 16_924_086, 0),
    "multiband_melgan_ljspeech": (2_539_448, 4_354_998, 0),
    "parallel_wavegan_ljspeech": (1_346_042, 99_842, -4_224),  # the last layer's output, which nothing hears
    "segan_vctk": (73_100_049, 24_373_081, 0),
    "segan_plus_vctk": (64_770_561, 25_825_793, 0),
}
SMALL = {"model": {"name": "wavegan", "length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 1}}


def read(name, file):
    return json.loads((ZOO / name / file).read_text())


def test_the_index_knows_them():
    index = json.loads((ZOO / "index.json").read_text())["presets"]
    assert {name for name, about in index.items() if not about.get("trained", True)} == set(NAMES) == set(PUBLISHED)
    for name in NAMES:
        assert set(index[name]["files"]) == {"README.md", "audio.json", "config.json", "metadata.json", "recipe.toml"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_recipe_of_its_name(name):
    saved, recipe = read(name, "config.json"), load_recipe(name)
    kind = model_class(recipe.model["name"])
    assert saved["registered_name"] == f"tf_audio_gan>{kind.__name__}"
    again = load_recipe(str(ZOO / name / "recipe.toml"))
    assert again.tables() == recipe.tables()
    whole = load_recipe(ZOO / name)
    assert whole.data == recipe.data and whole.train == recipe.train
    for key, value in recipe.model.items():
        assert key == "name" or saved["config"][key] == value
    for key, value in whole.shape().items():
        assert key == "length" or read(name, "audio.json")["channels" if key == "channels" else key] is not None
        assert value is None or isinstance(value, int)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_published_ones(name):
    generator, discriminator, more = PUBLISHED[name]
    assert read(name, "metadata.json")["parameters"] == {"generator": generator + more, "discriminator": discriminator}
    card = (ZOO / name / "README.md").read_text()
    assert f"{discriminator:,}" in card and (f"{generator:,}" in card or f"{generator + more:,}" in card)
    assert not more or f"{abs(more):,}" in card


def test_a_built_model_has_the_parameters_that_are_written_down():
    """Of the smallest; all are built, and these files written, by zoo/make_architectures.py."""
    model = load_recipe("parallel_wavegan_ljspeech").build_model()
    counts = {name: getattr(model, name).count_params() for name in ("generator", "discriminator")}
    assert counts == read("parallel_wavegan_ljspeech", "metadata.json")["parameters"]
    config = json.loads(json.dumps(model.get_config(), default=list)) | {"name": "parallel_wave_gan"}
    assert config == read("parallel_wavegan_ljspeech", "config.json")["config"], "Keras numbers names in a process"


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_how_to_get_the_data_and_train(name):
    card = (ZOO / name / "README.md").read_text()
    for section in ("## Use", "## Data", "## Training", "## Results", "## Limits", "## Licence"):
        assert card.count(section) == 1
    command = re.search(rf"^tf-audio-gan train {name} .*", card, re.M)[0].split()
    options = {o for p in CLI.params for o in p.opts}
    assert {word for word in command if word.startswith("--")} <= options
    assert "There are no weights in it" in card and re.search(r"https?://\S+", card)
    for code in re.findall(r"```python\n(.*?)```", card, re.S):
        compile(code, name, "exec")


def test_the_cards_commands_pick_the_training_digits(tmp_path):
    """The shell lines of wavegan_sc09, on an archive of two words with lists of what to hold out."""
    for word in ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "bed"):
        (tmp_path / "commands" / word).mkdir(parents=True)
        for take in "abc":
            (tmp_path / "commands" / word / f"{take}.wav").write_text("RIFF")
    (tmp_path / "commands" / "validation_list.txt").write_text("one/a.wav\nbed/a.wav\n")
    (tmp_path / "commands" / "testing_list.txt").write_text("two/b.wav\n")
    lines = re.search(r"curl.*?```", (ZOO / "wavegan_sc09" / "README.md").read_text(), re.S)[0].splitlines()[2:4]
    (tmp_path / "sc09").mkdir()
    subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=tmp_path, check=True)
    left = {str(p.relative_to(tmp_path / "sc09")) for p in (tmp_path / "sc09").rglob("*.wav")}
    assert len(left) == 28 and not left & {"one/a.wav", "two/b.wav"} and "one/b.wav" in left


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo of one small architecture."""
    publish_architecture("tiny", tmp_path / "zoo", SMALL)
    monkeypatch.setattr(hub, "ZOO", tmp_path / "zoo")
    return tmp_path / "zoo"


def test_what_needs_weights_is_one_clear_error(zoo, command, tmp_path):
    error = r"tiny has no weights: it is an architecture.* Then: tf-audio-gan train tiny DATA --run-dir runs/tiny"
    with pytest.raises(ValueError, match=error):
        from_preset("tiny")
    for words in (["generate", "tiny", "--out", tmp_path / "out"], ["export", "tiny", tmp_path / "out"]):
        status, out, err = command(*words)
        assert status == 1 and re.search(error, err) and len(err.strip().splitlines()) == 1 and not out
    assert not (tmp_path / "out").exists()


def test_list_and_show_say_so(zoo):
    run = CliRunner().invoke
    assert "no weights: train it" in run(app, ["zoo", "list"]).output
    assert json.loads(run(app, ["zoo", "list", "--json"]).output)[0]["megabytes"] is None
    (zoo / "tiny" / "README.md").write_text("# tiny\n")
    write_zoo_index(zoo)
    shown = run(app, ["zoo", "show", "tiny"]).output
    assert shown.startswith("no weights: train it: tf-audio-gan train tiny DATA --run-dir runs/tiny\n\n# tiny")


def test_training_makes_a_preset_of_it(zoo, tmp_path, capsys):
    write_drum_hits(tmp_path / "hits", 4)
    made = train(zoo / "tiny", tmp_path / "hits", tmp_path / "run", steps=1)
    assert "beginning with the weights" not in capsys.readouterr().out
    assert np.isfinite(from_preset(made.preset).generate(2)).all()
    with pytest.raises(ValueError, match="tiny has no weights"):
        train(SMALL, tmp_path / "hits", tmp_path / "other", start="tiny", steps=1, progress=False)


def test_an_architecture_is_published_without_results_or_recordings(zoo, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks what a stranger needs: README.md \(the card\)$"):
        publish_preset(zoo / "tiny", tmp_path / "other")
    head = "---\nmakes: hits\nresult: no weights\nlicense: apache-2.0\n---\n"
    (zoo / "tiny" / "README.md").write_text(head + "## Use\n## Training\n## Results\n## Limits\n## Licence\n")
    publish_preset(zoo / "tiny", tmp_path / "other")
    again = publish_architecture("tiny", tmp_path / "other", SMALL)  # the card stays
    assert (again / "README.md").read_text().startswith(head)
    entry = json.loads((tmp_path / "other" / "index.json").read_text())["presets"]["tiny"]
    assert entry["trained"] is False and entry["makes"] == "hits"


def _train_command():
    import typer

    return typer.main.get_command(app).commands["train"]


CLI = _train_command()
