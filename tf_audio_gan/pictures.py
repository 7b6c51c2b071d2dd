"""Pictures of sounds: sheets of waveforms above their mel spectrograms, and images for TensorBoard.

Figures are drawn on their own Agg canvas, never through pyplot: nothing global changes, no display is needed, any
thread may draw, and a figure's memory goes with it.
"""

import os
import threading
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.analysis import hz_to_mel, mel_db, spectrogram_rgb, window_length

__all__ = ["MAX_CLIPS", "comparison_sheet", "contact_sheet", "spectrogram_rgb"]

MAX_CLIPS = 32  # on one sheet; more is not readable
TOP_DB = 70.0  # from the brightest colour to the darkest
_BANDS = 96
_DPI = 110
_WIDTH, _WAVE, _PICTURE = 2.3, 0.5, 0.95  # inches: a cell's width and the heights of its two parts
_TITLE, _TICKS, _GAP = 0.2, 0.2, 0.14  # above, below and beside a cell
_LEFT, _BOTTOM, _SCALE = 0.5, 0.12, 0.42  # the sheet's margins and the colour scale
_REAL, _FAKE = "#2a6f97", "#c05621"


def contact_sheet(path, audio, sample_rate, *, titles=None, columns=4, heading=None):
    """Draw each clip's waveform above its mel spectrogram, with one colour scale for all of them.

    Args:
        path: the PNG file to write; it appears complete or not at all, and parent folders are made.
        audio: 1 to 32 clips: ``[clips, samples, channels]`` or a list of float ``[samples]`` or
            ``[samples, channels]`` in [-1, 1], of any lengths.
        sample_rate: in Hz.
        titles: a line above each clip, cut at 36 characters; default: its number, counted from 1.
        columns: clips in one row.
        heading: a line above the sheet.

    Raises:
        ValueError: for no clips or more than 32, a clip of another rank or with NaN, or a wrong number of titles.
    """
    clips = _clips(audio)
    titles = [str(i + 1) for i in range(len(clips))] if titles is None else [str(title) for title in titles]
    if len(titles) != len(clips):
        raise ValueError(f"{len(titles)} titles for {len(clips)} clips; expected one for each clip, or None")
    if columns < 1:
        raise ValueError(f"columns is {columns}; expected at least 1")
    cells = [(i // columns, i % columns, clip, titles[i], _REAL) for i, clip in enumerate(clips)]
    _draw(path, cells, sample_rate, min(columns, len(clips)), heading)


def comparison_sheet(path, real, fake, sample_rate):
    """Draw real clips beside generated ones, with one colour scale: two columns of each.

    Args:
        path: the PNG file to write; it appears complete or not at all, and parent folders are made.
        real: 1 to 16 recorded clips, as in `contact_sheet`.
        fake: 1 to 16 generated clips.
        sample_rate: in Hz.

    Raises:
        ValueError: for no clips, more than 32 together, or a clip of another rank or with NaN.
    """
    real, fake = _clips(real), _clips(fake)
    if max(len(real), len(fake)) > MAX_CLIPS // 2:
        raise ValueError(f"{len(real)} real and {len(fake)} generated clips; expected at most {MAX_CLIPS // 2} of each")
    width = min(2, max(len(real), len(fake)))
    cells = [(i // width, i % width, clip, f"real {i + 1}", _REAL) for i, clip in enumerate(real)]
    cells += [(i // width, width + i % width, clip, f"generated {i + 1}", _FAKE) for i, clip in enumerate(fake)]
    _draw(path, cells, sample_rate, 2 * width, "Real (left) and generated (right)")


def _clips(audio):
    """The clips as a list of float32 ``[samples, channels]``, or a ValueError that names the clip."""
    clips = [np.asarray(clip, np.float32) for clip in audio]
    if not 1 <= len(clips) <= MAX_CLIPS:
        raise ValueError(f"{len(clips)} clips; expected 1 to {MAX_CLIPS} on one sheet. Pass a slice")
    for i, clip in enumerate(clips):
        if clip.ndim not in (1, 2) or not clip.size:
            raise ValueError(
                f"clip {i} has shape {clip.shape}; expected [samples] or [samples, channels]. Wrap one clip in a list"
            )
        if not np.isfinite(clip).all():
            raise ValueError(f"clip {i} holds NaN or infinite samples; expected finite numbers in [-1, 1]")
    return [clip.reshape(len(clip), -1) for clip in clips]


def _draw(path, cells, sample_rate, columns, heading):
    """Draw (row, column, clip, title, colour) cells on a fresh figure and write it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = _Sheet(columns, 1 + max(row for row, *_ in cells), heading)
    figure = Figure(sheet.size, dpi=_DPI)
    FigureCanvasAgg(figure)
    levels = [_levels(clip, sample_rate) for _, _, clip, _, _ in cells]
    peak = max(-30.0, max(level.max() for level in levels))
    for (row, column, clip, title, colour), level in zip(cells, levels, strict=True):
        _waveform(figure.add_axes(sheet.box(row, column, _PICTURE, _WAVE)), clip, title, colour)
        picture = figure.add_axes(sheet.box(row, column, 0.0, _PICTURE))
        image = _spectrogram(picture, level, len(clip) / sample_rate, peak)
        _frequencies(picture, sample_rate, column == 0)
        if not any(r > row and c == column for r, c, *_ in cells):
            picture.set_xlabel("seconds", fontsize=7, labelpad=1)
    bar = figure.colorbar(image, cax=figure.add_axes(sheet.scale()))
    bar.set_ticks(
        [peak, peak - TOP_DB / 2, peak - TOP_DB], labels=["0", f"\u2212{TOP_DB / 2:.0f}", f"\u2212{TOP_DB:.0f}"]
    )
    bar.ax.tick_params(labelsize=6.5, length=2, pad=1.5)
    bar.ax.set_title("dB", fontsize=7, pad=4)
    if heading:
        figure.text(
            _LEFT / sheet.size[0],
            1 - 0.14 / sheet.size[1],
            heading,
            fontsize=10,
            va="top",
            weight="bold",
            parse_math=False,
        )
    _save(figure, path)


class _Sheet:
    """Where things stand on a sheet of columns x rows cells; sizes in inches, boxes as fractions of the figure."""

    def __init__(self, columns, rows, heading):
        self.top = 0.38 if heading else 0.1
        self.rows = rows
        self.size = (
            _LEFT + columns * (_WIDTH + _GAP) + _SCALE,
            self.top + rows * (_TITLE + _WAVE + _PICTURE + _TICKS) + _BOTTOM,
        )

    def box(self, row, column, above, height):
        """A box `above` inches over the foot of a cell's spectrogram."""
        left = _LEFT + column * (_WIDTH + _GAP)
        foot = _BOTTOM + _TICKS + (self.rows - 1 - row) * (_TITLE + _WAVE + _PICTURE + _TICKS)
        return self._fraction(left, foot + above, _WIDTH, height)

    def scale(self):
        """The colour scale's box: beside the first row's spectrogram."""
        left, bottom, width, height = self.box(0, 0, 0.0, _PICTURE)
        return ((self.size[0] - _SCALE) / self.size[0], bottom, 0.09 / self.size[0], height)

    def _fraction(self, left, bottom, width, height):
        return (left / self.size[0], bottom / self.size[1], width / self.size[0], height / self.size[1])


def _levels(clip, sample_rate):
    """Mel levels for a cell some 300 pixels wide: dB, ``[frames, bands]``."""
    hop = max(32, len(clip) // 300)
    return mel_db(clip, sample_rate, max(window_length(sample_rate), 2 * hop), hop, _BANDS)


def _waveform(axes, clip, title, colour):
    """Draw the smallest and largest sample of each of at most 600 columns, one shade a channel."""
    block = max(1, -(-len(clip) // 600))
    edges = np.arange(0, len(clip), block)
    low, high = np.minimum.reduceat(clip, edges), np.maximum.reduceat(clip, edges)
    for channel in range(clip.shape[1]):
        axes.fill_between(
            edges, low[:, channel], high[:, channel], color=colour, lw=0.4, alpha=1.0 if clip.shape[1] == 1 else 0.55
        )
    axes.set(xlim=(0, max(1, len(clip) - 1)), ylim=(-1.05, 1.05), xticks=[], yticks=[])
    title = title if len(title) <= 36 else f"{title[:35]}…"  # what a cell is wide
    axes.set_title(title, fontsize=8, pad=3, parse_math=False)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _spectrogram(axes, level, seconds, peak):
    """Draw the mel levels as an image whose axes read in seconds and mel bands."""
    image = axes.imshow(
        level.T, origin="lower", aspect="auto", cmap="magma", vmin=peak - TOP_DB, vmax=peak, extent=(0, seconds, 0, 1)
    )
    axes.tick_params(labelsize=6.5, length=2, pad=1.5)
    step = next(step for step in _nice_steps() if seconds / step <= 6)
    axes.set_xticks(np.arange(0.0, 0.93 * seconds, step))  # none at the edge, where it would meet the next cell's 0
    return image


def _nice_steps():
    """0.00001, 0.00002, 0.00005, 0.0001 and so on: seconds."""
    return (digit * 10.0**power for power in range(-5, 9) for digit in (1, 2, 5))


def _frequencies(axes, sample_rate, labelled):
    """Ticks at round frequencies on the Slaney mel scale, in kHz."""
    top = hz_to_mel(sample_rate / 2)
    marks = [hz for hz in (250, 1000, 4000, 16000) if hz < 0.45 * sample_rate]
    labels = [f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in marks] if labelled else [""] * len(marks)
    axes.set_yticks([float(hz_to_mel(hz) / top) for hz in marks], labels=labels)
    if labelled:
        axes.set_ylabel("Hz", fontsize=7, labelpad=1)


def _save(figure, path):
    """Write the PNG beside its place, then move it there."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: cannot write {path.suffix or 'a file without extension'}; expected a name in .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        figure.savefig(temporary, format="png")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
