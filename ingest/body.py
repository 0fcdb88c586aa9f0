"""The body of a request: read whole, inflated with a hard limit, or refused."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from ingest.answer import Busy, Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_WINDOW_LOG = 23  # 8 MiB, the most a frame may make us allocate: RFC 8878 has decoders take at least that
MAX_MEMBERS = 256  # each costs a decompressor and a copy of what follows it: a million empty ones would take a minute

DISCARD_BYTES = 64 * 1024

Environ = dict[str, Any]


class Body(NamedTuple):
    """A body as it was sent; `encoding` is empty where it is plain."""

    content: bytes
    encoding: str


class Announced(NamedTuple):
    """What a request's head says of its body."""

    length: int
    encoding: str

    @classmethod
    def parse(cls, length: str, encoding: str, *, is_chunked: bool, max_bytes: int) -> Announced:
        """Of two header fields. Raises Refused: 415 encoding not known, 411 without a length, 413 over `max_bytes`."""
        encoding = encoding.strip().lower()
        if encoding == "identity":
            encoding = ""
        if encoding and encoding not in DECOMPRESSOR:
            raise Refused(415, f"content encoding {encoding[:40]!r} is not one of identity, {', '.join(DECOMPRESSOR)}")
        # A body whose end is told by its chunks could be cut short by a server in between without our knowing.
        if not length or is_chunked:
            raise Refused(411, "a Content-Length is required")
        if not (length.isascii() and length.isdigit()):
            raise Refused(400, "Content-Length is not a number")
        if len(length) > 18 or int(length) > max_bytes:  # Python makes no int of thousands of digits
            raise Refused(413, f"body of {length[:40]} bytes; the limit is {max_bytes}")
        return cls(int(length), encoding)


def read(environ: Environ, max_bytes: int, hold: Callable[[int], None]) -> Body:
    """As WSGI hands it over. hold: called with the body's length before it is read; raises Busy, and then so does this.

    Raises Refused: as Announced does, and 400 cut short.
    """
    announced = Announced.parse(
        environ.get("CONTENT_LENGTH", ""),
        environ.get("HTTP_CONTENT_ENCODING", ""),
        is_chunked="HTTP_TRANSFER_ENCODING" in environ,
        max_bytes=max_bytes,
    )
    stream = environ["wsgi.input"]
    try:
        hold(announced.length)
    except Busy:
        _discard(stream, announced.length)  # a server may close the connection under an answer to an unread body
        raise
    return Body(_read_exactly(stream, announced.length), announced.encoding)


def _read_exactly(stream: Any, length: int) -> bytes:
    body = bytes(stream.read(length))
    while len(body) < length:  # a server may hand over less at a time, or hand over a truncated body as if whole
        more = stream.read(length - len(body))
        if not more:
            raise ended(len(body), length)
        body += more
    return body


def ended(read_bytes: int, length: int) -> Refused:
    return Refused(400, f"body ended after {read_bytes} of {length} bytes")


def _discard(stream: Any, length: int) -> None:
    while length > 0 and (piece := stream.read(min(length, DISCARD_BYTES))):
        length -= len(piece)


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The plain body. Raises Refused: 413 where it would be larger than `max_bytes`, 400 where it cannot be."""
    if not encoding:
        return body
    start = DECOMPRESSOR[encoding]
    inflated = bytearray()
    for _ in range(MAX_MEMBERS):  # a file may consist of several members (gzip) or frames (zstd)
        member = start()
        try:
            inflated += member.decompress(body, max_bytes - len(inflated) + 1)
        except (zlib.error, zstd.ZstdError) as error:
            raise Refused(400, f"body does not inflate: {error}") from None
        if len(inflated) > max_bytes:
            raise Refused(413, f"body inflates to more than {max_bytes} bytes")
        if not member.eof:
            raise Refused(400, "compressed body ends too early")
        body = member.unused_data
        if not body:
            return bytes(inflated)
    raise Refused(400, f"compressed body of more than {MAX_MEMBERS} members")


DECOMPRESSOR: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}),
}
