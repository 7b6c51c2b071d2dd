"""Pages of the site that are made of what stands elsewhere, and its links.

The README is the first page; presets have their cards, models and public names their docstrings, recipes their tables,
commands their help. MkDocs calls the functions named `on_...` (mkdocs.yml); the others need no MkDocs.
"""

import importlib
import inspect
import json
import posixpath
import re
from pathlib import Path

import tf_audio_gan
from tf_audio_gan import models

ROOT = Path(__file__).parents[1]
GUIDES = {  # the pages that a model's users should read, best first
    "wavegan": ("training", "labels"),
    "controlgan": ("labels", "training"),
    "specgan": ("specgan", "training", "labels"),
    "gansynth": ("gansynth",),
    "melgan": ("vocoders", "convert"),
    "multiband_melgan": ("vocoders", "convert"),
    "parallel_wavegan": ("vocoders", "convert"),
    "segan": ("enhancement", "training"),
    "segan_plus": ("enhancement", "training"),
}
BASES = ("models.latent_gan.LatentGAN", "models.vocoder.Vocoder", "models.enhancer.Enhancer")
REFERENCE = {"models": "Models in common", "data": "Data", "serving": "Export and serving", "functions": "Functions"}
_NETWORK = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+", re.I)
_STYLE = re.compile(r"@import\s+[\"']?(?:url\([\"']?)?https?:|url\([\"']?(?:https?:)?//", re.I)


def pages():
    """The pages that are made: {path below docs/: Markdown}."""
    made = {"index.md": _moved((ROOT / "README.md").read_text(encoding="utf-8"))}
    made["changelog.md"] = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for card in sorted((ROOT / "zoo").glob("*/README.md")):
        made[f"presets/{card.parent.name}.md"] = card.read_text(encoding="utf-8")
    made |= {f"models/{name}.md": model_page(name) for name in models.MODELS}
    made |= {f"reference/{group}.md": reference_page(group) for group in REFERENCE}
    return made | {"reference/command_line.md": command_line_page()}


def _moved(readme):
    """The README with its links as they are from docs/."""
    readme = re.sub(r"\]\(docs/([\w/]+\.md)", r"](\1", readme)
    return re.sub(r"\]\(zoo/(\w+)/README\.md", r"](presets/\1.md", readme)


def model_page(name):
    """A model's page: its paper, guides, options and health by its docstring, recipes, and presets with results."""
    kind = models.MODELS[name]
    home = tf_audio_gan._HOMES[kind]
    paper = importlib.util.find_spec(f"tf_audio_gan.{home}").origin
    about = Path(paper).read_text(encoding="utf-8").split('"""')[1].strip().split("\n\n")[0]
    about = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", about)
    guides = ", ".join(f"[{_title(page)}](../{page}.md)" for page in GUIDES[name])
    shared = "[export and serving](../serving.md), [its methods](../reference/models.md)"
    lines = [f"# {kind}", "", about, "", f"Read {guides}; for every model {shared}.", ""]
    lines += ["## Options, and what is healthy", "", _item(f"{home}.{kind}", members=False), "## Recipes", ""]
    lines += ["By name, or as a start for a file of your own: `tf-audio-gan train RECIPE SOUNDS --run-dir RUN`.", ""]
    for recipe, tables in models.recipes().items():
        if tables["model"]["name"] == name:
            lines += [f"### {recipe}", "", "```toml", _toml(tables), "```", ""]
    return "\n".join([*lines, "## Presets and results", "", _presets(kind), ""])


