"""What the head of a POST says; and how the fast lane reads one.

Of all that HTTP/1.1 allows this takes what clients commonly send, and that to the letter (RFC 9112). Whatever looks
different in any way is nobody's to guess at here: it is left to a whole HTTP server.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ingest.body import DECOMPRESSOR
from ingest.formats import media_type

START = b"POST /"
MAX_BYTES = 8 * 1024
MAX_FIELDS = 100  # as of any request
MAX_LENGTH_DIGITS = 15
REMEMBERED = 1024  # clients send the same head again and again

_HEAD = re.compile(
    rb"POST (/[!\x22$->@-~]*)(?:\?([!\x22$-~]*))? HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
# What decides how a request is to be read or answered: once, or not for us.
_DECISIVE = frozenset((b"content-length content-type content-encoding authorization origin connection host").split())
_NOT_OURS = frozenset((b"transfer-encoding", b"expect", b"upgrade"))


class Head(NamedTuple):
    """`media`: its type, without parameters; `encoding`: empty where the body is plain; `query`: as it was sent.

    Only the lane needs more: the body's `length` in bytes, whether the client `closes` the connection after this, and
    the `path`, as it was sent.
    """

    media: str
    encoding: str = ""
    query: str = ""
    length: int = 0
    authorization: str = ""
    origin: str = ""
    closes: bool = False
    path: str = ""


@lru_cache(REMEMBERED)
def parse(head: bytes) -> Head | None:
    """`head` ends with its empty line. None where it is not plain."""
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    values: dict[bytes, bytes] = {}
    lines = found[3].split(b"\r\n")[:-1]
    if len(lines) > MAX_FIELDS:
        return None
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _NOT_OURS or name in values:
            return None
        if name in _DECISIVE:
            values[name] = value.strip(b" \t")
    length, connection = values.get(b"content-length", b""), values.get(b"connection", b"").lower()
    encoding = _text(values, b"content-encoding").lower()
    if not (length.isdigit() and len(length) <= MAX_LENGTH_DIGITS) or b"host" not in values:
        return None
    if connection not in (b"", b"keep-alive", b"close") or (encoding and encoding not in DECOMPRESSOR):
        return None
    return Head(
        media_type(_text(values, b"content-type")),
        encoding,
        (found[2] or b"").decode(),
        int(length),
        _text(values, b"authorization"),
        _text(values, b"origin"),
        connection == b"close",
        found[1].decode(),
    )


def _text(values: dict[bytes, bytes], name: bytes) -> str:
    return values.get(name, b"").decode("latin-1")
