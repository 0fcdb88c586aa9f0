"""The composition root of ingest: reads settings, makes the parts and hands each its collaborators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask, Response, request

from coinslot import redisclient, web
from coinslot.access.door import Denied, Door, create_door
from coinslot.access.middleware import Access
from coinslot.cors import Cors
from coinslot.events import EventCheck
from coinslot.keys import Keys
from coinslot.ledger import Ledger, Reading
from coinslot.queue import Broker
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from ingest.answer import Answer
from ingest.backpressure import Backpressure
from ingest.body import Environ
from ingest.budget import FREE_BYTES, Budget
from ingest.commit import GroupCommit
from ingest.desk import Desk
from ingest.head import PATH, Head
from ingest.intake import Intake
from ingest.lane import Lane
from ingest.posts import Posts
from ingest.view import View
from ingest.watch import Watch

MIN_CONNECTIONS = 100  # in what is free to each of them; as many more as BODIES_MAX_BYTES has room for


def create_site(settings: Settings, _stopping: Stopping) -> Site:
    """All of ingest, with the watch that it keeps on the queue."""
    broker, door = Broker(settings), create_door(settings)
    backpressure = Backpressure(monotonic, settings.backlog_max_messages, settings.redis_memory_max_share)
    ledger = _ledger(settings)
    Watch(_look(settings, broker, ledger), backpressure, ledger.report_lost).start()
    publishers = [broker.publisher() for _ in range(settings.commits_in_flight)]
    commit = GroupCommit(publishers, settings.commit_max_bytes, settings.publish_timeout_s)
    check = EventCheck(settings.max_event_bytes)
    intake = Intake(check, commit, backpressure, settings.max_body_bytes, settings.max_events_per_post)
    budget = Budget(settings.bodies_max_bytes)
    view = View(intake, budget, settings.max_body_bytes)
    app: Any = create_flask(view, broker.check)
    desk = Desk(intake, commit)
    posts = Posts(WSGIMiddleware(app, workers=settings.threads), desk, budget, settings.max_body_bytes)
    guarded = Access(posts, door).asgi()
    lane = partial(Lane, desk, budget, _admits(settings, door), settings.max_body_bytes)
    max_connections = max(MIN_CONNECTIONS, settings.bodies_max_bytes // FREE_BYTES)
    return Site(Cors(guarded, settings.cors_origins).asgi(), max_connections, lane)


def _admits(settings: Settings, door: Door | None) -> Callable[[Head], bool]:
    """Whether a POST needs nothing that the lane has not: no headers for a page of another origin, no counting."""
    of_pages = bool(settings.cors_origins)

    def admits(head: Head) -> bool:
        if of_pages and head.origin:
            return False
        try:
            return door is None or door.admit("POST", PATH, head.authorization) is None
        except Denied:
            return False

    return admits


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


def create_flask(view: Callable[[Environ], Answer], check_queue: web.Check) -> Flask:
    """All of ingest as plain Flask: what the fast lane speeds up works without it."""
    app = web.create_flask("ingest")
    app.register_blueprint(web.health({"queue": check_queue}))

    @app.post(PATH)
    def interaction_data() -> Response:
        answer = view(request.environ)
        response = Response(answer.body, answer.status, content_type=answer.content_type)
        if answer.retry_after_s is not None:
            response.headers["Retry-After"] = str(answer.retry_after_s)
        return response

    return app
