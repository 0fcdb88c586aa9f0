"""Bulk: 500 events a POST, a line each."""

from __future__ import annotations

from functools import partial

from benchmarks.benchmark import Benchmark, Target
from benchmarks.http.contender import BEHIND_CPU, CPU, P50, P99, RATE
from benchmarks.http.contest import Make, contest
from benchmarks.http.event import NDJSON
from benchmarks.http.ours import coinslot

INGEST = "Coinslot ingest"

SUBJECTS: dict[str, Make] = {INGEST: partial(coinslot, "ingest", NDJSON)}

BENCHMARK = Benchmark(
    "ndjson",
    "NDJSON POST of 500 events, fsynced",
    (*SUBJECTS,),
    (CPU, RATE, BEHIND_CPU, P50, P99),
    [Target("NDJSON POST, 500 events each", INGEST, CPU, 4)],
    partial(contest, SUBJECTS, "always"),
)
