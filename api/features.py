"""Setting the specs of feature flags; reading them is coinslot/features/routes.py.

POST  /v0/featureSpecs   {"featureSpecs": [spec, ...]}   204

The list is the whole truth: a spec that is not in it is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from flask import Blueprint, Response, abort, request

from coinslot.errors import BadFeatures
from coinslot.features.routes import SPECS
from coinslot.features.spec import FeatureSpecs, parse
from coinslot.media import JSON
from coinslot.web import error_response, read_body

MAX_BODY_BYTES = 512 * 1024  # a ConfigMap holds 1 MiB


Write = Callable[[FeatureSpecs], None]


def blueprint(write: Write, elsewhere: Sequence[Write]) -> Blueprint:
    """write: to where api answers from. elsewhere: to further places; one that raises CoinslotError ends it with 503.

    Those come first: then a GET shows specs only once they are everywhere, and whoever got 503 sends them again. Two
    who send at once through different processes may leave different lists in different places.
    """
    routes = Blueprint("feature specs", __name__)
    routes.register_error_handler(BadFeatures, lambda error: error_response(400, str(error)))
    turn = threading.Lock()

    @routes.post(SPECS)
    def set_specs() -> Response:
        specs = _read()
        with turn:
            for write_there in (*elsewhere, write):
                write_there(specs)
        return Response(status=204)

    return routes


def _read() -> FeatureSpecs:
    if request.mimetype != JSON:
        abort(415, f"a POST takes {JSON}")
    return parse(read_body(MAX_BODY_BYTES))
