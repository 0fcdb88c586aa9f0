"""What api and a sidecar answer of feature flags.

GET  /v0/features?user_obj=B64&context_obj=B64   {"features": {name: bool}}
GET  /v0/featureSpecs                            {"featureSpecs": [spec, ...]}

B64 is a JSON object in base64, by the standard's alphabet or that for URLs, padded or not; absent or empty: {}. Where
the user has a `user_id` and the context a `feature`, both text, the request is counted: an analytic event of that name,
in the default namespace. What could not be such an event is answered and not counted.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from coinslot.analytics.event import AnalyticCheck
from coinslot.errors import BadFeatures
from coinslot.events import BadEvent
from coinslot.features.flags import flags
from coinslot.features.spec import FeatureSpecs
from coinslot.media import JSON
from coinslot.web import error_response, json_response

FEATURES, SPECS = "/v0/features", "/v0/featureSpecs"

MAX_URL_BYTES = 64 * 1024  # the server takes no longer ones, so no event that is made of one is larger

_ALPHABET = str.maketrans("-_ ", "+/+")  # a plus in a query means a space, and not everybody escapes it

_check = AnalyticCheck(MAX_URL_BYTES)
_object = msgspec.json.Decoder(dict[str, Any]).decode


def utc_now() -> datetime:
    return datetime.now(UTC)


def blueprint(
    read: Callable[[], FeatureSpecs],
    now: Callable[[], datetime],
    chance: Callable[[], float],
    count: Callable[[bytes], object],
) -> Blueprint:
    """now, chance: for coinslot.features.flags. count: takes an analytic event as JSON; neither waits nor raises."""
    routes = Blueprint("features", __name__)
    routes.register_error_handler(BadFeatures, lambda error: error_response(400, str(error)))

    @routes.get(FEATURES)
    def features() -> Response:
        user, context = _asked("user_obj"), _asked("context_obj")
        answer = flags(read().specs, user, now(), chance)
        if event := _event(user, context):
            count(event)
        return json_response({"features": answer})

    @routes.get(SPECS)
    def specs() -> Response:
        return Response(read().document, content_type=JSON)

    return routes


def _asked(name: str) -> dict[str, Any]:
    text = request.args.get(name, "").translate(_ALPHABET).rstrip("=")
    if not text:
        return {}
    try:
        sent = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise BadFeatures(f"{name} is not base64") from None
    try:
        return _object(sent)
    except (msgspec.MsgspecError, RecursionError):
        raise BadFeatures(f"{name} is not a JSON object in base64") from None


def _event(user: dict[str, Any], context: dict[str, Any]) -> bytes | None:
    user_id, feature = user.get("user_id"), context.get("feature")
    if not (isinstance(user_id, str) and isinstance(feature, str)):
        return None
    try:
        return _check(msgspec.json.encode({"event_name": feature, "user_id": user_id}))
    except BadEvent:
        return None
