"""Ranges, single events and counts (contract: GET /wsapi/interaction_data and below)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import takewhile
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from api.allow import allow_posts
from api.query import Range, format_cursor, parse_number, parse_range
from coinslot.errors import StoreUnavailable
from coinslot.media import NDJSON
from coinslot.store import Store, chunks
from coinslot.web import error_response, json_response
from coinslot.whole import is_gone

log = logging.getLogger("coinslot.api")

PATH = "/wsapi/interaction_data"
PIECE_BYTES = 256 * 1024  # handed to the web server at once, which costs as much as reading a hundred events
BROKEN_OFF = b'{"error":'
PAGE_BYTES = 8 * 1024 * 1024  # a page ends early here: it is held in memory, for its cursor stands in a header


def blueprint(store: Store) -> Blueprint:
    routes = Blueprint("ranges", __name__)

    @routes.get(PATH)
    def events() -> Response:
        if "id" in request.args:
            return _one(store, request.args["id"])
        asked = parse_range(request.args)
        as_lines = request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON
        if asked.limit is None:
            gone = is_gone(request.environ)
            found = takewhile(lambda _: not gone(), _find(store, asked))
            return Response(_body(found, as_lines), content_type=_type(as_lines))
        page, more = _page(chunks.split(_find(store, asked)), asked.limit)
        response = Response(b"".join(_text([chunks.join(page)], as_lines)), content_type=_type(as_lines))
        if more:
            query = urlencode({**request.args, "after": format_cursor(page[-1])})
            response.headers["Link"] = f'<{PATH}?{query}>; rel="next"'
        return response

    @routes.get(f"{PATH}/count")
    def count() -> Response:
        return json_response(store.count(parse_number(request.args, "start"), parse_number(request.args, "end")))

    @routes.get(f"{PATH}/last")
    def last() -> Response:
        for event in chunks.split(store.find(descending=True, limit=1)):
            return Response(event, content_type="application/json")
        return error_response(404, "nothing is stored yet")

    allow_posts(routes, PATH)
    return routes


def _one(store: Store, id: str) -> Response:
    event = store.get(id)
    if event is None:
        return error_response(404, "there is no event with this id")
    return Response(b'{"results":%b}' % event, content_type="application/json")


def _find(store: Store, asked: Range) -> Iterator[bytes]:
    # One more than was asked for tells whether there is a next page.
    limit = None if asked.limit is None else asked.limit + 1
    return store.find(asked.start, asked.end, after=asked.after, limit=limit, descending=asked.descending)


def _page(events: Iterable[bytes], limit: int) -> tuple[list[bytes], bool]:
    """The events of a page, and whether there are more behind it."""
    page: list[bytes] = []
    size_bytes = 0
    for event in events:
        if len(page) == limit or (page and size_bytes + len(event) > PAGE_BYTES):
            return page, True
        page.append(event)
        size_bytes += len(event)
    return page, False


def _type(as_lines: bool) -> str:
    return NDJSON if as_lines else "application/json"


def _body(found: Iterable[bytes], as_lines: bool) -> Iterator[bytes]:
    return chunks.gather(_breaking_off(_text(found, as_lines)), PIECE_BYTES)


def _text(found: Iterable[bytes], as_lines: bool) -> Iterable[bytes]:
    """A line each, or an array."""
    return found if as_lines else chunks.to_array(found)


def _breaking_off(text: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from text
    except StoreUnavailable as error:
        # The status is long gone, and a web server may end the answer as if it were whole. So it ends in the middle
        # of a line or array: nobody can take that for all there is.
        log.warning("an answer breaks off: %s", error)
        yield BROKEN_OFF
