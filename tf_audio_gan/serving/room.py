"""How much of requests a server holds at once, in all: many that are each small enough can still be too much."""

import contextlib
import threading


class NoRoom(Exception):
    """There is no room for a request beside those that are held already."""


class Room:
    """Bytes that requests may take up together.

    Args:
        size: int, bytes.
    """

    def __init__(self, size):
        self.size, self.taken = size, 0
        self._lock = threading.Lock()
        self.full = f"Requests under way fill the {size / 2**20:g} MiB for bodies; try again later"

    @contextlib.contextmanager
    def guest(self):
        """One request's share, given back at the end: a function that takes a number of bytes.

        It gives some back where the number is below 0, and is False where they do not fit.
        """
        mine = [0]

        def take(count):
            with self._lock:
                fits = self.taken + count <= self.size
                if fits:
                    self.taken += count
                    mine[0] += count
            return fits

        try:
            yield take
        finally:
            with self._lock:
                self.taken -= mine[0]
