"""One look for all commands: help with examples, exit statuses, JSON, completion, no colours where nobody sees them."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tf_audio_gan
from tests.cli.parsing import check, commands, lines_of

ROOT = Path(__file__).parents[2]
COMMANDS = {" ".join(words): command for words, command in commands()}
JSON = {"compare", "convert", "enhance", "evaluate", "export", "generate", "judge train", "listen analyse", "prepare"}
JSON |= {"train", "vocode", "zoo list"}
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])[;m]")


@pytest.mark.parametrize("name", COMMANDS)
def test_help(command, name):
    status, out, err = command(*name.split(), "--help")
    assert status == 0 and err == "" and "\x1b" not in out
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in out and parameter.help, parameter.name
    examples = [line.strip(" │").partition("  ")[0] for line in out.splitlines() if " tf-audio-gan " in f" {line}"]
    examples = [line for line in examples if line.startswith(f"tf-audio-gan {name}")]
    assert examples
    for words in lines_of("\n".join(examples)):
        check(words[1:])


def test_the_first_help_names_every_command_and_the_exit_statuses(command):
    status, out, _ = command("--help")
    assert status == 0 and all(f"│ {name.split()[0]} " in out for name in COMMANDS)
    assert (
        "Exit status: 0 done; 1 an error, in one line; 2 a command that is not right; 130 interrupted and saved." in out
    )
    assert command("train")[0] == 2 and command("no-such-command")[0] == 2
    assert command("zoo", "show", "no_such_preset")[0] == 1


def test_json_where_a_machine_reads():
    found = {name for name, one in COMMANDS.items() if any("--json" in p.opts for p in one.params)}
    assert found == JSON


def on_a_terminal(*words, **environment):
    """What a command writes to a terminal."""
    pty = pytest.importorskip("pty", reason="terminals are of POSIX systems")
    ours, its = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "120", **environment}
    words = [sys.executable, "-m", "tf_audio_gan", *map(str, words)]
    process = subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env=environment, cwd=ROOT)
    os.close(its)
    written = b""
    with contextlib.suppress(OSError):  # Linux' end of a terminal
        while more := os.read(ours, 65536):
            written += more
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode()


def test_colours_and_bars_are_for_terminals(command, tmp_path):
    soundfile.write(tmp_path / "one.wav", np.sin(np.arange(800.0)), 8000)
    assert COLOUR.search(on_a_terminal("--help")) and not COLOUR.search(on_a_terminal("--help", NO_COLOR="1"))
    seen = on_a_terminal("prepare", tmp_path, tmp_path / "a", "--sample-rate", 8000, "--workers", 1)
    assert COLOUR.search(seen) and f"Reading {tmp_path}" in seen and "100%" in seen and "1 clips" in seen
    shutil.rmtree(tmp_path / "a")
    status, out, err = command("prepare", tmp_path, tmp_path / "a", "--sample-rate", 8000, "--workers", 1)
    assert status == 0 and err == "" and out == f"{tmp_path / 'a'}: 1 clips, 0 s at 8000 Hz, 1 shards\n"


def test_a_judge_in_json(command, tmp_path, monkeypatch):
    def train_judge(data, out, progress, **_):
        assert not progress, "nothing else on standard output"
        return types.SimpleNamespace(ended="finished", folder=out, results={}, skipped=[])

    monkeypatch.setattr(tf_audio_gan, "train_judge", train_judge)
    (tmp_path / "results.json").write_text('{"labels": ["one", "two"]}\n')
    status, out, _ = command("judge", "train", tmp_path, "--out", tmp_path, "--json")
    assert status == 0 and json.loads(out) == {"labels": ["one", "two"]}


@pytest.mark.parametrize("line, wanted", [("gen", "generate"), ("zoo ve", "verify"), ("train --pre", "--precision")])
def test_completion(command, monkeypatch, line, wanted):
    words = f"tf-audio-gan {line}"
    monkeypatch.setenv("_TF_AUDIO_GAN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    status, out, _ = command()
    assert status == 0 and wanted in out.split()


def test_completion_is_offered(command):
    status, out, _ = command("--help")
    assert status == 0 and "--install-completion" in out and "--show-completion" in out
