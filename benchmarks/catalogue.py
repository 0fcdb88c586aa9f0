"""Every benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.benchmark import Benchmark
from benchmarks.http import form, ndjson, post

ALL: Sequence[Benchmark] = (post.ALWAYS, post.EVERYSEC, form.BENCHMARK, ndjson.BENCHMARK)
