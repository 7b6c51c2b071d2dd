"""A page to listen to: one HTML file with players, waveforms and spectrograms, and nothing to fetch.

The sounds are WAV data URIs, the spectrograms PNG data URIs and the waveforms inline SVG, so that the file can be
mailed, attached to a release or opened from a disk without a network. 1 second of mono sound at 16 kHz takes 45 kB.
"""

import base64
import html
import os
import re
import threading
from importlib import resources
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.analysis import png_bytes, spectrogram_rgb
from tf_audio_gan.audio.io import wav_bytes

_COLUMNS = 240  # of a waveform


def listening_page(path, sections, *, title, intro):
    """Write one self-contained HTML page with a player, waveform and spectrogram for each clip.

    Clips are encoded one after the other into the file, so memory holds one clip's text at a time. The file appears
    complete or not at all, and parent folders are made. All text is escaped.

    Args:
        path: the HTML file to write.
        sections: ``(heading, text, clips)`` each, clips being ``(name, audio, sample_rate)`` each, with audio float
            ``[samples]`` or ``[samples, channels]`` in [-1, 1] and the rate in Hz.
        title: the page's title and heading.
        intro: a paragraph under the heading; an empty line starts the next paragraph.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: for a path that is not .html, no sections, or a clip that cannot be a sound; it names the clip.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path}: a listening page is a file in .html; received {path.suffix or 'no extension'}")
    sections = list(sections)
    if not sections:
        raise ValueError(f"{path}: no sections; expected at least one (heading, text, clips)")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(_page(path, sections, title, intro))
        size = temporary.stat().st_size
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def _page(path, sections, title, intro):
    """The page's text, piece by piece."""
    head, foot = _template()
    fields = {"{title}": html.escape(str(title)), "{intro}": _paragraphs(intro)}
    yield re.sub("{title}|{intro}", lambda match: fields[match[0]], head)
    if len(sections) > 1:
        links = "".join(f'<a href="#s{i}">{html.escape(str(s[0]))}</a>' for i, s in enumerate(sections))
        yield f'<nav aria-label="Sections">{links}</nav>\n'
    for i, (heading, text, clips) in enumerate(sections):
        clips = list(clips)
        count = "1 clip" if len(clips) == 1 else f"{len(clips)} clips"
        yield f'<section id="s{i}" aria-labelledby="h{i}">\n<h2 id="h{i}">{html.escape(str(heading))}'
        yield f' <small>{count}</small></h2>\n{_paragraphs(text)}<div class="clips">\n'
        for name, audio, sample_rate in clips:
            try:
                yield _clip(str(name), audio, sample_rate)
            except ValueError as error:
                raise ValueError(f"{path}: clip {name!r} of section {heading!r}: {error}") from error
        yield "</div>\n</section>\n"
    yield foot


def _clip(name, audio, sample_rate):
    """One clip's figure: name and facts, waveform over spectrogram, player."""
    sound = data_uri("audio/wav", wav_bytes(audio, sample_rate))  # first: it checks the audio
    audio = np.asarray(audio, np.float32)
    audio = audio.reshape(len(audio), -1)
    picture = data_uri("image/png", png_bytes(spectrogram_rgb(audio, sample_rate, max_width=320)))
    label = html.escape(name)
    return (
        f"<figure><figcaption><b>{label}</b><span>{facts(audio, sample_rate)}</span></figcaption>\n"
        f'<div class="look"><svg viewBox="0 0 {_COLUMNS} 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{outline(audio)}"/></svg>'
        f'<img alt="Spectrogram of {label}, 0 to {sample_rate / 2000:g} kHz" src="{picture}"><i></i></div>\n'
        f'<audio controls preload="metadata" aria-label="{label}" src="{sound}"></audio></figure>\n'
    )


def facts(audio, sample_rate):
    """What there is to say of audio [samples, channels]: "1.02 s · 16 kHz"."""
    return f"{_seconds(len(audio) / sample_rate)} · {sample_rate / 1000:g} kHz{_channels(audio.shape[1])}"


def outline(audio):
    """The waveform of audio [samples, channels] as an SVG path in a box of 240 x 100.

    The highest sample of each column left to right, the lowest back again.
    """
    edges = np.unique(np.linspace(0, len(audio), min(_COLUMNS, len(audio)), endpoint=False).astype(int))
    audio = np.clip(audio, -1.0, 1.0)
    high = np.maximum.reduceat(audio.max(axis=1), edges)
    low = np.minimum.reduceat(audio.min(axis=1), edges)
    x = np.linspace(0, _COLUMNS, len(edges))
    top = [f"{a:.0f} {49.4 - 49 * b:.1f}" for a, b in zip(x, high, strict=True)]
    bottom = [f"{a:.0f} {50.6 - 49 * b:.1f}" for a, b in zip(x, low, strict=True)]
    return "M" + "L".join(top + bottom[::-1]) + "Z"


def data_uri(kind, data):
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _paragraphs(text):
    return "".join(f"<p>{html.escape(part.strip())}</p>\n" for part in str(text).split("\n\n") if part.strip())


def _seconds(seconds):
    return f"{seconds:.2f} s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d} min"


def _channels(channels):
    return {1: "", 2: " · stereo"}.get(channels, f" · {channels} channels")


def _template():
    """The page before and after its sections."""
    text = resources.files("tf_audio_gan").joinpath("listening.html").read_text(encoding="utf-8")
    head, foot = text.split("{sections}\n")
    return head, foot
