"""A benchmark of HTTP servers: all of them run from the first round to the last, and are under load one at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.benchmark import Measure, Missing
from benchmarks.http.backends import Backends, backends
from benchmarks.http.contender import Contender, measure
from benchmarks.site import Site
from coinslot.errors import NotReady

Make = Callable[[Site, Backends], Contender]


@contextmanager
def contest(makes: Mapping[str, Make], appendfsync: str, site: Site) -> Iterator[Mapping[str, Measure]]:
    """A Measure for each that can run here. Raises Missing if none can be measured."""
    if not shutil.which("wrk"):
        raise Missing("no wrk; apt-get install wrk")
    with backends(site, appendfsync) as behind, ExitStack() as stack:
        measures = {}
        for name, make in makes.items():
            try:
                contender = make(site, behind)
                stack.enter_context(site.running(contender.process, site.cores.subject))
                contender.wait_up()
            except (Missing, NotReady) as reason:
                site.skip(name, str(reason))
                continue
            measures[name] = partial(measure, contender, behind, site)
        yield measures