def _title(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return text.split("\n", 1)[0].removeprefix("# ").split(":")[0]


def _toml(tables):
    return "\n\n".join(
        "\n".join([f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])
        for table, keys in tables.items()
    )


def _presets(kind):
    index = json.loads((ROOT / "zoo" / "index.json").read_text(encoding="utf-8"))["presets"]
    mine = [name for name, entry in index.items() if entry["class"] == f"tf_audio_gan>{kind}"]
    if not mine:
        return "The zoo has none yet."
    return "\n".join(
        f"- [{name}](../presets/{name}.md): {index[name]['makes']}; {index[name]['result']}" for name in sorted(mine)
    )


def reference_page(group):
    """The docstrings of a group of public names."""
    lines = [f"# {REFERENCE[group]}", ""]
    if group == "models":
        lines += ["Every model has a page of its own. What they have in common:", ""]
    for name, home in tf_audio_gan._HOMES.items():
        if group_of(name) == group and name not in models.MODELS.values():
            lines += [_item(f"{home}.{name}", shown=f"tf_audio_gan.{name}")]
    if group == "models":
        lines += [_item(base, shown=base.rpartition(".")[2]) for base in BASES]
    return "\n".join(lines)


def group_of(name):
    """The page of reference that a public name is on."""
    first = tf_audio_gan._HOMES[name].split(".")[0]
    return {"models": "models", "data": "data", "serving": "serving", "exporting": "serving"}.get(first, "functions")


def _item(path, shown=None, members=None):
    lines = [f"::: tf_audio_gan.{path}"] + ["    options:"] * (shown is not None or members is not None)
    lines += [f"      heading: {shown}", "      show_root_heading: true"] * (shown is not None)
    lines += [f"      members: {str(members).lower()}"] * (members is not None)
    return "\n".join([*lines, ""])


def command_line_page():
    """Every command with its help, and what holds for all of them."""
    import typer

    from tf_audio_gan.cli.commands import app

    lines = ["# The command line", "", (ROOT / "docs" / "command_line.txt").read_text(encoding="utf-8")]
    for words, command in commands(typer.main.get_command(app)):
        about, examples = _help(command)
        lines += [f"## {' '.join(words)}", "", about, ""]
        usage = [_name(p) for p in command.params if p.param_type_name == "argument"]
        usage += [f"{_name(p)} ..." for p in command.params if p.param_type_name == "option" and p.required]
        lines += ["```text", " ".join(["tf-audio-gan", *words, *usage, "[OPTIONS]"]), "```", ""]
        lines += ["| option | what |", "|---|---|", *(_row(p) for p in command.params if getattr(p, "help", None)), ""]
        lines += ["```sh", *examples, "```", ""] if examples else []
    return "\n".join(lines)


def commands(group, words=()):
    """(words, command) of every command below a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def _help(command):
    """(what a command's help says, its examples as lines of a shell)."""
    parts = inspect.cleandoc(command.help or "").split("\n\n")
    examples = [part for part in parts if part.startswith("tf-audio-gan ")]
    lines = [re.sub(r"\s{2,}\((.*)\)$", r"    # \1", line) for part in examples for line in part.splitlines()]
    return "\n\n".join(part for part in parts if part not in examples), lines


def _name(parameter):
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper()
    return " / ".join(", ".join(names) for names in (parameter.opts, parameter.secondary_opts) if names)


def _row(parameter):
    name, text = (words.replace("|", "\\|") for words in (_name(parameter), parameter.help))
    if parameter.param_type_name == "option" and parameter.required:
        text += " Required."
    elif parameter.default not in (None, False, ()) and not parameter.required:
        text += f" Default: `{parameter.default}`."
    return f"| `{name}` | {text} |"


def on_config(config):
    """Names the presets' pages in the navigation, where mkdocs.yml says presets/."""
    cards = [path for path in pages() if path.startswith("presets/")]
    for section in (part for entry in config["nav"] for part in entry.values() if isinstance(part, list)):
        for one in section:
            if one.get("Presets") == "presets/":
                one["Presets"] = [{Path(path).stem: path} for path in cards]
    return config


def on_files(files, config):
    """Adds the pages that are made, and the notebooks to take away."""
    from mkdocs.structure.files import File

    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    for path in sorted((ROOT / "colab").glob("*")):
        files.append(File.generated(config, f"colab/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Pages named in the text, docs/labels.md, become links."""
    here = posixpath.dirname(page.file.src_uri)

    def link(found):
        return f"[{_title(found[1].removesuffix('.md'))}]({posixpath.relpath(found[1], here or '.')})"

    parts = re.split(r"(^```.*?^```$|`[^`\n]*`|\[[^\]\n]*\]\([^)\n]*\))", markdown, flags=re.S | re.M)
    return "".join(p if i % 2 else re.sub(r"\bdocs/(\w+\.md)\b", link, p) for i, p in enumerate(parts))


def on_post_build(config):
    """Raises an error where a built page asks the network for anything."""
    from mkdocs.exceptions import PluginError

    found = network_uses(Path(config["site_dir"]))
    if found:
        raise PluginError("the site has to work without a network. It asks for:\n" + "\n".join(found))


def network_uses(site):
    """Scripts, styles, fonts and pictures of other hosts in a built site: ["page: what"]."""
    uses = []
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        pattern = _NETWORK if path.suffix == ".html" else _STYLE
        found = [m[0] for m in pattern.finditer(path.read_text(encoding="utf-8")) if 'rel="canonical"' not in m[0]]
        uses += [f"{path.relative_to(site)}: {one}" for one in found]
    return uses
