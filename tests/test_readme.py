"""The README's first block and its training do what they say; all its blocks are in tests/docs/test_code_blocks.py."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.S)


def test_its_first_block_makes_sounds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(PYTHON[0].splitlines()) <= 6
    exec(PYTHON[0], {})
    assert len(list(tmp_path.glob("hit_*.wav"))) == 8


@pytest.mark.soak
def test_training_in_python(tmp_path, monkeypatch):
    from tf_audio_gan.audio.synthetic import write_drum_hits

    monkeypatch.chdir(tmp_path)
    write_drum_hits(tmp_path / "MYSOUNDS", 100)
    (block,) = (b for b in PYTHON if ".fit(" in b)
    exec("import tf_audio_gan\n" + block, {})
    assert (tmp_path / "exports" / "mine" / "1" / "saved_model.pb").is_file() and (tmp_path / "wavegan.keras").is_file()


def test_its_table_names_every_recipe():
    from tf_audio_gan.models import recipes

    assert set(re.findall(r"^\| `(\w+)` \|", README, flags=re.M)) >= set(recipes())
