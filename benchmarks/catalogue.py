"""Every benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.benchmark import Benchmark
from benchmarks.http import post

ALL: Sequence[Benchmark] = (post.ALWAYS,)
