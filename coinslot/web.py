"""What the two Flask apps share: errors as JSON, and their health."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response
from werkzeug.exceptions import HTTPException

from coinslot.errors import CoinslotError

Check = Callable[[], object]


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, content_type="application/json")


def error_response(status: int, what: str) -> Response:
    """The shape of every error: {"error": {"what": text}}."""
    return json_response({"error": {"what": what}}, status)


def create_flask(name: str) -> Flask:
    """A Flask app that answers errors as JSON and never with a traceback."""
    app = Flask(name, root_path=".", static_folder=None)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        response = error_response(error.code or 500, str(error.description))
        response.headers.extend({key: value for key, value in error.get_headers() if key != "Content-Type"})
        return response

    return app


def health(checks: Mapping[str, Check]) -> Blueprint:
    """/alive: the process answers. /ready: every check returns; one that raises CoinslotError is named (503)."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/alive")
    def alive() -> Response:
        return json_response({"alive": True})

    @blueprint.get("/ready")
    def ready() -> Response:
        words = {name: _word(check) for name, check in checks.items()}
        is_ready = set(words.values()) == {"ok"}
        return json_response({"ready": is_ready, "checks": words}, 200 if is_ready else 503)

    return blueprint


def _word(check: Check) -> str:
    try:
        check()
    except CoinslotError as error:
        return str(error)
    return "ok"
