"""Listening tests: one HTML page that plays level-matched clips of hidden systems and saves what the listener says.

Three kinds: ``mos`` (each clip alone, five grades from bad to excellent: the absolute category rating of ITU-T P.800),
``ab`` (which of two is better, or neither) and ``abx`` (X is one of A and B: which?). The page knows clips by random
names only; which system a name stands for is in a key file beside the page, for the analysis (`opinions`).
"""

import base64
import hashlib
import html
import itertools
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.loudness import integrated_loudness
from tf_audio_gan.durable import write_text
from tf_audio_gan.listening_tests.answers import KEY_FORMAT, KINDS, RUINED, read_key
from tf_audio_gan.listening_tests.items import choose_items, counted, named_systems, read_items

QUESTIONS = {
    "mos": "How good does this sound?",
    "ab": "Which one sounds better?",
    "abx": "Which of the two is X?",
}
UNMATCHED_ABX = "Which of the two comes from the same source as X?"
GRADES = ("Bad", "Poor", "Fair", "Good", "Excellent")
TARGET_LUFS, PEAK = -23.0, 10 ** (-1 / 20)  # EBU R 128's level; no sample above -1 dBFS
LARGE, TOO_LARGE = 50_000_000, 200_000_000  # bytes of a page


@dataclass
class MadeTest:
    """What was made: the files, what is in them, and what a person should know (`notes`, one sentence each)."""

    page: Path
    key: Path
    systems: list
    matched: bool
    items: int
    trials: int = 0  # that one listener answers, checks and repeats included
    bytes: int = 0
    loudness: float = 0.0  # LUFS of every clip
    skipped: list = field(default_factory=list)  # (file, reason)
    notes: list = field(default_factory=list)


