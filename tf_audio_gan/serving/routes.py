"""Which request asks for what: the paths of TensorFlow Serving's REST interface, matched as it matches them.

The query string is part of what is matched, the prefix is matched in any case, and what fits no route is a 400.
"""

import dataclasses
import re
import urllib.parse

from tf_audio_gan.serving.status import RequestError

_WHICH = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<verb>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<verb>metadata))?", re.IGNORECASE)
MISSING_NAME = "Missing model name in request."


@dataclasses.dataclass(frozen=True)
class Route:
    """What a request asks for: `verb` is predict, classify, regress, status or metadata."""

    verb: str
    name: str
    version: int | None = None
    label: str | None = None


def find_route(method, target):
    """Find the route of a request.

    Args:
        method: str, the HTTP method.
        target: str, path and query as sent, not decoded.

    Returns:
        A Route.

    Raises:
        RequestError: INVALID_ARGUMENT, no route fits, the version is past int64, or a status request has no name.
    """
    pattern = {"POST": _POST, "GET": _GET}.get(method)
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        raise RequestError(f"Malformed request: {method} {target}")
    version = match["version"]
    if version is not None and (len(version.lstrip("0")) > 19 or int(version) >= 2**63):
        raise RequestError(f"Failed to convert version: {version} to numeric.")
    verb = match["verb"]
    if method == "GET":
        if match["name"] is None:
            raise RequestError(MISSING_NAME)
        verb = "metadata" if verb == "metadata" else "status"
    elif verb != verb.lower():
        raise RequestError(f"Malformed request: {method} {target}")
    return Route(verb, _decoded(match["name"]), None if version is None else int(version), _decoded(match["label"]))


def _decoded(text):
    return None if text is None else urllib.parse.unquote(text, errors="surrogateescape")
