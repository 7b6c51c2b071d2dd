"""Gradio, if it is there, in the house's colours; it fetches nothing and reports nothing."""

import os

_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif"]
_MONO = ["ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]


def load_gradio():
    """The module; ImportError names the extra. It reports nothing to anyone."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import gradio
    except ImportError as error:
        raise ImportError("the page needs gradio: pip install 'tf-audio-gan[demo]'") from error
    return gradio


def theme(gr):
    """The house's colours and the machine's own fonts: nothing is fetched."""
    theme = gr.themes.Base(primary_hue="sky", neutral_hue="gray", font=_FONT, font_mono=_MONO)
    pairs = {
        "body_background_fill": ("#f7f7f5", "#131518"), "block_background_fill": ("#fff", "#1c1f24"),
        "body_text_color": ("#1d2024", "#e9eaec"), "block_label_text_color": ("#5c616a", "#a3a9b2"),
        "body_text_color_subdued": ("#5c616a", "#a3a9b2"), "border_color_primary": ("#d5d7d4", "#343942"),
        "button_primary_background_fill": ("#24648a", "#7cbce0"), "button_primary_text_color": ("#fff", "#10202b"),
        "button_primary_background_fill_hover": ("#1d5373", "#97cbe8"), "slider_color": ("#24648a", "#7cbce0"),
    }  # fmt: skip
    return theme.set(
        **{name + dark: x for name, two in pairs.items() for dark, x in zip(("", "_dark"), two, strict=True)}
    )
