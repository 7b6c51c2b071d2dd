"""The page's HTML, of names, words and clips; what comes from outside is escaped."""

import html
from importlib import resources

from tf_audio_gan.listening import data_uri
from tf_audio_gan.studio.sounds import PADS

NO_NOTES = """<div class="result"><h3>No preset that plays notes is here</h3>
<p>The keyboard, the timbre pad and songs need a GANSynth. One is in the zoo, gansynth_notes. Or train a small one on
recordings of single notes (an hour and more on a laptop; their files named by pitch, such as piano_A4.wav), then open
this page with it:</p>
<pre>tf-audio-gan train gansynth_notes_cpu NOTES --run-dir runs/notes
tf-audio-gan play runs/notes/preset</pre>
<p>A checkpoint that Magenta published becomes a preset, too: tf-audio-gan convert --help.</p></div>"""
_NONE = """<div class="result"><h3>No preset for this is here</h3>
<p>This page was opened with others. {how}</p><pre>tf-audio-gan play {name}</pre></div>"""
_LACKING = {
    "pads": ("One that makes sounds is in the zoo:", "wavegan_drums"),
    "vocoding": ("A vocoder is in the zoo:", "multiband_melgan_speech"),
    "enhancement": ("A denoiser is in the zoo:", "segan_speech"),
}


def text(name):
    """A file of this folder."""
    return resources.files("tf_audio_gan.studio").joinpath(name).read_text(encoding="utf-8")


def scripted_html(presets, use, tab):
    """What a tab of scripts holds: its part of page.html, with the names of the presets."""
    options = "".join(f"<option>{html.escape(name)}</option>" for name in presets.names(use))
    pads = "".join(
        f'<button type="button" data-n="{n}"><b>Pad {n + 1}</b><svg viewBox="0 0 240 100" preserveAspectRatio="none" '
        f'aria-hidden="true"><path></path></svg><small>…</small><kbd></kbd></button>'
        for n in range(PADS)
    )
    part = text("page.html").split(f"<!-- {tab} -->\n")[1].split("<!--")[0]
    return part.replace("{options}", options).replace("{pads}", pads)


def lacking(use):
    """What a tab says that has no preset."""
    how, name = _LACKING[use]
    return _NONE.format(how=how, name=name)


def pair(clips):
    """Two clips, before and after, side by side."""
    return result_html("", clips)


def failure(error):
    """An error as words for whoever looks."""
    return f'<div class="result"><p class="wrong" role="alert">{html.escape(str(error))}</p></div>'


def result_html(words, clips):
    """Words and clips: players, spectrograms, links to save them."""
    told = f'<p role="status">{html.escape(words)}</p>' if words else ""
    return f'<div class="result">{told}<div class="pair">{"".join(map(_figure, clips))}</div></div>'


def _figure(clip):
    title, name = html.escape(clip.title), html.escape(clip.path.name)
    address = html.escape(f"gradio_api/file={clip.path}")
    return (
        f"<figure><figcaption><b>{title}</b><span>{clip.facts}</span></figcaption>"
        f'<div class="look"><img alt="Spectrogram, {title}" src="{data_uri("image/png", clip.picture)}"></div>'
        f'<audio controls preload="metadata" aria-label="{title}" src="{address}"></audio>'
        f'<a class="save" href="{address}" download="{name}">Save WAV</a></figure>'
    )
