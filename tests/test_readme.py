"""The README's Python runs as it stands, on a small folder of sounds; its commands exist."""

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


def test_its_recipe_is_valid(tmp_path):
    from tf_audio_gan.recipes import load_recipe

    (tmp_path / "recipe.toml").write_text(re.search(r"```toml\n(.*?)```", README, flags=re.S)[1])
    assert load_recipe(str(tmp_path / "recipe.toml")).build_model().length == 32768


def test_its_table_names_every_recipe():
    from tf_audio_gan.models import recipes

    assert set(re.findall(r"^\| `(\w+)` \|", README, flags=re.M)) >= set(recipes())


def test_its_commands_and_options_exist():
    import typer

    from tf_audio_gan.cli.commands import app

    group = typer.main.get_command(app)
    for line in re.findall(r"^tf-audio-gan (.*?)(?: &)?(?:\s+#.*)?$", README, flags=re.M):
        name, *words = line.split()
        command = group.commands[name]
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for p in command.params for option in p.opts}
        assert {w for w in words if w.startswith("--")} <= known, line
    for target in re.findall(r"^make ([a-z-]+)", README, flags=re.M):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M), target
