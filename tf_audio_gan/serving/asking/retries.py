"""What is asked again, and how long after; and the error of a server that has answered.

Predictions of this package's models change nothing on the server and give the same for the same seed, so a request
can be sent twice. It is where the server had no room for it or no answer began; a request that was refused for what is
in it never is, nor one that took too long: it would take as long again.
"""

import random
import time

FIRST, LONGEST, PATIENCE = 0.1, 5.0, 30.0  # seconds: of the first pause, of any, and of what a server may ask for


class ServerError(RuntimeError):
    """The server answered with an error.

    Args:
        message: the server's own words.
        status: int, the HTTP status, or the one that TensorFlow Serving has for the gRPC code.
        code: name of the gRPC status code; "" over REST.
    """

    def __init__(self, message, status, code=""):
        super().__init__(f"{' '.join(message.split())} ({f'gRPC {code}' if code else f'HTTP {status}'})")
        self.message = message
        self.status = status
        self.code = code


class Again(Exception):
    """An attempt failed in a way that allows another.

    Args:
        error: what to raise when there is no other.
        after: seconds that the server asks for, or 0.
    """

    def __init__(self, error, after=0):
        super().__init__(str(error))
        self.error = error
        self.after = after


def asked(attempt, retries):
    """The result of an attempt, made again after a growing pause while it raises `Again`.

    Args:
        attempt: function without arguments.
        retries: how often it is made again, 0 or more.

    Returns:
        What `attempt` returns.

    Raises:
        Exception: the error of the last attempt.
    """
    for number in range(retries + 1):
        try:
            return attempt()
        except Again as again:
            if number == retries:
                raise again.error from again.__cause__
            time.sleep(_pause(number, again.after))


def _pause(number, after):
    """Twice as long each time, and not the same for clients that were refused together."""
    return max(min(after, PATIENCE), min(LONGEST, FIRST * 2**number) * random.uniform(0.5, 1.0))