def make_listening_test(
    kind,
    folders,
    out,
    *,
    reference=None,
    n=20,
    items=None,
    attention=3,
    matched=None,
    seed=0,
    title="Listening test",
    question=None,
):
    """Write a listening test as one self-contained HTML page, and its key beside it (``page.key.json``).

    Files are matched by their path within the folder, or by their stem, so that an item is one sound as each system
    makes it. Where fewer than half of the smallest folder's files have a partner in every folder, the k-th drawn
    sound of each system makes item k instead: the systems are compared as sources of sounds. There, X of an ABX trial
    is another sound of A's or B's system.

    Every clip is brought to one loudness (ITU-R BS.1770-4 as heard on two loudspeakers): -23 LUFS, or less where the
    clip with the least room would pass -1 dBFS. Clips are embedded as 16-bit FLAC at their own sample rate. The same
    arguments and files make the same page, byte for byte.

    Args:
        kind: ``"mos"``, ``"ab"`` or ``"abx"``.
        folders: systems: two or more folders of sounds, or ``NAME=FOLDER``; a name is the folder's own by default.
        out: the page, in .html.
        reference: the system that is the real thing, by name or folder; it is added if it is not among `folders`.
            Listeners are not told. The clips of the checks are made from it.
        n: items that one listener judges; an item is a clip of each system (mos) or of each pair (ab, abx).
        items: items on the page, of which each listener gets `n` at random; default `n`.
        attention: checks of attention. mos: so many clips that are ruined on purpose and so many that come twice;
            ab and abx: so many trials of a clip against its ruin.
        matched: True and False decide what is said above about matching; None counts.
        seed: of the choice of items and of the random names.
        title: the page's title.
        question: what the listener is asked; default `QUESTIONS`.

    Returns:
        A `MadeTest`.

    Raises:
        ValueError: for another kind, fewer than two systems, two of one name, no matched files, a page over 200 MB,
            a system without a sound that can be read, or another page's key in the place of this one's.
    """
    _check(kind, out, n, items, attention)
    systems, reference = named_systems(folders, reference)
    rng = np.random.default_rng(seed)
    files, matched, notes = choose_items(systems, matched, 2 if kind == "abx" else 1, rng)
    clips, skipped = read_items(files, systems, items or n)
    if len(clips) < (items or n):
        notes.append(f"{counted(items or n, 'item')} asked for, {len(clips)} there")
    if kind == "abx" and not matched and len(clips) < 2:
        raise ValueError("1 readable sound a system; an unmatched ABX test needs 2, for X is another sound of A or B")
    names, source = _Names(rng), reference or next(iter(systems))
    test = _trials(kind, clips, matched, names, rng)
    _add_checks(kind, test, clips, source, attention, names, rng)
    plain = min(n, len(clips)) * len(test["items"][0])
    test |= {"kind": kind, "matched": matched, "n": min(n, len(clips)), "title": title, "grades": GRADES}
    test["repeats"] = min(attention, (plain + 1) // 2) if kind == "mos" else 0
    test["question"] = question or (UNMATCHED_ABX if kind == "abx" and not matched else QUESTIONS[kind])
    test["level"] = names.clip(clips, 0, source)
    made = MadeTest(Path(out), Path(out).with_suffix(".key.json"), list(systems), matched, len(clips))
    made.trials, made.skipped, made.notes = plain + len(test["checks"]) + test["repeats"], skipped, notes
    test["clips"] = _level_match(names.sounds, made)
    _write(made, test, names.key, reference)
    return made


def _check(kind, out, n, items, attention):
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; received {kind!r}")
    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{out}: a listening test is a file in .html; received {Path(out).suffix or 'no extension'}")
    if n < 1 or attention < 0:
        raise ValueError(f"n is {n} and attention {attention}; expected at least 1 item and 0 checks")
    if items is not None and items < n:
        raise ValueError(f"items is {items}, n {n}; expected as many items on the page as one listener judges, or more")


class _Names:
    """Gives clips and trials random names, and keeps their sounds and the key."""

    def __init__(self, rng):
        self._rng, self._seen, self._clips = rng, set(), {}
        self.sounds, self.key = {}, {}

    def new(self):
        """Eight hexadecimal digits that were not given before."""
        while (name := self._rng.bytes(4).hex()) in self._seen:
            pass
        self._seen.add(name)
        return name

    def add(self, audio, rate, **facts):
        """A new clip's name; the facts go into the key."""
        name = self.new()
        self.sounds[name], self.key[name] = (audio, rate), facts
        return name

    def clip(self, clips, item, system):
        """The name of an item's clip."""
        if (item, system) not in self._clips:
            path, audio, rate = clips[item][system]
            self._clips[item, system] = self.add(audio, rate, system=system, item=item, file=path)
        return self._clips[item, system]


def _trials(kind, clips, matched, names, rng):
    """The items of the page, each a list of trials in random order; a trial's clips are in random order too."""
    items = []
    for i, clip in enumerate(clips):
        groups = [(s,) for s in clip] if kind == "mos" else list(itertools.combinations(clip, 2))
        trials = []
        for group in groups:
            group = rng.permutation(group).tolist()
            trial = {"id": names.new(), "clips": [names.clip(clips, i, s) for s in group]}
            if kind == "abx":
                other = i if matched else (i + 1) % len(clips)
                trial["x"] = [names.clip(clips, other, s) for s in rng.permutation(group).tolist()]
            trials.append(trial)
        items.append([trials[k] for k in rng.permutation(len(trials))])
    return {"items": [items[k] for k in rng.permutation(len(items))]}


def _add_checks(kind, test, clips, system, attention, names, rng):
    """Trials whose answer is plain: a ruined clip alone, or beside what it was made from."""
    checks = []
    for k in range(attention):
        item = k % len(clips)
        path, audio, rate = clips[item][system]
        ruin = names.add(ruined(audio, rate, rng), rate, system=RUINED, item=item, file=path)
        pair = [ruin] if kind == "mos" else rng.permutation([names.clip(clips, item, system), ruin]).tolist()
        checks.append({"id": names.new(), "clips": pair} | ({"x": pair} if kind == "abx" else {}))
    test["checks"] = checks


def ruined(audio, sample_rate, rng):
    """A sound that nobody can call good: white noise as strong as the sound's loudest 50 ms, chopped 20 times a second.

    Args:
        audio: float ``[samples, channels]``.
        sample_rate: in Hz.
        rng: a ``numpy.random.Generator``.

    Returns:
        float32 of the same shape, at least 0.5 s of it: shorter sounds get longer.
    """
    audio = np.pad(audio, ((0, max(0, sample_rate // 2 - len(audio))), (0, 0)))
    window = sample_rate // 20
    energy = np.concatenate([[0.0], np.cumsum(np.mean(np.square(audio, dtype=np.float64), axis=1))])
    level = np.sqrt(max(np.max(energy[window:] - energy[:-window]) / window, 1e-6))
    chopped = np.arange(len(audio)) * 40 // sample_rate % 2 == 0
    noisy = 0.5 * audio + level * rng.standard_normal((len(audio), 1))
    return (noisy * chopped[:, None]).astype(np.float32)


def _level_match(sounds, made):
    """All clips at one loudness as base64 FLAC; sets `made.loudness`. Silence stays silence, and is said."""
    loudness = {name: _heard_loudness(*sound) for name, sound in sounds.items()}
    audible = {name: level for name, level in loudness.items() if np.isfinite(level)}
    if len(audible) < len(sounds):
        made.notes.append(f"silent (below -70 LUFS), and left so: {counted(len(sounds) - len(audible), 'clip')}")
    room = {name: level + 20 * np.log10(PEAK / np.abs(sounds[name][0]).max()) for name, level in audible.items()}
    made.loudness = float(min([TARGET_LUFS, *room.values()]))
    if made.loudness < TARGET_LUFS - 10:
        made.notes.append(f"the clips are quiet ({made.loudness:.1f} LUFS): one of them is all peak and no body")
    gains = {name: 10 ** ((made.loudness - level) / 20) for name, level in audible.items()}
    return {name: _flac(audio * gains.get(name, 1.0), rate) for name, (audio, rate) in sounds.items()}


def _heard_loudness(audio, rate):
    """LUFS on two loudspeakers: a mono sound comes out of both."""
    return integrated_loudness(np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio, rate)


def _flac(audio, rate):
    import io

    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(np.round(audio * 32767), -32768, 32767).astype(np.int16), rate, format="FLAC")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _write(made, test, clips, reference):
    """The page and the key; the page's name for itself is a digest of all it holds."""
    test["page"] = hashlib.sha256(json.dumps(test, sort_keys=True).encode()).hexdigest()[:16]
    data = json.dumps(test, separators=(",", ":")).replace("<", "\\u003c")
    template = resources.files("tf_audio_gan").joinpath("listening_tests", "page.html").read_text(encoding="utf-8")
    text = template.replace("{title}", html.escape(test["title"])).replace("{test}", data)
    made.bytes = len(text.encode())
    if made.bytes > TOO_LARGE:
        megabytes = f"the page would take {made.bytes / 1e6:.0f} MB, {TOO_LARGE / 1e6:.0f} MB at most"
        raise ValueError(f"{made.page}: {megabytes}; take fewer items, or shorter sounds")
    if made.bytes > LARGE:
        made.notes.append(f"the page takes {made.bytes / 1e6:.0f} MB: too much for mail, slow on a telephone")
    _keep_other_key(made.key, test["page"])
    key = {"format": KEY_FORMAT, "version": 1} | {name: test[name] for name in ("page", "kind", "title", "question")}
    key |= {"matched": made.matched, "reference": reference, "systems": made.systems, "loudness": made.loudness}
    key |= {"trials": {t["id"]: t["clips"] + t.get("x", []) for i in [*test["items"], test["checks"]] for t in i}}
    made.page.parent.mkdir(parents=True, exist_ok=True)
    write_text(made.key, json.dumps(key | {"clips": clips}, indent=1))
    write_text(made.page, text)


def _keep_other_key(path, page):
    """Answers cannot be read without their page's key, so another page's is not overwritten."""
    if path.exists() and read_key(path)["page"] != page:
        raise ValueError(f"{path} is the key of another page, whose answers need it; name another page, or delete it")
