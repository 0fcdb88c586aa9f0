"""A sign-in as the original's clients send it: a form whose field `data` is the event's JSON."""

from __future__ import annotations

from functools import partial

from benchmarks.benchmark import Benchmark, Target
from benchmarks.http import peers
from benchmarks.http.contender import QUANTITIES, RATE
from benchmarks.http.contest import Make, contest
from benchmarks.http.event import FORM
from benchmarks.http.ours import coinslot

INGEST, FASTIFY = "Coinslot ingest, form", "Fastify + ioredis, JSON"

SUBJECTS: dict[str, Make] = {
    INGEST: partial(coinslot, "ingest", FORM),
    FASTIFY: partial(peers.node, "fastify.js"),
}

BENCHMARK = Benchmark(
    "form",
    "single-event form POST against JSON POST, fsynced",
    (*SUBJECTS,),
    QUANTITIES,
    [Target("form POST, fsynced", INGEST, RATE, 0.8, FASTIFY)],
    partial(contest, SUBJECTS, "always"),
)
