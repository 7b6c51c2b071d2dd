"""The site's pages that are made: complete, and with links that lead somewhere. `make docs` builds them all."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

import tf_audio_gan
from tf_audio_gan import models

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
hooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hooks)


@pytest.fixture(scope="module")
def made():
    return hooks.pages()


def test_every_public_name_is_in_the_reference(made):
    shown = re.findall(r"^::: (\S+)", "\n".join(made.values()), flags=re.M)
    homes = {f"tf_audio_gan.{home}.{name}" for name, home in tf_audio_gan._HOMES.items()}
    assert homes <= set(shown) and len(shown) == len(set(shown)), "each once"


def test_every_model_has_a_page_with_its_recipes_and_presets(made):
    classes = {name: made[f"models/{name}.md"] for name in models.MODELS}
    for name, tables in models.recipes().items():
        page = classes[tables["model"]["name"]]
        assert f"### {name}\n" in page and all(f"{key} = " in page for key in tables["train"])
    index = json.loads((ROOT / "zoo" / "index.json").read_text())["presets"]
    for name, entry in index.items():
        page = f"models/{ {v: k for k, v in models.MODELS.items()}.get(entry['class'].partition('>')[2]) }.md"
        assert f"presets/{name}.md" in made.get(page, f"presets/{name}.md") and f"presets/{name}.md" in made


@pytest.mark.parametrize("name", ["melgan", "segan", "wavegan"])
def test_a_model_page_names_its_paper(made, name):
    assert re.search(r"\(https://arxiv.org/abs/\d{4}\.\d{5}\)", made[f"models/{name}.md"])


def test_every_command_is_in_the_reference(made):
    import typer

    from tf_audio_gan.cli.commands import app

    for words, command in hooks.commands(typer.main.get_command(app)):
        section = made["reference/command_line.md"].split(f"\n## {' '.join(words)}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
            assert name in section or parameter.metavar and parameter.metavar in section, (words, name)


def test_every_page_is_in_the_navigation_and_every_link_leads_to_a_page(made):
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    listed = set(re.findall(r": (\S+\.md)$", navigation, flags=re.M))
    written = {p.relative_to(ROOT / "docs").as_posix(): p.read_text() for p in (ROOT / "docs").rglob("*.md")}
    everything = written | made
    assert listed == {page for page in everything if not page.startswith("presets/")}
    for page, text in everything.items():
        for link in re.findall(r"\]\(((?!https?:)[^)#\s]+\.md)", text):
            target = (Path("/") / page).parent.joinpath(link).resolve().relative_to("/").as_posix()
            assert target in everything, f"{page} links to {link}"


def test_pages_named_in_the_text_become_links():
    page = type("page", (), {"file": type("file", (), {"src_uri": "presets/a.md"})})
    text = "see docs/labels.md, `docs/zoo.md`\n```\ndocs/zoo.md\n```\n[docs/zoo.md](../zoo.md)"
    linked = text.replace("docs/labels.md,", "[Sounds by class](../labels.md),")
    assert hooks.on_page_markdown(text, page, None, None) == linked


def test_what_asks_the_network_is_found(tmp_path):
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text('@import url("https://fonts.example.com/a"); a{background:url(b.png)}')
    (tmp_path / "bad.html").write_text('<script src="https://a.example/x.js"></script><img src=//a.example/b.png>')
    (tmp_path / "good.html").write_text('<a href="https://arxiv.org">x</a><script src="assets/x.js"></script>')
    assert [use.partition(":")[0] for use in hooks.network_uses(tmp_path)] == ["bad.html", "bad.html", "css/a.css"]
