"""Single-event POSTs, each answered once its event is where it belongs."""

from __future__ import annotations

from functools import partial

from benchmarks.benchmark import Benchmark, Target
from benchmarks.http import peers
from benchmarks.http.contender import QUANTITIES, RATE
from benchmarks.http.contest import Make, contest
from benchmarks.http.event import JSON
from benchmarks.http.ours import coinslot

INGEST, FRONT = "Coinslot ingest", "Coinslot front"
FASTIFY, WEBDIS = "Fastify + ioredis", "webdis"

ON_REDIS: dict[str, Make] = {
    INGEST: partial(coinslot, "ingest", JSON),
    FRONT: partial(coinslot, "front", JSON),
    FASTIFY: partial(peers.node, "fastify.js"),
    "Express + ioredis": partial(peers.node, "express.js"),
    "Flask + Celery": peers.flask_celery,
    "Flask + kombu, Redis lists": peers.flask_kombu,
    WEBDIS: peers.webdis,
}
OTHERS: dict[str, Make] = {
    "Flask + pymongo": peers.flask_pymongo,
    "bare granian": peers.bare,
    "bare protocol": peers.bare_protocol,
}

ALWAYS = Benchmark(
    "post",
    "single-event JSON POST, acknowledged and fsynced",
    (*ON_REDIS, *OTHERS),
    QUANTITIES,
    [Target("JSON POST, fsynced", INGEST, RATE, 1.6, FASTIFY)],
    partial(contest, {**ON_REDIS, **OTHERS}, "always"),
)
EVERYSEC = Benchmark(
    "post-everysec",
    "single-event JSON POST, Redis syncs once a second",
    (*ON_REDIS,),
    QUANTITIES,
    [Target("JSON POST, everysec", INGEST, RATE, 0.7, WEBDIS)],
    partial(contest, ON_REDIS, "everysec"),
)
