"""The composition root of ingest: reads settings, makes the parts and hands each its collaborators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from a2wsgi import WSGIMiddleware
from flask import Flask, Response, request

from coinslot import redisclient, web
from coinslot.access.door import Denied, Door, create_door
from coinslot.access.middleware import Access
from coinslot.analytics.event import AnalyticCheck
from coinslot.cors import Cors
from coinslot.event_check import EventCheck
from coinslot.keys import Keys
from coinslot.ledger import Ledger, Reading
from coinslot.queue import Broker
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from ingest import analytics, interaction_data, watch
from ingest.analytics import Analytics
from ingest.answer import Answer
from ingest.backpressure import Backpressure
from ingest.body import Environ
from ingest.budget import FREE_BYTES, Budget
from ingest.commit import GroupCommit
from ingest.desk import Desk
from ingest.dialect import Dialect
from ingest.head import Head
from ingest.intake import Intake
from ingest.interaction_data import InteractionData
from ingest.lane import Lane
from ingest.posts import Posts
from ingest.turn import Turn
from ingest.view import View
from ingest.watch import Watch

PATHS = (interaction_data.PATH, analytics.PATH)
MIN_CONNECTIONS = 100  # in what is free to each of them; as many more as BODIES_MAX_BYTES has room for


class Line(NamedTuple):
    """All that stands between the POSTs of one path and their queue."""

    intake: Intake
    commit: GroupCommit
    watch: Watch


def create_site(settings: Settings, _stopping: Stopping) -> Site:
    """All of ingest, with the watch that it keeps on the queues."""
    broker, door, budget = Broker(settings), create_door(settings), Budget(settings.bodies_max_bytes)
    lines = _lines(settings, broker)
    watch.keep([line.watch for line in lines.values()])
    views = {path: View(line.intake, budget, settings.max_body_bytes) for path, line in lines.items()}
    app: Any = create_flask(views, broker.check)
    desks = {path: Desk(line.intake, line.commit) for path, line in lines.items()}
    posts = Posts(WSGIMiddleware(app, workers=settings.threads), desks, budget, settings.max_body_bytes)
    guarded = Access(posts, door).asgi()
    lane = partial(Lane, desks, budget, _admits(settings, door), settings.max_body_bytes)
    max_connections = max(MIN_CONNECTIONS, settings.bodies_max_bytes // FREE_BYTES)
    return Site(Cors(guarded, settings.cors_origins).asgi(), max_connections, lane)


def _lines(settings: Settings, broker: Broker) -> dict[str, Line]:
    """One a path; broker: of the queue of events."""
    keys, turn = Keys.of(settings.key_prefix), Turn()
    events = InteractionData(EventCheck(settings.max_event_bytes), settings.max_events_per_post)
    analytic = Analytics(AnalyticCheck(settings.max_event_bytes), settings.max_events_per_post)
    counting = Broker(settings, keys.analytics)
    return {
        interaction_data.PATH: _line(settings, broker, keys, events, turn),
        analytics.PATH: _line(settings, counting, keys.of_analytics(), analytic, turn),
    }


def _line(settings: Settings, broker: Broker, keys: Keys, dialect: Dialect, turn: Turn) -> Line:
    """keys: those of the line's queue, which is the broker's."""
    backpressure = Backpressure(monotonic, settings.backlog_max_messages, settings.redis_memory_max_share)
    publishers = [broker.publisher() for _ in range(settings.commits_in_flight)]
    commit = GroupCommit(publishers, settings.commit_max_bytes, settings.publish_timeout_s)
    ledger = _ledger(settings, keys)
    return Line(
        Intake(dialect, commit, backpressure, turn, settings.max_body_bytes),
        commit,
        Watch(_look(settings, broker, ledger), backpressure, ledger.report_lost),
    )


def _admits(settings: Settings, door: Door | None) -> Callable[[Head], bool]:
    """Whether a POST needs nothing that the lane has not: no headers for a page of another origin, no counting."""
    of_pages = bool(settings.cors_origins)

    def admits(head: Head) -> bool:
        if of_pages and head.origin:
            return False
        try:
            return door is None or door.admit("POST", head.path, head.authorization) is None
        except Denied:
            return False

    return admits


def _ledger(settings: Settings, keys: Keys) -> Ledger:
    return Ledger(
        redisclient.connect(settings.redis_url, timeout_s=settings.publish_timeout_s / 2),
        keys,
        queue_is_on_redis=settings.queue_is_on_redis,
    )


def _look(settings: Settings, broker: Broker, ledger: Ledger) -> Callable[[], Reading]:
    if settings.queue_is_on_redis:
        return ledger.read
    watcher = broker.publisher()
    return lambda: ledger.read()._replace(messages=watcher.depth())


def create_flask(views: Mapping[str, Callable[[Environ], Answer]], check_queue: web.Check) -> Flask:
    """All of ingest as plain Flask, with a view a path: what the fast lane speeds up works without it."""
    app = web.create_flask("ingest")
    app.register_blueprint(web.health({"queue": check_queue}))
    for path, view in views.items():
        app.add_url_rule(path, path, partial(_respond, view), methods=["POST"])
    return app


def _respond(view: Callable[[Environ], Answer]) -> Response:
    answer = view(request.environ)
    response = Response(answer.body, answer.status)
    del response.headers["Content-Type"]  # an answer without content has none
    response.headers.extend(answer.fields)
    return response
