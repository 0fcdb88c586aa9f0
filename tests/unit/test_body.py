"""Bodies are read whole and inflated with a hard limit, or refused."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.media import ENCODINGS
from ingest import body
from ingest.answer import Busy, Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BYTES = 64 * 1024
EVENT = b'{"timestamp": 1333046104322}'

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
encodings = pytest.mark.parametrize("encoding", COMPRESS)


def plain(environ: dict[str, Any], max_bytes: int) -> bytes:
    """The body as ingest comes to it."""
    sent = body.read(environ, max_bytes, hold=lambda _: None)
    return body.inflate(sent.content, sent.encoding, max_bytes)


class Dribble(io.BytesIO):
    """Hands over a byte at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 0))


def environ(content: bytes, *, length: str | None = None, encoding: str = "", **more: Any) -> body.Environ:
    environ = {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content)) if length is None else length}
    if encoding:
        environ["HTTP_CONTENT_ENCODING"] = encoding
    return {**environ, **more}


def refusal(environ: body.Environ, max_bytes: int = MAX_BYTES) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        plain(environ, max_bytes)
    return caught.value.status, str(caught.value)


@pytest.mark.parametrize("content", [EVENT, b"", b"x" * MAX_BYTES])
def test_a_plain_body_comes_as_it_is(content: bytes) -> None:
    assert plain(environ(content), MAX_BYTES) == content
    assert plain(environ(content, encoding="identity"), MAX_BYTES) == content


def test_a_body_that_comes_a_byte_at_a_time_is_read_whole() -> None:
    given = environ(EVENT, **{"wsgi.input": Dribble(EVENT)})

    assert plain(given, MAX_BYTES) == EVENT


def test_what_follows_the_body_is_left_alone() -> None:
    given = environ(EVENT + b"POST /another", length=str(len(EVENT)))

    assert plain(given, MAX_BYTES) == EVENT
    assert given["wsgi.input"].read() == b"POST /another"


def test_a_body_cut_short_is_refused() -> None:
    given = environ(EVENT[:10], length=str(len(EVENT)))

    assert refusal(given) == (400, f"body ended after 10 of {len(EVENT)} bytes")


def no_room(size_bytes: int) -> None:
    raise Busy(f"no room for {size_bytes} bytes", 1)


class Counted(io.BytesIO):
    """Notes how much was asked for at a time."""

    most_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        self.most_bytes = max(self.most_bytes, size or 0)
        return super().read(size)


def test_a_body_for_which_there_is_no_room_is_read_to_its_end_a_little_at_a_time() -> None:
    stream = Counted(bytes(MAX_BYTES * 10) + b"POST /another")
    given = environ(b"", length=str(MAX_BYTES * 10), **{"wsgi.input": stream})

    with pytest.raises(Busy, match=f"no room for {MAX_BYTES * 10} bytes"):
        body.read(given, MAX_BYTES * 10, no_room)

    assert stream.most_bytes == body.DISCARD_BYTES
    assert stream.read() == b"POST /another"


def test_a_body_for_which_there_is_no_room_and_which_is_cut_short_is_waited_for_no_longer() -> None:
    given = environ(EVENT, length=str(MAX_BYTES))

    with pytest.raises(Busy):
        body.read(given, MAX_BYTES, no_room)


def test_a_body_without_a_length_is_refused() -> None:
    assert refusal({"wsgi.input": io.BytesIO(EVENT)}) == (411, "a Content-Length is required")
    assert refusal(environ(EVENT, length=""))[0] == 411


def test_chunks_are_refused_even_beside_a_length() -> None:
    assert refusal(environ(EVENT, HTTP_TRANSFER_ENCODING="chunked"))[0] == 411


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x10", "1_0", " 1", "garbage", "²", "१"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    assert refusal(environ(EVENT, length=length)) == (400, "Content-Length is not a number")


@pytest.mark.parametrize("length", [str(MAX_BYTES + 1), "9" * 5000])
def test_a_length_over_the_limit_is_refused_before_anything_is_read(length: str) -> None:
    given = environ(EVENT, length=length)

    assert refusal(given)[0] == 413
    assert given["wsgi.input"].tell() == 0


@encodings
def test_a_compressed_body_is_inflated(encoding: str) -> None:
    given = environ(COMPRESS[encoding](EVENT), encoding=encoding)

    assert plain(given, MAX_BYTES) == EVENT


