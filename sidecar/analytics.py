"""What a sidecar answers of analytics: POSTs are passed on, and there is nothing to read.

POST  /v0/analytics   what the host answers; 503 with Retry-After where it does not, or where too many are on their way
GET   /v0/analytics   404
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Blueprint, Response, abort, request

from coinslot.client.answers import Unavailable
from coinslot.client.connection import Response as Answer
from coinslot.web import check_length, error_response
from sidecar.forwarder import ANALYTICS, Post

RETRY_AFTER_S = 1
PASSED_ON = ("Authorization", "Content-Type", "Content-Encoding")
PASSED_BACK = ("Content-Type", "Retry-After", "WWW-Authenticate")


def blueprint(forward: Callable[[Post], Answer], max_body_bytes: int, max_in_flight: int) -> Blueprint:
    """forward: raises Unavailable. max_in_flight: POSTs that are read or waited for at once; features need threads."""
    routes = Blueprint("analytics", __name__)
    room = threading.Semaphore(max_in_flight)
    routes.register_error_handler(Unavailable, _unavailable)

    @routes.post(ANALYTICS)
    def post() -> Response:
        check_length(max_body_bytes)
        if not room.acquire(blocking=False):
            raise Unavailable(f"{max_in_flight} POSTs are on their way to the analytics host")
        try:
            return _answer(forward(_post()))
        finally:
            room.release()

    @routes.get(ANALYTICS)
    def read() -> Response:
        abort(404, "a sidecar passes analytic events on; the analytics host has the counts")

    return routes


def _post() -> Post:
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    return Post(request.query_string.decode("latin-1"), request.get_data(), headers)


def _answer(answer: Answer) -> Response:
    headers = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return Response(answer.data, answer.status, headers)


def _unavailable(error: Unavailable) -> Response:
    response = error_response(503, str(error))
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
