"""Single-event POSTs, each answered once its event is where it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.benchmark import Benchmark, Measure
from benchmarks.http.backends import backends
from benchmarks.http.contender import QUANTITIES, measure
from benchmarks.http.event import JSON
from benchmarks.http.ours import coinslot
from benchmarks.site import Site


@contextmanager
def _open(site: Site) -> Iterator[Mapping[str, Measure]]:
    with backends(site, "always") as behind, ExitStack() as stack:
        measures = {}
        for name, contender in {
            "Coinslot ingest": coinslot("ingest", site, behind, JSON),
            "Coinslot front": coinslot("front", site, behind, JSON),
        }.items():
            stack.enter_context(site.running(contender.process, site.cores.subject))
            contender.wait_up()
            measures[name] = partial(measure, contender, behind, site)
        yield measures


ALWAYS = Benchmark(
    "post",
    "single-event JSON POST, acknowledged and fsynced (appendfsync always)",
    ("Coinslot ingest", "Coinslot front"),
    QUANTITIES,
    (),
    _open,
)
