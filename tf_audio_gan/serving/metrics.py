"""Counters and histograms under TensorFlow Serving's names, in Prometheus' text form.

Names begin with a colon and have no `_total`, as there, so that its dashboards and rules read them.
"""

import bisect
import itertools
import threading

BUCKETS = [10 * 1.8**k for k in range(33)]  # microseconds
MAX_SERIES = 1000  # a model's name is whatever a client asks for
PREFIX = ":tensorflow:serving:"


class Metrics:
    """What a server has done since it started; may be used from several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {}  # name -> labels -> number
        self._times = {}  # name -> labels -> [counts of the buckets, and of what is past the last; sum]

    def count(self, name, labels, number=1):
        """Add to a counter.

        Args:
            name: without the prefix.
            labels: dict of str -> str.
            number: what to add.
        """
        with self._lock:
            series = self._counts.setdefault(name, {})
            key = _key(series, labels)
            series[key] = series.get(key, 0) + number

    def observe(self, name, labels, value):
        """Add a value, a time in microseconds or a number of examples, to a histogram; arguments as `count`."""
        with self._lock:
            series = self._times.setdefault(name, {})
            row = series.setdefault(_key(series, labels), [[0] * (len(BUCKETS) + 1), 0.0])
            row[0][bisect.bisect_left(BUCKETS, value)] += 1
            row[1] += value

    def text(self):
        """All of it, as bytes."""
        with self._lock:
            lines = [line for name in sorted(self._counts) for line in _counter(PREFIX + name, self._counts[name])]
            lines += [line for name in sorted(self._times) for line in _histogram(PREFIX + name, self._times[name])]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _key(series, labels):
    key = tuple(sorted(labels.items()))
    if key in series or len(series) < MAX_SERIES:
        return key
    return tuple((name, "(others)") for name, _ in key)


def _counter(name, series):
    yield f"# TYPE {name} counter"
    for key, number in series.items():
        yield f"{name}{_labels(key)} {number}"


def _histogram(name, series):
    yield f"# TYPE {name} histogram"
    for key, (counts, total) in series.items():
        running = list(itertools.accumulate(counts))
        for bound, number in zip([*map(_short, BUCKETS), "+Inf"], running, strict=True):
            yield f"{name}_bucket{_labels((*key, ('le', bound)))} {number}"
        yield f"{name}_sum{_labels(key)} {_short(total)}"
        yield f"{name}_count{_labels(key)} {running[-1]}"


def _short(number):
    return f"{number:.6g}" if number < 1e15 else repr(number)


def _labels(pairs):
    def escaped(text):
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    inside = ",".join(f'{name}="{escaped(str(value))}"' for name, value in pairs)
    return f"{{{inside}}}" if pairs else ""
