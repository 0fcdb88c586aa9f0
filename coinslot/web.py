"""What the Flask apps share: bodies that are read whole, errors as JSON, and their health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from coinslot.errors import CoinslotError

log = logging.getLogger("coinslot.health")

Check = Callable[[], object]


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, content_type="application/json")


def error_response(status: int, what: str) -> Response:
    """The shape of every error: {"error": {"what": text}}."""
    return json_response({"error": {"what": what}}, status)


def check_length(max_bytes: int) -> None:
    """Aborts with 411 where the body's length is not told, and with 413 where it is too long."""
    length = request.content_length
    if length is None:
        abort(411, "a Content-Length is required")
    if length > max_bytes:
        abort(413, f"body of {length} bytes; the limit is {max_bytes}")


def read_body(max_bytes: int) -> bytes:
    """The body, as small ones come: of known length and not packed. Aborts with 411, 413 or 415."""
    check_length(max_bytes)
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        abort(415, f"content encoding {encoding[:60]!r} is not taken here")
    return request.get_data()


def create_flask(name: str) -> Flask:
    """A Flask app that answers errors as JSON and never with a traceback."""
    app = Flask(name, root_path=".", static_folder=None)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        response = error_response(error.code or 500, str(error.description))
        response.headers.extend({key: value for key, value in error.get_headers() if key != "Content-Type"})
        return response

    @app.after_request
    def say_no_type_of_nothing(response: Response) -> Response:
        if response.status_code == 204:
            del response.headers["Content-Type"]  # Flask says text/html
        return response

    return app


def health(checks: Mapping[str, Check]) -> Blueprint:
    """/alive: the process answers. /ready: every check returns; one that raises CoinslotError is named (503)."""
    blueprint = Blueprint("health", __name__)
    probes = {name: _Probe(name, check) for name, check in checks.items()}

    @blueprint.get("/alive")
    def alive() -> Response:
        return json_response({"alive": True})

    @blueprint.get("/ready")
    def ready() -> Response:
        words = {name: probe.word() for name, probe in probes.items()}
        is_ready = set(words.values()) == {"ok"}
        return json_response({"ready": is_ready, "checks": words}, 200 if is_ready else 503)

    return blueprint


class _Probe:
    """A check of /ready, which anybody may ask: an address is for the log alone."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._logged = ""

    def word(self) -> str:
        """`ok`, or what is wrong."""
        try:
            self._check()
        except CoinslotError as error:
            if error.__cause__ is None:
                return str(error)
            self._log(str(error))  # it quotes the cause, a driver's error, which names the server
            return str(type(error)())
        self._logged = ""
        return "ok"

    def _log(self, trouble: str) -> None:
        """Once, until it is another: whoever asks must not fill the log."""
        if trouble != self._logged:
            log.warning("not ready: %s: %s", self._name, trouble)
        self._logged = trouble
