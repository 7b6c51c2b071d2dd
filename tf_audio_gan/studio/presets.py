"""Presets by what they are played with; each is loaded when it is first used, and a few of them are kept."""

import collections
import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

from tf_audio_gan import hub, models, preset_folder
from tf_audio_gan.models.gan import from_preset

KEPT = 4  # models in memory
WAITING = 24  # requests at a time, the one that is answered included


@dataclass(frozen=True)
class Preset:
    """One of the page's presets.

    Attributes:
        name: what the page calls it.
        handle: what `from_preset` takes.
        uses: "pads", "notes", "vocoding", "enhancement": what it is for; a GANSynth is for pads and notes.
    """

    name: str
    handle: str
    uses: tuple


class Presets:
    """The presets of a page.

    Requests are answered one at a time, in this process; those that come meanwhile wait, `WAITING` of them at most.

    Args:
        handles: of presets (`hub.resolve`), which are looked at, not loaded; empty: all of the zoo that make sounds,
            none of which is fetched before it is used.

    Raises:
        FileNotFoundError: there is no such preset, or no zoo.
        ValueError: one of them makes no sounds, or has no weights.
    """

    def __init__(self, handles=()):
        found = [_known(handle) for handle in handles] or _of_the_zoo()
        if not found:
            raise FileNotFoundError(
                "there are no presets to play with: no zoo beside this package. Name some (tf-audio-gan play "
                "runs/mine/preset), or set TF_AUDIO_GAN_ZOO_URL to a mirror."
            )
        self._presets = {preset.name: preset for preset in _named_apart(found)}
        self._loaded, self._turn = collections.OrderedDict(), threading.Lock()
        self._places = threading.BoundedSemaphore(WAITING)

    def names(self, use):
        """What the presets for a use are called."""
        return [name for name, preset in self._presets.items() if use in preset.uses]

    @contextlib.contextmanager
    def model(self, name, use):
        """A preset's model, for whoever's turn it is.

        Raises:
            ValueError: no preset of that name has that use.
            RuntimeError: too many requests wait already.
        """
        if name not in self.names(use):
            raise ValueError(f"there is no preset {name!r} here; there are: {', '.join(self.names(use)) or 'none'}")
        if not self._places.acquire(blocking=False):
            raise RuntimeError(f"{WAITING} requests are waiting already. Try again in a moment.")
        try:
            with self._turn:
                yield self._load(name)
        finally:
            self._places.release()

    def _load(self, name):
        if name not in self._loaded:
            self._loaded[name] = from_preset(self._presets[name].handle)
            while len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return self._loaded[name]


def _of_the_zoo():
    found = []
    for name, about in hub.zoo_index().items():
        with contextlib.suppress(ValueError):  # judges
            uses = _uses(about.get("class"), name)
            found += [Preset(name, name, uses)] if about.get("trained", True) else []
    return sorted(found, key=lambda preset: (not _featured(preset.name), preset.name))


def _featured(name):
    """Whether a preset is the one of its kind that a page begins with."""
    return name in ("wavegan_drums", "segan_speech")


def _known(handle):
    about = None if "://" in handle or Path(handle).exists() else hub.zoo_index().get(handle)
    if about and about.get("trained", True):
        return Preset(handle, handle, _uses(about.get("class"), handle))
    folder = hub.resolve(handle)
    preset_folder.refuse_untrained(folder)
    config = preset_folder.read_config(folder / preset_folder.CONFIG)
    name = folder.resolve().name
    if name == "preset":  # of a run
        name = folder.resolve().parent.name
    return Preset(name, handle, _uses(config.get("registered_name"), handle))


def _uses(registered, handle):
    classes = {f"tf_audio_gan>{kind}": name for name, kind in models.MODELS.items()}
    if registered not in classes:
        raise ValueError(f"{handle} holds {registered!r}, which makes no sounds. To play with: {', '.join(classes)}")
    kind = models.model_class(classes[registered])
    if kind.task != "generation":
        return (kind.task,)
    return ("pads", "notes") if hasattr(kind, "pitches") else ("pads",)


def _named_apart(presets):
    """The presets, those that would share a name called by their handles."""
    counts = collections.Counter(preset.name for preset in presets)
    return [p if counts[p.name] == 1 else Preset(p.handle, p.handle, p.uses) for p in presets]