def test_the_name_of_an_encoding_is_taken_in_any_case() -> None:
    assert plain(environ(gzip.compress(EVENT), encoding=" GZip "), MAX_BYTES) == EVENT


@encodings
def test_several_members_are_inflated_one_after_the_other(encoding: str) -> None:
    members = b"".join(map(COMPRESS[encoding], [EVENT, b"", b"\n", EVENT]))

    assert plain(environ(members, encoding=encoding), MAX_BYTES) == EVENT + b"\n" + EVENT


@encodings
def test_a_flood_of_empty_members_is_refused_at_once(encoding: str) -> None:
    members = COMPRESS[encoding](b"") * 300_000
    given = environ(members, encoding=encoding)

    assert refusal(given, len(members)) == (400, "compressed body of more than 256 members")


@encodings
def test_a_body_may_inflate_to_the_limit_and_no_further(encoding: str) -> None:
    fits, exceeds = (COMPRESS[encoding](b"x" * size) for size in (MAX_BYTES, MAX_BYTES + 1))

    assert len(plain(environ(fits, encoding=encoding), MAX_BYTES)) == MAX_BYTES
    assert refusal(environ(exceeds, encoding=encoding)) == (413, f"body inflates to more than {MAX_BYTES} bytes")


@encodings
def test_the_limit_holds_for_all_members_together(encoding: str) -> None:
    member = COMPRESS[encoding](b"x" * (MAX_BYTES // 2))

    assert refusal(environ(member * 3, encoding=encoding))[0] == 413


@encodings
def test_a_bomb_is_cut_off_and_never_inflated_whole(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(20 * 1024 * 1024))
    tracemalloc.start()

    refused = refusal(environ(bomb, encoding=encoding), max_bytes=len(bomb))

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused[0] == 413
    assert peak_bytes < 1024 * 1024


def test_a_frame_that_wants_a_huge_window_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(os.urandom(1024)) + compressor.flush()

    status, what = refusal(environ(frame, encoding="zstd"))

    assert status == 400
    assert what.startswith("body does not inflate")


@encodings
@pytest.mark.parametrize("cut", [0, 1, 5, -1])
def test_a_compressed_body_cut_short_is_refused(encoding: str, cut: int) -> None:
    compressed = COMPRESS[encoding](os.urandom(1000))[:cut]

    assert refusal(environ(compressed, encoding=encoding)) == (400, "compressed body ends too early")


@encodings
@pytest.mark.parametrize("content", [b"garbage", EVENT, zlib.compress(EVENT)])
def test_what_is_not_compressed_as_it_says_is_refused(encoding: str, content: bytes) -> None:
    status, what = refusal(environ(content, encoding=encoding))

    assert status == 400
    assert what.startswith("body does not inflate")


@encodings
def test_a_flipped_bit_is_noticed(encoding: str) -> None:
    options = {zstd.CompressionParameter.checksum_flag: 1}
    noise = os.urandom(1000)
    compressed = bytearray(zstd.compress(noise, options=options) if encoding == "zstd" else gzip.compress(noise))
    compressed[500] ^= 1

    assert refusal(environ(bytes(compressed), encoding=encoding))[0] == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip;q=1"])
def test_other_encodings_are_refused_and_the_known_ones_named(encoding: str) -> None:
    status, what = refusal(environ(EVENT, encoding=encoding))

    assert status == 415
    assert what == f"content encoding {encoding!r} is not one of identity, gzip, zstd"


@settings(max_examples=100, deadline=None)
@given(content=st.binary(), encoding=st.sampled_from(["gzip", "zstd"]), compressed=st.booleans(), cut=st.integers())
def test_any_bytes_are_a_body_or_refused(content: bytes, encoding: str, compressed: bool, cut: int) -> None:
    sent = COMPRESS[encoding](content) if compressed else content
    sent = sent[: cut % (len(sent) + 1)]
    try:
        read = plain(environ(sent, encoding=encoding), MAX_BYTES)
    except Refused as error:
        assert error.status == 400
    else:
        assert read == content


def test_every_encoding_that_is_told_of_is_inflated() -> None:
    assert tuple(body.DECOMPRESSOR) == ENCODINGS
