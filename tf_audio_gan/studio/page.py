"""The page itself, by Gradio: tabs, and what their buttons do."""

import functools

from tf_audio_gan.studio import recordings
from tf_audio_gan.studio.answers import EXPECTED, answers
from tf_audio_gan.studio.markup import NO_NOTES, failure, lacking, pair, result_html, scripted_html, text
from tf_audio_gan.studio.theme import load_gradio, theme

TITLE = "tf_audio_gan"
LARGEST_UPLOAD = "100mb"
_EVENT = {"concurrency_id": "models", "concurrency_limit": 1, "trigger_mode": "once", "api_visibility": "private"}


def make_page(presets, shelf):
    """The page of `Presets`, whose results lie on a `recordings.Shelf`: a `gradio.Blocks`, see `launch`."""
    gr = load_gradio()
    functions = answers(presets)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown("# tf_audio_gan\nSounds that networks make, on this machine: nothing leaves it.")
        with gr.Tabs():
            with gr.Tab("Drums and digits", id="drums"):
                _scripted(gr, presets, "pads", "drums", [functions["kit"], functions["sound"]])
            with gr.Tab("Keyboard", id="keyboard"):
                _scripted(gr, presets, "notes", "keyboard", [functions["keys"], functions["note"]])
                if presets.names("notes"):
                    _songs(gr, presets, shelf)
            with gr.Tab("Voice", id="voice"):
                _voice(gr, presets, shelf)
            with gr.Tab("Denoise", id="denoise"):
                _denoise(gr, presets, shelf)
    return page.queue(max_size=16, default_concurrency_limit=1)


def launch(page, shelf, *, host="127.0.0.1", port=7860, share=False, browser=False, block=True):
    """Serves a page of `make_page`.

    Args:
        page: the page.
        shelf: its results, which are served.
        host: address to listen on.
        port: 0: any free one.
        share: ask Gradio's service for a public address.
        browser: open it in one.
        block: serve until Ctrl-C.

    Returns:
        The page's address, where `block` is not set.
    """
    gr = load_gradio()
    kwargs = {"server_name": host, "server_port": port or _free(host), "share": share, "inbrowser": browser}
    kwargs |= {"footer_links": [], "run_history": False, "enable_monitoring": False, "ssr_mode": False, "quiet": True}
    kwargs |= {"allowed_paths": [str(shelf.folder)], "max_file_size": LARGEST_UPLOAD, "max_threads": 32}
    # twice: Gradio narrows `css` to its container, which wins over its own rules there; the head's reach dark mode
    css, script = text("page.css"), text("page.js")
    kwargs |= {"theme": theme(gr), "css": css, "head": f"<style>{css}</style><script>{script}</script>"}
    _, url, public = page.launch(prevent_thread_lock=True, **kwargs)
    print(f"play: {public or url}   (Ctrl-C ends it)", flush=True)
    if block:
        page.block_thread()
    return url


def _free(host):
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.bind((host, 0))
        return one.getsockname()[1]


def _scripted(gr, presets, use, tab, functions):
    if not presets.names(use):
        gr.HTML(NO_NOTES if use == "notes" else lacking(use))
        return
    start = f"window.tfAudioGan.{tab}(element, server)"
    gr.HTML(scripted_html(presets, use, tab), js_on_load=start, server_functions=functions, elem_id=tab)


def _voice(gr, presets, shelf):
    names = presets.names("vocoding")
    if not names:
        gr.HTML(lacking("vocoding"))
        return
    gr.Markdown("A recording becomes a mel spectrogram, and a vocoder makes sound of that again. Up to a minute.")
    with gr.Row():
        with gr.Column():
            source = _source(gr, "Your voice: record it, or choose a file", "voice-source")
        with gr.Column():
            preset = gr.Dropdown(names, value=names[0], label="Vocoder", elem_id="voice-preset")
            seed = gr.Number(0, label="Seed of the noise (Parallel WaveGAN)", precision=0, minimum=0)
            button = gr.Button("Through the vocoder", variant="primary", elem_id="voice-go")
    result = gr.HTML(elem_id="voice-result")

    def run(name, path, seed):
        with presets.model(name, "vocoding") as model:
            return pair(recordings.revoiced(model, path, shelf.place(), seed))

    button.click(_shown(run), [preset, source, seed], result, **_EVENT)


def _denoise(gr, presets, shelf):
    names = presets.names("enhancement")
    if not names:
        gr.HTML(lacking("enhancement"))
        return
    gr.Markdown("Speech in noise becomes clearer speech. Up to a minute, mono or stereo, of any sample rate.")
    with gr.Row():
        with gr.Column():
            source = _source(gr, "A noisy recording: record it, or choose a file", "denoise-source")
        with gr.Column():
            preset = gr.Dropdown(names, value=names[0], label="Denoiser", elem_id="denoise-preset")
            blend = gr.Slider(0, 1, 0.3, step=0.05, label="Blend: share of the recording that is kept")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0)
            button = gr.Button("Denoise", variant="primary", elem_id="denoise-go")
    result = gr.HTML(elem_id="denoise-result")

    def run(name, path, seed, blend):
        with presets.model(name, "enhancement") as model:
            return pair(recordings.denoised(model, path, shelf.place(), seed, blend))

    button.click(_shown(run), [preset, source, seed, blend], result, **_EVENT)


def _songs(gr, presets, shelf):
    names = presets.names("notes")
    gr.Markdown(
        "### A song\nA MIDI file, its timbre on the way from seed to seed. Up to five minutes; drums are left out."
    )
    with gr.Row():
        with gr.Column():
            source = gr.File(label="MIDI file", file_types=[".mid", ".midi"], type="filepath", elem_id="song-source")
        with gr.Column():
            preset = gr.Dropdown(names, value=names[0], label="Preset")
            seeds = gr.Textbox("0, 1, 2, 3", label="Seeds of its timbres, one or several", elem_id="song-seeds")
            button = gr.Button("Play it", variant="primary", elem_id="song-go")
    result = gr.HTML(elem_id="song-result")

    def run(name, path, typed):
        seeds = seeds_in(typed)
        with presets.model(name, "notes") as model:
            clip, played = recordings.song(model, path, shelf.place(), seeds)
        words = {"moved by octaves into the model's range": played.folded, "left out": played.left_out}
        words |= {"of drums left out": played.drums}
        told = "".join(f", {number} {what}" for what, number in words.items() if number)
        return result_html(f"{played.notes} notes of {len(played.parts)} parts{told}.", [clip])

    button.click(_shown(run), [preset, source, seeds], result, **_EVENT)


def seeds_in(typed):
    """The seeds that were typed: "0, 1, 2"; ValueError for others than whole numbers."""
    try:
        found = [int(part) for part in str(typed).replace(",", " ").split()]
    except ValueError:
        found = []
    if not found:
        raise ValueError(f"Seeds are whole numbers with commas between them: 0, 1, 2. Received: {typed!r}")
    return found


def _source(gr, label, elem_id):
    return gr.Audio(
        sources=["upload", "microphone"], type="filepath", label=label, editable=False, buttons=[], elem_id=elem_id
    )


def _shown(function):
    """A function that answers HTML, whose errors of expected kinds are shown as such."""

    @functools.wraps(function)
    def shown(*given):
        try:
            return function(*given)
        except EXPECTED as error:
            return failure(error)

    return shown
