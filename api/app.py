"""The composition root of api: the Flask app that answers everything, and the stream lane in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import random
from time import monotonic, sleep, time
from typing import Any

import redis
from a2wsgi import WSGIMiddleware
from flask import Blueprint, Flask

from api import about, dead_letters, docs, erasures, features, ranges, stream
from api.analytics.routes import blueprints
from api.hub import Hub
from api.lane import StreamLane
from api.openapi.document import create_document
from coinslot import redisclient, web
from coinslot.access.door import create_door
from coinslot.access.middleware import Access
from coinslot.analytics.redis_counters import RedisCounters
from coinslot.changes import Feed
from coinslot.cors import Cors
from coinslot.dead_letters import DeadLetters
from coinslot.errors import CoinslotError
from coinslot.features import cluster, routes
from coinslot.features.outbox import Outbox
from coinslot.features.specs import RedisSpecs
from coinslot.halt import Halt
from coinslot.integration.forwarded import read_forwarded
from coinslot.integration.predictions import create_predictions
from coinslot.keys import ANALYTICS, EVENTS, Keys
from coinslot.ledger import Ledger
from coinslot.queue import Broker, Publisher
from coinslot.removal.changes import FedEvents
from coinslot.removal.letters import DeadEvents
from coinslot.removal.queued import QueuedEvents
from coinslot.removal.record import Record
from coinslot.removal.stored import StoredEvents
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from coinslot.store import READING, Bank, open_store
from coinslot.whole import Whole

BESIDE_FOLLOWERS = 100  # connections of those who ask for something else
REDIS_TIMEOUT_S = 2.0  # longer than a follower's wait for a change
QUEUE_NOT_SEEN = (
    "the queue is on another broker and cannot be looked into: what was accepted in the last moments may be stored "
    "after this, so erase once more when the queue is empty"
)


def create_site(settings: Settings, stopping: Stopping) -> Site:
    """All of api, with the stream lane, which carries the followers."""
    store, feed = open_store(settings, READING), _feed(settings)
    app: Any = create_flask(settings, stopping, store, feed)
    flask = WSGIMiddleware(app, workers=settings.threads)  # a slow reader of a long range holds one
    lane = StreamLane(Whole(flask), feed, store, Hub(feed, stopping), settings.followers_max)
    guarded = Access(lane, create_door(settings)).asgi()
    return Site(Cors(guarded, settings.cors_origins).asgi(), settings.followers_max + BESIDE_FOLLOWERS)


def create_flask(settings: Settings, stopping: Stopping, store: Bank, feed: Feed) -> Flask:
    """All of api as plain Flask: what the stream lane speeds up works without it."""
    app = web.create_flask("api")
    here = Path(__file__).parent
    app.static_folder, app.template_folder = str(here / "static"), str(here / "templates")
    app.add_url_rule("/static/<path:filename>", "static", app.send_static_file)
    client, keys = redisclient.connect(settings.redis_url, timeout_s=REDIS_TIMEOUT_S), Keys.of(settings.key_prefix)
    halt, queues, on_redis = Halt(client, keys), keys.by_queue(), settings.queue_is_on_redis
    ledgers = {name: Ledger(client, each, queue_is_on_redis=on_redis) for name, each in queues.items()}
    oldest_ms = {name: ledger.oldest_queued_ms for name, ledger in ledgers.items()}
    freshness = about.Freshness(oldest_ms, time, settings.ready_max_age_s)
    checks: dict[str, web.Check] = {
        "queue": Broker(settings).check,
        "store": store.ping,
        "freshness": freshness,
        "dead_letters": halt.check,
    }
    app.register_blueprint(web.health(checks))
    app.register_blueprint(ranges.blueprint(store))
    app.register_blueprint(stream.blueprint(store, feed, stopping, monotonic))
    limits = about.limits(settings)
    document = create_document(limits, auth_is_on=settings.auth_is_on)
    app.register_blueprint(about.blueprint(ledgers, limits, document))
    app.register_blueprint(docs.blueprint(document))
    counters, forwarded = RedisCounters(client, keys), partial(read_forwarded, client, keys)
    for blueprint in blueprints(counters, settings, create_predictions(settings).ask, forwarded):
        app.register_blueprint(blueprint)
    letters = {name: DeadLetters(client, each, _publish(settings, each)) for name, each in queues.items()}
    app.register_blueprint(dead_letters.blueprint(letters, halt))
    app.register_blueprint(_erasures(client, queues, store, ledgers[EVENTS], letters, halt, on_redis=on_redis))
    specs = RedisSpecs(client, keys.feature_specs)
    app.register_blueprint(_flags(settings, specs, keys))
    app.register_blueprint(features.blueprint(specs.write, cluster.places(settings)))
    app.register_error_handler(CoinslotError, about.refuse)
    return app


def _erasures(
    client: redis.Redis,
    queues: Mapping[str, Keys],
    store: Bank,
    ledger: Ledger,
    letters: Mapping[str, DeadLetters],
    halt: Halt,
    *,
    on_redis: bool,
) -> Blueprint:
    """All that keeps events, in the order in which they go through it; ledger: that of the queue of events."""
    keys = queues[EVENTS]
    dead: erasures.Places = [
        ("dead letters", DeadEvents(letters[EVENTS])),
        ("dead letters of analytics", DeadEvents(letters[ANALYTICS])),
    ]
    queued: erasures.Places = [
        # Analytic events first: where they are banked as well, they go into the other queue from there.
        (erasures.QUEUE, QueuedEvents(client, queues[ANALYTICS], None, sleep)),
        (erasures.QUEUE, QueuedEvents(client, keys, Record(client, keys).add, sleep)),
    ]
    bank, fed = ("store", StoredEvents(store, ledger.add_erased)), ("change feed", FedEvents(client, keys))
    places = [*dead, *(queued if on_redis else []), bank, fed, *dead]
    note = None if on_redis else QUEUE_NOT_SEEN
    return erasures.blueprint(places, [*dead, bank], monotonic, note, halt.check)


def _flags(settings: Settings, specs: RedisSpecs, keys: Keys) -> Blueprint:
    """Feature flags, and the outbox by which those who ask for them are counted."""
    outbox = Outbox(Broker(settings, keys.analytics).publisher()).start()
    return routes.blueprint(specs.read, routes.utc_now, random, outbox.put)


def _publish(settings: Settings, keys: Keys) -> Publisher | None:
    """Puts a message into a queue that is not on Redis; keys: of whoever looks after it."""
    return None if settings.queue_is_on_redis else Broker(settings, keys.queue).publisher()


def _feed(settings: Settings) -> Feed:
    return Feed(redisclient.connect(settings.redis_url, timeout_s=REDIS_TIMEOUT_S), Keys.of(settings.key_prefix))
