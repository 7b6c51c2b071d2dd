import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tf_audio_gan import WaveGAN, durable, from_preset, hub, publish_preset, write_zoo_index
from tf_audio_gan.cli.commands import app
from tf_audio_gan.publishing import _SECTIONS, _WANTED

HEAD = "---\nmakes: hits\nresult: none yet\nlicense: cc0-1.0\n---\n"
SMALL = {"length": 256, "strides": [4, 4], "dim": 2}


@pytest.fixture
def preset(tmp_path):
    """A preset with all that a stranger needs."""
    folder = tmp_path / "runs" / "tiny_hits"
    WaveGAN(**SMALL).save_to_preset(folder)
    for name in _WANTED:
        (folder / name).exists() or (folder / name).write_text("{}")
    (folder / "README.md").write_text(HEAD + "# tiny_hits\n" + "\n".join(_SECTIONS))
    (folder / "samples").mkdir()
    (folder / "samples" / "a.wav").write_bytes(b"RIFF")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["zoo", *map(str, arguments)])


def test_published_presets_are_found_by_name(preset, tmp_path, monkeypatch):
    zoo = tmp_path / "zoo"
    assert run("publish", preset, zoo).exit_code == 0
    monkeypatch.setattr(hub, "ZOO", zoo)
    np.testing.assert_array_equal(from_preset("tiny_hits").generate(1), from_preset(preset).generate(1))
    assert json.loads((zoo / "index.json").read_text())["presets"]["tiny_hits"]["files"]["samples/a.wav"]["bytes"] == 4
    assert write_zoo_index(zoo, check=True)
    WaveGAN(**SMALL, seed=1).save_to_preset(preset)
    (preset / "samples" / "a.wav").unlink()
    publish_preset(preset, zoo)
    np.testing.assert_array_equal(from_preset("tiny_hits").generate(1), from_preset(preset).generate(1))
    publish_preset(zoo / "tiny_hits", zoo)  # in place: the index alone
    (zoo / "tiny_hits" / "data.csv").write_text("x")
    assert not write_zoo_index(zoo, check=True)


def test_half_the_width_is_published_measured_and_checked_as_any_file(preset, tmp_path, monkeypatch):
    zoo = tmp_path / "zoo"
    result = run("publish", preset, zoo, "--float16")
    assert result.exit_code == 0 and "float16: outputs differ by -" in result.output, result.output
    facts = json.loads((zoo / "tiny_hits" / "metadata.json").read_text())["float16"]
    assert facts["float32_sha256"]["generator.weights.h5"] == durable.sha256(preset / "generator.weights.h5")
    monkeypatch.setattr(hub, "ZOO", zoo)
    a, b = from_preset("tiny_hits").generate(4), from_preset(preset).generate(4)
    assert 0 < np.abs(a - b).max() == pytest.approx(facts["outputs_largest"], abs=2e-4)
    half = (zoo / "tiny_hits" / "generator.weights.h5").read_bytes()
    publish_preset(zoo / "tiny_hits", zoo, float16=True)  # which it is: nothing changes
    assert (zoo / "tiny_hits" / "generator.weights.h5").read_bytes() == half
    assert json.loads((zoo / "tiny_hits" / "metadata.json").read_text())["float16"] == facts
    (zoo / "tiny_hits" / "generator.weights.h5").write_bytes(half[:-1] + b"x")
    with pytest.raises(ValueError, match="generator.weights.h5 is not the file the zoo's index names"):
        from_preset("tiny_hits")


def test_what_a_stranger_needs_is_asked_for(preset, tmp_path):
    (preset / "data.csv").unlink()
    (preset / "generator.weights.h5").unlink()
    (preset / "discriminator.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"data.csv \(every recording used, with its licence\), weights$"):
        publish_preset(preset, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()
    with pytest.raises(FileNotFoundError, match="is no preset: it has no config.json"):
        publish_preset(tmp_path, tmp_path / "zoo")


def test_cards_have_sections_and_presets_names(preset, tmp_path):
    odd = shutil.copytree(preset, preset.parent / "tiny hits!")
    with pytest.raises(ValueError, match="letters, digits, _ and - alone. Received: 'tiny hits!'"):
        publish_preset(odd, tmp_path / "zoo")
    (preset / "README.md").write_text(HEAD.replace("makes: hits\n", "") + "\n".join(_SECTIONS))
    with pytest.raises(ValueError, match="does not say makes: begin it with a line ---"):
        publish_preset(preset, tmp_path / "zoo")
    (preset / "README.md").write_text(HEAD + "## Use\n## Training\n")
    with pytest.raises(ValueError, match="lacks the sections ## Results, ## Limits, ## Licence"):
        publish_preset(preset, tmp_path / "zoo")


def test_other_folders_are_not_overwritten(preset, tmp_path):
    (tmp_path / "zoo" / "tiny_hits").mkdir(parents=True)
    (tmp_path / "zoo" / "tiny_hits" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists and is no preset"):
        publish_preset(preset, tmp_path / "zoo")


def test_the_commands(preset, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "ZOO", tmp_path / "zoo")
    assert "there is no zoo at" in str(run("list").exception)
    run("publish", preset, tmp_path / "zoo")
    assert json.loads(run("list", "--json").stdout)[0] | {"megabytes": 0} == {
        "name": "tiny_hits", "model": "WaveGAN", "sample_rate": 16000, "megabytes": 0,
    }  # fmt: skip
    assert "tiny_hits" in run("list").stdout and "WaveGAN" in run("list").stdout
    assert run("show", "tiny_hits").stdout.startswith("---\nmakes: hits")
    assert Path(run("fetch", "tiny_hits").stdout.strip()) == tmp_path / "zoo" / "tiny_hits"
    assert run("verify").exit_code == 0
    (tmp_path / "zoo" / "tiny_hits" / "data.csv").write_text("changed")
    failed = run("verify")
    assert failed.exit_code == 1 and "data.csv is not the file" in failed.output + str(failed.exception)
    assert "'nothing' is no preset" in str(run("fetch", "nothing").exception)
