"""Commands as they are written in text, read by the command line's own parser."""

import functools
import re
import shlex


@functools.cache
def command_line():
    import typer

    from tf_audio_gan.cli.commands import app

    return typer.main.get_command(app)


def lines_of(text):
    """The words of every command in a text of shell, `\\` and quotes over several lines joined."""
    text = re.sub(r"\$\([^)]*\)", "X", re.sub(r"\\\n", " ", text))
    for line in text.splitlines():
        for part in re.split(r"\s(?:&&|\|)\s", line):
            words = shlex.split(part, comments=True)
            while words and re.match(r"[A-Z_]+=|export$|exec$", words[0]):
                words = words[1:]
            yield [word for word in words if word != "&"]


def find(words):
    """(command, what is left) of words after `tf-audio-gan`."""
    command = command_line()
    while hasattr(command, "commands") and words and not words[0].startswith(("-", "COMMAND")):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options(command):
    return {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}


def check(words):
    """Raises where the command line would not take a command, before it does anything."""
    command, rest = find(words)
    if hasattr(command, "commands"):
        assert rest and set(rest) <= options(command) | {"-h"}, words
    else:
        command.make_context(words[0], list(rest))


def commands(group=None, words=()):
    """(words, command) of every command there is."""
    for name, command in (group or command_line()).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command
