"""Every benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.benchmark import Benchmark
from benchmarks.http import form, ndjson, post
from benchmarks.pipeline import backlog, counters, counting, export, followers, idle, latency, reads, store, worker

ALL: Sequence[Benchmark] = (
    post.ALWAYS,
    post.EVERYSEC,
    form.BENCHMARK,
    ndjson.BENCHMARK,
    store.STORE,
    counting.COUNTING,
    counters.COUNTERS,
    worker.WORKER,
    latency.LATENCY,
    export.EXPORT,
    followers.FOLLOWING,
    backlog.BACKLOG,
    reads.READS,
    idle.IDLE,
)
