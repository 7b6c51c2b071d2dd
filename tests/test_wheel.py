"""A wheel, built and unpacked in a fresh folder: it lists the zoo, and says how to get what is not in it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tf_audio_gan import hub

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of an installed wheel, built from the files of a source distribution."""
    pytest.importorskip("wheel", reason="builds a wheel without a network")
    folder = tmp_path_factory.mktemp("wheel")
    source, files = folder / "source", ("setup.py", "pyproject.toml", "README.md", "MANIFEST.in", "LICENSE")
    shutil.copytree(ROOT / "tf_audio_gan", source / "tf_audio_gan", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "zoo").mkdir()
    for name in (*files, "zoo/index.json"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(folder), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as file:
        file.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(site, tmp_path):
    """Runs the command line of the wheel outside of the checkout; more variables by keyword."""

    def call(*words, **variables):
        env = {name: value for name, value in os.environ.items() if not name.startswith("TF_AUDIO_GAN")}
        env |= {"PYTHONPATH": str(site), "TF_AUDIO_GAN_HOME": str(tmp_path / "home"), "COLUMNS": "200", **variables}
        command = [sys.executable, "-m", "tf_audio_gan", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return call


def test_a_wheel_lists_the_zoo_and_says_how_to_get_it(site, run):
    index = json.loads((ROOT / "zoo" / "index.json").read_text())
    assert json.loads((site / "tf_audio_gan" / "zoo_index.json").read_text()) == index
    listed = run("zoo", "list")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in index["presets"])
    assert "Set TF_AUDIO_GAN_ZOO_URL" in listed.stdout and "whose zoo/ holds them" in listed.stdout
    assert {row["name"] for row in json.loads(run("zoo", "list", "--json").stdout)} == set(index["presets"])
    fetched = run("zoo", "fetch", "wavegan_drums")
    assert fetched.returncode == 1 and len(fetched.stderr.strip().splitlines()) == 1
    assert "wavegan_drums is known by name alone" in fetched.stderr and "TF_AUDIO_GAN_ZOO_URL" in fetched.stderr
    assert "Presets: " in run("zoo", "fetch", "nonsense").stderr


def test_a_release_address_serves_what_the_wheels_index_names(tmp_path, monkeypatch):
    """The one constant, as a release sets it: files come from there and are checked by the packaged index."""
    index = {"presets": {"tiny": {"class": "x", "files": {"config.json": {"bytes": 2, "sha256": "0" * 64}}}}}
    (tmp_path / "zoo_index.json").write_text(json.dumps(index))
    monkeypatch.delenv("TF_AUDIO_GAN_ZOO_URL", raising=False)
    monkeypatch.setenv("TF_AUDIO_GAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(hub, "ZOO", tmp_path / "nowhere")
    monkeypatch.setattr(hub, "_PACKAGED", tmp_path / "zoo_index.json")
    asked = []
    monkeypatch.setattr(hub.downloads, "folder", lambda url, files, kept: asked.append((url, files)))
    with pytest.raises(OSError, match="tiny is known by name alone. Their files are not in this installation"):
        hub.resolve("tiny")
    monkeypatch.setattr(hub, "RELEASE_URL", "https://example.org/zoo/")
    assert hub.list_presets() == ["tiny"] and hub.how_to_get() == ""
    hub.resolve("tiny")
    assert asked == [("https://example.org/zoo/tiny", index["presets"]["tiny"]["files"])]
