"""The composition root of a sidecar: no Redis and no MongoDB, only a file and the analytics host."""

from __future__ import annotations

from collections.abc import Callable
from random import random
from time import monotonic, sleep
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask

from coinslot import web
from coinslot.access.door import create_door
from coinslot.access.middleware import Access
from coinslot.client.connection import Connection
from coinslot.cors import Cors
from coinslot.errors import SettingsError
from coinslot.features import routes
from coinslot.features.file import SpecsFile
from coinslot.features.outbox import Outbox
from coinslot.media import JSON
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from coinslot.whole import Whole
from sidecar import analytics
from sidecar.forwarder import ANALYTICS, Forwarder

MAX_CONNECTIONS = 1_000
BACKGROUND_TIMEOUT_S, BACKGROUND_RETRIES = 10.0, 8


def create_site(settings: Settings, _stopping: Stopping) -> Site:
    """All of a sidecar (contract: FEATURES_MODE). Raises SettingsError."""
    if settings.rate_limit:
        raise SettingsError("RATE_LIMIT counts requests in Redis, which a sidecar is without")
    app: Any = create_flask(settings)
    whole = Whole(WSGIMiddleware(app, workers=settings.threads))
    guarded = Access(whole, create_door(settings)).asgi()
    return Site(Cors(guarded, settings.cors_origins).asgi(), MAX_CONNECTIONS)


def create_flask(settings: Settings) -> Flask:
    """Without the check of tokens. Nothing is sent to the host before there is something to send."""
    app = web.create_flask("sidecar")
    file = SpecsFile(settings.features_file)
    # Not whether the host answers: an application need not stop serving because nobody counts.
    app.register_blueprint(web.health({"features": file.check}))
    outbox = Outbox(_sender(settings)).start()
    app.register_blueprint(routes.blueprint(file.read, routes.utc_now, random, outbox.put))
    in_flight = max(1, min(settings.threads // 2, settings.bodies_max_bytes // settings.max_body_bytes))
    host = _host(settings, settings.analytics_timeout_s, retries=0, connections=in_flight)
    forwarder = Forwarder(host, settings.analytics_timeout_s, monotonic, sleep)
    app.register_blueprint(analytics.blueprint(forwarder, settings.max_body_bytes, in_flight))
    return app


def _sender(settings: Settings) -> Callable[[bytes, int], object]:
    """Sends what the outbox holds. Its events came with requests that need no right to write, so the token is ours."""
    token = next(iter((*settings.write_tokens, *settings.admin_tokens)), None)
    host = _host(settings, BACKGROUND_TIMEOUT_S, retries=BACKGROUND_RETRIES, token=token)
    headers = {"Content-Type": JSON}
    return lambda body, events: host.request("POST", ANALYTICS, {}, body=body, headers=headers)


def _host(settings: Settings, timeout_s: float, **options: Any) -> Connection:
    url = settings.analytics_host
    try:
        return Connection(url if "://" in url else f"http://{url}", timeout_s, **options)
    except ValueError as error:
        raise SettingsError(f"ANALYTICS_HOST: {error}") from None
