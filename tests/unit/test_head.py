"""The fast lane's own reading of a request's head: what it takes it reads as a whole HTTP parser does."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coinslot.server.connection import MAX_FIELDS
from ingest import head
from ingest.formats import media_type
from ingest.head import Head

PATH = "/wsapi/interaction_data"
LINE = f"POST {PATH} HTTP/1.1".encode()
PLAIN = (b"Host: t", b"Content-Type: application/json", b"Content-Length: 17")


def built(*fields: bytes, line: bytes = LINE) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (built(*PLAIN), Head("application/json", length=17)),
        (built(*PLAIN, line=LINE.replace(b" HTTP", b"?a=b&c HTTP")), Head("application/json", "", "a=b&c", 17)),
        (built(*PLAIN, b"Content-Encoding: GZIP"), Head("application/json", "gzip", "", 17)),
        (
            built(*PLAIN, b"Authorization: Bearer x", b"Origin: https://a"),
            Head("application/json", "", "", 17, "Bearer x", "https://a"),
        ),
        (built(*PLAIN, b"Connection: Close"), Head("application/json", length=17, closes=True)),
        (built(*PLAIN, b"connection:keep-alive"), Head("application/json", length=17)),
        (built(b"HOST:t", b"content-length:0017 \t"), Head("", length=17)),
        (built(*PLAIN, b"X-Y: \xff\xfe", b"Accept: */*", b"Accept: a/b"), Head("application/json", length=17)),
    ],
)
def test_a_plain_head_is_read(sent: bytes, read: Head) -> None:
    assert head.parse(sent) == read._replace(path=PATH)


@pytest.mark.parametrize("path", ["/", "/wsapi/interaction%5fdata", "//x", "/a;b=c/../d", '/"<>\\^`{|}~'])
def test_its_path_is_read_as_it_was_sent(path: str) -> None:
    for query in ("", "?", "?a=/?b"):
        sent = built(*PLAIN, line=f"POST {path}{query} HTTP/1.1".encode())
        assert head.parse(sent) == Head("application/json", "", query[1:], 17, path=path)


ODD = {
    "another method": built(*PLAIN, line=LINE.replace(b"POST", b"PUT")),
    "no path": built(*PLAIN, line=b"POST  HTTP/1.1"),
    "a star": built(*PLAIN, line=b"POST * HTTP/1.1"),
    "a space in the path": built(*PLAIN, line=LINE.replace(b"_data", b" data")),
    "more than ASCII in the path": built(*PLAIN, line=LINE.replace(b"_data", b"\xff")),
    "a fragment of the path": built(*PLAIN, line=LINE.replace(b" HTTP", b"#b HTTP")),
    "a whole URL": built(*PLAIN, line=LINE.replace(b"/wsapi", b"http://t/wsapi")),
    "a fragment": built(*PLAIN, line=LINE.replace(b" HTTP", b"?a#b HTTP")),
    "a space in the query": built(*PLAIN, line=LINE.replace(b" HTTP", b"?a b HTTP")),
    "more than ASCII in the query": built(*PLAIN, line=LINE.replace(b" HTTP", b"?\xff HTTP")),
    "HTTP/1.0": built(*PLAIN, line=LINE.replace(b"1.1", b"1.0")),
    "two spaces": built(*PLAIN, line=LINE.replace(b"POST ", b"POST  ")),
    "an empty line before": b"\r\n" + built(*PLAIN),
    "line feeds": built(*PLAIN).replace(b"\r\n", b"\n"),
    "a bare line feed": built(*PLAIN, b"X: a\nY: b"),
    "a bare carriage return": built(*PLAIN, b"X: a\rb"),
    "NUL": built(*PLAIN, b"X: \x00"),
    "DEL": built(*PLAIN, b"X: \x7f"),
    "no host": built(*PLAIN[1:]),
    "no length": built(*PLAIN[:2]),
    "an empty length": built(*PLAIN[:2], b"Content-Length:"),
    "a signed length": built(*PLAIN[:2], b"Content-Length: +17"),
    "a negative length": built(*PLAIN[:2], b"Content-Length: -17"),
    "a list of lengths": built(*PLAIN[:2], b"Content-Length: 17, 17"),
    "a long length": built(*PLAIN[:2], b"Content-Length: " + b"1" * 16),
    "digits of another script": built(*PLAIN[:2], "Content-Length: \u0661\u0667".encode()),
    "a superscript": built(*PLAIN[:2], b"Content-Length: 1\xb2"),
    "two lengths": built(*PLAIN, b"Content-length: 17"),
    "two tokens": built(*PLAIN, b"Authorization: a", b"authorization: a"),
    "two types": built(*PLAIN, b"Content-Type: text/plain"),
    "chunks": built(*PLAIN, b"Transfer-Encoding: chunked"),
    "an expectation": built(*PLAIN, b"Expect: 100-continue"),
    "an upgrade": built(*PLAIN, b"Upgrade: h2c"),
    "another connection": built(*PLAIN, b"Connection: keep-alive, X"),
    "an encoding not known": built(*PLAIN, b"Content-Encoding: br"),
    "two encodings": built(*PLAIN, b"Content-Encoding: gzip, gzip"),
    "a space before the colon": built(*PLAIN, b"X : a"),
    "a space before the name": built(*PLAIN, b" X: a"),
    "a folded line": built(*PLAIN, b"X: a", b" b"),
    "no colon": built(*PLAIN, b"nonsense"),
    "no name": built(*PLAIN, b": a"),
    "a name in quotes": built(*PLAIN, b'"X": a'),
    "too many fields": built(*PLAIN, *[b"X: a"] * (MAX_FIELDS - len(PLAIN) + 1)),
    "no fields": built(),
    "more behind it": built(*PLAIN) + b"x",
    "no end": built(*PLAIN)[:-2],
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
def test_whatever_else_is_left_to_a_whole_server(sent: bytes) -> None:
    assert head.parse(sent) is None


def test_as_many_fields_are_taken_as_the_server_takes() -> None:
    assert head.parse(built(*PLAIN, *[b"X: a"] * (MAX_FIELDS - len(PLAIN))))


class Whole:
    """As httptools reads a message."""

    def __init__(self, sent: bytes) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.messages = 0
        parser: Any = httptools.HttpRequestParser(self)  # type: ignore[no-untyped-call]
        parser.feed_data(sent)
        self.method, self.keeps_alive = parser.get_method(), parser.should_keep_alive()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1

    def one(self, name: bytes) -> str:
        values = [value for of, value in self.fields if of == name]
        assert len(values) <= 1
        return values[0].strip(b" \t").decode("latin-1") if values else ""


VALUES = st.one_of(
    st.sampled_from(b"0|5|17|007|+5|5, 5|chunked|close|Close |keep-alive|gzip|".split(b"|")),
    st.binary(max_size=6),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12).map(lambda text: text.encode("latin-1")),
)
KNOWN = b"Content-Length content-length Transfer-Encoding Connection Content-Type Content-Encoding Authorization Origin"
NAMES = st.one_of(
    st.sampled_from([*KNOWN.split(), b"Expect", b"Upgrade", b"Host", b"X", b"Content_Length", b"Content-Length "]),
    st.binary(min_size=1, max_size=4),
)
GAPS = st.sampled_from([b" ", b"", b"\t", b"  "])
FIELDS = st.builds(lambda name, gap, value: name + b":" + gap + value, NAMES, GAPS, VALUES)
QUERIES = st.one_of(st.just(b""), st.binary(max_size=8), st.text(max_size=8).map(lambda text: quote(text).encode()))


@given(QUERIES, st.lists(FIELDS, max_size=5))
@example(b"?a#b", [])
@example(b"", [b"Content-Length: 5\t "])
@example(b"", [b"X:\x80\t\xff"])
def test_what_it_takes_a_whole_parser_reads_the_same(query: bytes, fields: list[bytes]) -> None:
    line = LINE.replace(b" HTTP", b"?" + query + b" HTTP") if query else LINE
    sent = built(b"Host: t", *fields, line=line)

    for given_head in (sent, built(*PLAIN, *fields, line=line)):
        taken = head.parse(given_head)
        if taken is not None and taken.length < 1000:
            agree(taken, Whole(given_head + b"x" * taken.length))


def agree(taken: Head, whole: Whole) -> None:
    url = httptools.parse_url(whole.url)
    assert (whole.method, url.path, url.query or b"") == (b"POST", taken.path.encode(), taken.query.encode())
    assert (whole.messages, whole.body) == (1, b"x" * taken.length)
    assert taken.closes is not whole.keeps_alive
    assert taken.media == media_type(whole.one(b"content-type"))
    assert taken.encoding == whole.one(b"content-encoding").lower()
    assert (taken.authorization, taken.origin) == (whole.one(b"authorization"), whole.one(b"origin"))


def test_positive_control_another_reading_is_seen() -> None:
    sent = built(*PLAIN)

    with pytest.raises(AssertionError):
        agree(Head("application/json", length=16, path=PATH), Whole(sent + b"x" * 17))
    with pytest.raises(AssertionError):
        agree(Head("application/json", length=17, query="a", path=PATH), Whole(sent + b"x" * 17))
