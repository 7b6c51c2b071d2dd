"""`tf-audio-gan play`: a page in the browser to play with."""

from typing import Annotated

import typer

from tf_audio_gan.cli.common import load_keras


def play(
    presets: Annotated[
        list[str] | None, typer.Argument(metavar="[PRESET]...", help="Folders or names; default: what the zoo has.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to listen on; there is no password.")] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    share: Annotated[
        bool, typer.Option("--share", help="Ask Gradio's service for a public address; anyone who has it may play.")
    ] = False,
):
    """Open a page to play with: pads, a keyboard, your voice through a vocoder, a denoiser.

    tf-audio-gan play                                   (all presets of the zoo)

    tf-audio-gan play wavegan_drums --port 0 --open

    tf-audio-gan play runs/mine/preset runs/notes/preset
    """
    from tf_audio_gan.studio.theme import load_gradio

    load_gradio()
    load_keras()
    from tf_audio_gan.studio import page
    from tf_audio_gan.studio.presets import Presets
    from tf_audio_gan.studio.recordings import Shelf

    shelf = Shelf()
    made = page.make_page(Presets(presets or ()), shelf)
    page.launch(made, shelf, host=host, port=port, share=share, browser=open_browser)
