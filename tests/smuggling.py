"""Requests that two servers might read in two ways, each with a second request hidden where only one would find it.

What makes one dangerous stands in RFC 9112, sections 2.2, 5, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable

Requests = Callable[[bytes, bytes], bytes]  # of a request line and a hidden request


def ambiguous(*fields: bytes, body: Callable[[bytes], bytes] = lambda hidden: hidden) -> Requests:
    """A request with these header fields; `{length}` in one is the length of its body."""

    def build(line: bytes, hidden: bytes) -> bytes:
        content = body(hidden)
        told = [field.replace(b"{length}", b"%d" % len(content)) for field in fields]
        return b"\r\n".join([line, b"Host: t", b"Content-Type: application/json", *told, b"", b""]) + content

    return build


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


END = b"0\r\n\r\n"

AMBIGUOUS: dict[str, Requests] = {
    # Where does the body end?
    "a length, and chunks that end before": ambiguous(
        b"Content-Length: {length}", b"Transfer-Encoding: chunked", body=lambda hidden: END + hidden
    ),
    "chunks that end before, and a length": ambiguous(
        b"Transfer-Encoding: chunked", b"Content-Length: {length}", body=lambda hidden: END + hidden
    ),
    "a length before the end of the chunks": ambiguous(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=lambda hidden: chunk(hidden) + END
    ),
    "a length of 0 beside chunks": ambiguous(
        b"Content-Length: 0", b"Transfer-Encoding: chunked", body=lambda hidden: hidden
    ),
    "two lengths": ambiguous(b"Content-Length: {length}", b"Content-Length: 0"),
    "two lengths the other way": ambiguous(b"Content-Length: 0", b"Content-Length: {length}"),
    "two lengths in a list": ambiguous(b"Content-Length: 0, {length}"),
    "one length twice in a list": ambiguous(b"Content-Length: {length}, {length}"),
    "a length with a sign": ambiguous(b"Content-Length: +{length}"),
    "a negative length": ambiguous(b"Content-Length: -{length}"),
    "a length with a space in it": ambiguous(b"Content-Length: 0 {length}"),
    "a length in hexadecimal": ambiguous(b"Content-Length: 0x0"),
    "a length with a point": ambiguous(b"Content-Length: 0.0"),
    "a length with an underscore": ambiguous(b"Content-Length: 0_0"),
    "a length with a quote": ambiguous(b'Content-Length: "0"'),
    "a length beyond 64 bits": ambiguous(b"Content-Length: 18446744073709551616"),
    "a length that is empty": ambiguous(b"Content-Length: "),
    "a length behind a space": ambiguous(b"Content-Length : {length}"),
    "a length behind an underscore": ambiguous(b"Content_Length: {length}", b"Content-Length: 0x0"),
    # Are there chunks?
    "an encoding nobody knows": ambiguous(b"Transfer-Encoding: xchunked", b"Content-Length: {length}"),
    "chunks that are not the last encoding": ambiguous(
        b"Transfer-Encoding: chunked, identity", b"Content-Length: {length}"
    ),
    "chunks twice": ambiguous(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Content-Length: 0"),
    "chunks with something behind": ambiguous(b"Transfer-Encoding: chunked;x=1", b"Content-Length: {length}"),
    "chunks in quotes": ambiguous(b'Transfer-Encoding: "chunked"', b"Content-Length: {length}"),
    "chunks behind a vertical tab": ambiguous(b"Transfer-Encoding:\x0bchunked", b"Content-Length: {length}"),
    "chunks behind a space in the name": ambiguous(b"Transfer-Encoding : chunked", b"Content-Length: {length}"),
    "chunks on a line of their own": ambiguous(b"Transfer-Encoding:", b" chunked", b"Content-Length: {length}"),
    "a header that begins with a space": ambiguous(b" Transfer-Encoding: chunked", b"Content-Length: {length}"),
    "chunks behind a bare line feed": ambiguous(b"X: y\nTransfer-Encoding: chunked", b"Content-Length: {length}"),
    "chunks behind a bare carriage return": ambiguous(b"X: y\rTransfer-Encoding: chunked", b"Content-Length: {length}"),
    "chunks behind a NUL": ambiguous(b"X: y\x00Transfer-Encoding: chunked", b"Content-Length: {length}"),
    "chunks with a NUL": ambiguous(b"Transfer-Encoding: chunked\x00", b"Content-Length: {length}"),
    # Where does a chunk end?
    "a chunk's size beyond 64 bits": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"10000000000000000\r\n\r\n" + hidden
    ),
    "a chunk's size with a sign": ambiguous(b"Transfer-Encoding: chunked", body=lambda hidden: b"+0\r\n\r\n" + hidden),
    "a chunk's size in another notation": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0x0\r\n\r\n" + hidden
    ),
    "a chunk's extension with a line feed": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0;a\n\r\n\r\n" + hidden
    ),
    "a chunk that ends with a bare line feed": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0\n\n" + hidden
    ),
    "a chunk with something behind": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"1\r\nxyz0\r\n\r\n" + hidden
    ),
    "a length in a trailer": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0\r\nContent-Length: 5\r\n\r\n" + hidden
    ),
    # Is it a header at all?
    "a header name with a space": ambiguous(b"Content-Length: 0x0", b"X User: root"),
    "a header without a colon": ambiguous(b"nonsense", b"Content-Length: 0x0"),
    # Of which version?
    "chunks in HTTP/1.0": lambda line, hidden: AMBIGUOUS["chunks twice"](line.replace(b"1.1", b"1.0"), hidden),
    "a version of two digits": lambda line, hidden: line + b"0\r\nHost: t\r\nContent-Length: 0\r\n\r\n" + hidden,
    "a version in small letters": lambda line, hidden: line.replace(b"HTTP", b"http") + b"\r\nHost: t\r\n\r\n" + hidden,
    "no version": lambda line, hidden: line[: -len(b" HTTP/1.1")] + b"\r\nHost: t\r\n\r\n" + hidden,
}

# No doubt about these: the second request is in the body of the first, and is no request.
HELD: dict[str, Requests] = {
    "in a body": ambiguous(b"Content-Length: {length}"),
    "in a chunk": ambiguous(b"Transfer-Encoding: chunked", body=lambda hidden: chunk(hidden) + END),
    "in a chunk of many zeros": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0" * 12 + chunk(hidden) + END
    ),
    "in a chunk's extension": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"1;" + hidden.partition(b"\r\n")[0] + b"\r\nx\r\n" + END
    ),
    "in a trailer": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0\r\nX: " + hidden.partition(b"\r\n")[0] + b"\r\n\r\n"
    ),
    "in a body too large to be read": ambiguous(b"Content-Length: 99999999"),
    "in a body that nobody can inflate": ambiguous(b"Content-Encoding: br", b"Content-Length: {length}"),
    "in a body behind the promise to wait": ambiguous(b"Expect: 100-continue", b"Content-Length: {length}"),
}

# And none about these: the second request follows the first, and is one of its own.
PIPELINED: dict[str, Requests] = {
    "after no body": ambiguous(b"Content-Length: 0"),
    "after chunks": ambiguous(b"Transfer-Encoding: chunked", body=lambda hidden: chunk(b"[]") + END + hidden),
    "after a chunk's extension": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0;a=b\r\n\r\n" + hidden
    ),
    "after a trailer": ambiguous(
        b"Transfer-Encoding: chunked", body=lambda hidden: b"0\r\nX-Checksum: 5\r\n\r\n" + hidden
    ),
}
