"""Files over HTTP: of a known size and SHA-256, whole or not at all, taken up again where a connection broke."""

import contextlib
import http.client
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tf_audio_gan import durable

_TIMEOUT = 30.0  # seconds without a byte
_ATTEMPTS = 4  # in a row that bring nothing new
_PAUSE = 0.5  # seconds before the second attempt, doubled before each more
_BLOCK = 2**18
_BROKEN = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors


def text(url, most):
    """What a URL answers, at most `most` bytes, as UTF-8; OSError says what went wrong."""
    with _answer(url) as answer:
        try:
            data = answer.read(most + 1)
        except _BROKEN as error:
            raise OSError(f"{url} broke off: {error or type(error).__name__}. Try again.") from None
    if len(data) > most:
        raise ValueError(f"{url} answers more than {most} bytes; this is no index of a zoo")
    return data.decode("utf-8", errors="replace")


def keep(path, content):
    """Writes a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix="tmp-", delete=False) as new:
        new.write(content)
    os.replace(new.name, path)


def folder(url, files, target):
    """Fetches the files of a folder; it appears whole or not at all, also where several processes fetch it at once.

    Args:
        url: of the folder.
        files: {name: {"bytes", "sha256"}}.
        target: pathlib.Path of the folder that is to be.

    Raises:
        OSError: a file cannot be had.
        ValueError: a file is not what `files` says.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=target.parent) as parent:
        new = Path(parent) / target.name
        new.mkdir()
        with _bar(url.rsplit("/", 1)[-1], sum(facts["bytes"] for facts in files.values())) as told:
            for name, facts in files.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                file(f"{url}/{urllib.request.pathname2url(name)}", new / name, facts["bytes"], facts["sha256"], told)
        with contextlib.suppress(OSError):  # another process was faster: its files are the same
            new.rename(target)
    if not target.is_dir():
        raise OSError(f"cannot put {url} into {target}; is there something of that name?")


@contextlib.contextmanager
def _bar(name, total):
    """A function that is told how many more bytes came, and shows them on a terminal."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich import console, progress

    columns = [progress.TextColumn("{task.description}"), progress.BarColumn(), progress.DownloadColumn()]
    columns += [progress.TransferSpeedColumn(), progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(f"Fetching {name}", total=total)
        yield lambda more: bar.advance(task, more)


def file(url, path, size, digest, told=lambda more: None):
    """Fetches one file, and goes on where the connection broke if the server lets it (a Range request).

    Args:
        url: of the file.
        path: pathlib.Path it is written to.
        size: of the file in bytes.
        digest: its SHA-256.
        told: function of how many more bytes came.

    Raises:
        OSError: it cannot be had.
        ValueError: it is longer than `size` or has another SHA-256.
    """
    failures = 0
    path.touch()
    while (have := path.stat().st_size) < size or not have:
        try:
            _more(url, path, size, have, told)
        except _BROKEN as error:
            failures = failures + 1 if path.stat().st_size <= have else 1
            if _final(error) or failures == _ATTEMPTS:
                raise OSError(f"cannot fetch {url}: {error or type(error).__name__}") from None
            time.sleep(_PAUSE * 2 ** (failures - 1))
            continue
        if path.stat().st_size <= have:
            break
    if path.stat().st_size != size or durable.sha256(path) != digest:
        raise ValueError(
            f"{url} is not the file the zoo's index names (its sha256 or size differs): the mirror is damaged or of "
            "another release. Nothing was kept."
        )


def _more(url, path, size, have, told):
    """Appends what a server sends to what there is; starts again where it sends all."""
    with _answer(url, have) as answer, open(path, "ab" if answer.status == 206 else "wb") as out:
        told(out.tell() - have)  # less than nothing, where the server starts again
        left = size + 1 - out.tell()  # one byte too many is enough to refuse it
        while left > 0 and (block := answer.read(min(_BLOCK, left))):
            out.write(block)
            left -= len(block)
            told(len(block))
    if left > 1:
        raise OSError(f"the connection closed {left - 1} bytes too early")


def _answer(url, start=0):
    request = urllib.request.Request(url, headers={"User-Agent": "tf-audio-gan"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError:
        raise
    except _BROKEN as error:
        raise OSError(f"cannot reach {url}: {getattr(error, 'reason', None) or error}. Is the network there?") from None


def _final(error):
    """Whether asking again is useless: what the client did wrong, as far as the server can know."""
    return isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in (408, 429)
