"""zoo/pack.py: what is packed, for which machine, and what the packed script refuses."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest

from tf_audio_gan import Sounds
from tf_audio_gan.audio.synthetic import write_drum_hits

ZOO = Path(__file__).parents[1] / "zoo"


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A pack of this Python, its wheels left out."""
    pack = script(ZOO / "pack.py")
    monkeypatch.setattr(pack, "download", lambda packages, folder, python, platform: folder.mkdir())
    write_drum_hits(tmp_path / "hits", 4, seed=2)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = {"recipe": "wavegan_drums", "data": tmp_path / "hits", "out": tmp_path / "pack", "lacks": None}
    pack.pack(types.SimpleNamespace(python=python, platform="manylinux_2_28_x86_64", **names))
    return tmp_path / "pack"


def test_a_pack_is_whole(packed, monkeypatch):
    assert len(Sounds(packed / "data", progress=False)) == 4
    assert (packed / "source" / "tf_audio_gan" / "backend.py").is_file() and not list(packed.rglob("__pycache__"))
    run = script(packed / "run.py")
    run.check()
    (packed / "recipe.toml").write_text("")
    with pytest.raises(SystemExit, match="recipe.toml is missing or damaged"):
        run.check()
    manifest = json.loads((packed / "manifest.json").read_text()) | {"python": "3.9"}
    (packed / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match="this pack is for Python 3.9"):
        run.check()


def test_training_needs_these_packages():
    names = {package.split("==")[0] for package in script(ZOO / "pack.py").needed()}
    assert {"keras", "h5py", "optree", "matplotlib", "tensorboard", "protobuf", "rich"} <= names
    assert not names & {"tensorflow", "torch", "numpy", "librosa", "grpcio"}


def test_older_manylinux_wheels_fit_too():
    platforms = script(ZOO / "pack.py").platforms
    assert platforms("manylinux_2_28_x86_64")[:2] == ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"]
    assert "manylinux2014_x86_64" in platforms("manylinux_2_28_x86_64")
    assert platforms("macosx_11_0_arm64") == ["macosx_11_0_arm64"]
