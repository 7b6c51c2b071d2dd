"""Doing something again and again, beside the server, whatever happens."""

import logging
import threading

log = logging.getLogger(__name__)


class Poller:
    """Calls a function from a thread of its own until closed; an error is logged, once as long as it stays the same.

    Args:
        function: called without arguments.
        seconds: pause between two calls; the first call comes after the first pause.
        name: str, of the thread.
    """

    def __init__(self, function, seconds, name):
        self._function = function
        self._seconds = seconds
        self._ended = threading.Event()
        self._said = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended.wait(self._seconds):
            try:
                self._function()
                self._said = None
            except Exception as error:
                if str(error) != self._said:
                    log.error("%s: %s", self._thread.name, error)
                self._said = str(error)

    def close(self):
        """End the thread, once a call that has begun is over."""
        self._ended.set()
        self._thread.join()
