"""The composition root of ingest: reads settings, makes the parts and hands each its collaborators."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from flask import Flask, Response, request

from coinslot import redisclient, web
from coinslot.access.door import create_door
from coinslot.access.middleware import Access
from coinslot.cors import Cors
from coinslot.events import EventCheck
from coinslot.keys import Keys
from coinslot.ledger import Ledger, Reading
from coinslot.queue import Broker
from coinslot.server import Stopping
from coinslot.settings import Settings
from ingest.answer import Answer
from ingest.backpressure import Backpressure
from ingest.body import Environ
from ingest.budget import Budget
from ingest.commit import GroupCommit
from ingest.intake import Intake
from ingest.lane import PATH, FastLane
from ingest.watch import Watch


def create_app(settings: Settings, _stopping: Stopping) -> Any:
    """The WSGI application of ingest, with the watch that it keeps on the queue."""
    broker = Broker(settings)
    backpressure = Backpressure(monotonic, settings.backlog_max_messages, settings.redis_memory_max_share)
    ledger = _ledger(settings)
    Watch(_look(settings, broker, ledger), backpressure, ledger.report_lost).start()
    publishers = [broker.publisher() for _ in range(settings.commits_in_flight)]
    intake = Intake(
        EventCheck(settings.max_event_bytes),
        GroupCommit(publishers, settings.commit_max_bytes, settings.publish_timeout_s),
        backpressure,
        Budget(settings.bodies_max_bytes),
        settings.max_body_bytes,
        settings.max_events_per_post,
    )
    app = create_flask(intake, broker.check)
    guarded = Access(FastLane(intake, app), create_door(settings)).wsgi()
    return Cors(guarded, settings.cors_origins).wsgi()


def _ledger(settings: Settings) -> Ledger:
    return Ledger(
        redisclient.connect(settings.redis_url, timeout_s=settings.publish_timeout_s / 2),
        Keys.of(settings.key_prefix),
        queue_is_on_redis=settings.queue_is_on_redis,
    )


def _look(settings: Settings, broker: Broker, ledger: Ledger) -> Callable[[], Reading]:
    if settings.queue_is_on_redis:
        return ledger.read
    watcher = broker.publisher()
    return lambda: ledger.read()._replace(messages=watcher.depth())


def create_flask(intake: Callable[[Environ], Answer], check_queue: web.Check) -> Flask:
    """All of ingest as plain Flask: what the fast lane speeds up works without it."""
    app = web.create_flask("ingest")
    app.register_blueprint(web.health({"queue": check_queue}))

    @app.post(PATH)
    def interaction_data() -> Response:
        status, headers, body = intake(request.environ)
        return Response(body, status, headers)

    return app
