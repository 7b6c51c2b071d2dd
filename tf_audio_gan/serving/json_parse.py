"""Request bodies -> Python values, accepting what TensorFlow Serving's parser (rapidjson) accepts.

The work is done by the standard library's C scanner; this file holds what differs from it: the tokens `Inf` and
`-NaN`, bytes after the first value (ignored), the byte order mark (skipped), repeated keys (the first wins), numbers
past the range of float64 (an error) and nesting deeper than the interpreter's stack (an error, not a crash).
"""

import json
import math
import re

from tf_audio_gan.serving.status import RequestError

WHITESPACE = " \t\n\r"
_NEEDS_TOKENS = re.compile(r"-NaN|Inf(?!inity)")
_STRING_OR_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)|-NaN|-?Inf(?!inity)', re.DOTALL)
_TOKENS = {"-NaN": "NaN", "Inf": "Infinity", "-Inf": "-Infinity"}
_BIG_EXPONENT = re.compile(rb"[eE]\+?0*[1-9][0-9][0-9]")
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F])|.)", re.DOTALL)
_RAPIDJSON_TEXTS = (
    ("Expecting value", "Invalid value."),
    ("Expecting property name", "Missing a name for object member."),
    ("Illegal trailing comma before end of object", "Missing a name for object member."),
    ("Illegal trailing comma", "Invalid value."),
    ("Expecting ':'", "Missing a colon after a name of object member."),
    ("Expecting ','", "Missing a comma or } after an object member, or a comma or ] after an array element."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid control character", "Invalid encoding in string."),
    ("Invalid \\u", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\", "Invalid escape character in string."),
)


def _error(reason, offset=0):
    return RequestError(f"JSON Parse error: {reason} at offset: {offset}")


def _first_wins(pairs):
    members = dict(pairs)
    return members if len(members) == len(pairs) else dict(reversed(pairs))


def _checked_number(text):
    """A number that may be too big: float64 where it is past uint64, an error where it is past float64."""
    if len(text) <= 21 and text.lstrip("-").isdigit():
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise _error("Number too big to be stored in double.")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins)
_CAREFUL_DECODER = json.JSONDecoder(
    object_pairs_hook=_first_wins, parse_float=_checked_number, parse_int=_checked_number
)


def parse_object(body):
    """Parse a request body, whose top level must be a JSON object.

    Args:
        body: bytes. Not checked to be UTF-8: bytes that are not come back unchanged from `to_bytes`.

    Returns:
        A dict of str, int, float, bool, None, list and dict.

    Raises:
        RequestError: the body is empty, is not JSON, is nested too deeply, or is not an object.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    start = len(text) - len(text.lstrip(WHITESPACE))
    if start == len(text):
        raise RequestError("JSON Parse error: The document is empty.")
    if ("Inf" in text or "-NaN" in text) and _NEEDS_TOKENS.search(text):
        text = _STRING_OR_TOKEN.sub(lambda match: _TOKENS.get(match[0], match[0]), text)
    if _SURROGATE.search(text):
        _refuse_lone_surrogates(text)
    careful = _BIG_EXPONENT.search(body) or b"0" * 300 in body.translate(_DIGITS_ALIKE)
    value = _scan(text, start, _CAREFUL_DECODER if careful else _DECODER)
    if not isinstance(value, dict):
        raise RequestError(f"JSON Value: {shown(value)} Is not object")
    return value


def _scan(text, start, decoder):
    try:
        return decoder.raw_decode(text, start)[0]
    except json.JSONDecodeError as error:
        reason = next((ours for theirs, ours in _RAPIDJSON_TEXTS if error.msg.startswith(theirs)), error.msg)
        raise _error(reason, error.pos) from None
    except RecursionError:
        raise _error("The document is nested too deeply; a tensor has at most 254 dimensions.") from None


def _refuse_lone_surrogates(text):
    for match in _ESCAPE.finditer(text):
        if match[1]:
            raise _error("The surrogate pair in string is invalid.", match.start())


def to_bytes(text):
    """The bytes of a parsed string, as they stood in the body."""
    return text.encode("utf-8", "surrogateescape")


def shown(value, limit=256):
    """A parsed value as indented JSON for an error message, cut at `limit` characters."""
    text = ""
    try:
        for piece in json.JSONEncoder(indent=4).iterencode(value):
            text += piece
            if len(text) > limit:
                return text[:limit] + "..."
    except RecursionError:
        return text
    return text
