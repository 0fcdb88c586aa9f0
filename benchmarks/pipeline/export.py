"""A long range as one JSON array, from one core; MongoDB and the client, which throws it away, have the other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import msgspec

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.cores import Cpus, placed_on
from benchmarks.pipeline.bank import bank
from benchmarks.pipeline.child import Child
from benchmarks.pipeline.sign_ins import FIRST_MS
from benchmarks.pipeline.stage import Stage, Web, servers, staged
from benchmarks.site import Site

EVENTS, FEW, MANY = 200_000, 10_000, 1_000_000
EXPORT_TIMEOUT_S = 120.0
MIB = 1024 * 1024

RATE = Quantity("read", "events/s", more_is_better=True)
FIRST_BYTE = Quantity("first byte", "ms")
GROWTH = Quantity("memory, from 10,000 events to a million", "MiB")

OURS = ("api", "front")
RAW = "find_raw_batches"


@contextmanager
def open_export(site: Site) -> Iterator[Mapping[str, Measure]]:
    subject = site.cores.subject
    with servers(site, site.cores.load) as on, staged(site, on) as stage:
        bank(on.mongo.url, stage.name, MANY)
        with stage.web("api", subject) as api, stage.web("front", subject) as front:
            yield {
                "api": partial(_measure, api, site),
                "front": partial(_measure, front, site),
                RAW: partial(_raw, site, stage),
            }


def _measure(web: Web, site: Site) -> Mapping[Quantity, float]:
    peaks = [_peak_of(FEW, web, site), _peak_of(MANY, web, site)]
    exported = export(web, EVENTS, site.cores.load)
    return {
        RATE: EVENTS / exported.time_total,
        FIRST_BYTE: exported.time_starttransfer * 1000,
        GROWTH: (peaks[1] - peaks[0]) / MIB,
    }


def _peak_of(events: int, web: Web, site: Site) -> int:
    usage.forget_peak(web.serving_pid)
    export(web, events, site.cores.load)
    return usage.peak_bytes(web.serving_pid)


class Exported(msgspec.Struct):
    """As curl writes it, with times in seconds."""

    http_code: int
    size_download: int
    time_starttransfer: float
    time_total: float


def export(web: Web, events: int, cpus: Cpus) -> Exported:
    """The last so many that are in the bank."""
    url = f"{web.url}/wsapi/interaction_data?start={FIRST_MS + MANY - events}"
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{json}", url]
    with placed_on(cpus):
        said = subprocess.run(command, capture_output=True, check=True, timeout=EXPORT_TIMEOUT_S).stdout
    exported = msgspec.json.decode(said, type=Exported)
    if exported.http_code != 200 or exported.size_download < events * 400:
        raise Invalid(f"{exported.http_code}, {exported.size_download} bytes for {events} events")
    return exported


def _raw(site: Site, stage: Stage) -> Mapping[Quantity, float]:
    arguments = (stage.mongo.url, stage.name, FIRST_MS + MANY - EVENTS)
    with Child("benchmarks.pipeline.raw_export", *arguments, cpus=site.cores.subject) as reader:
        reader.go()
        (took_s,) = reader.result()
    return {RATE: EVENTS / float(took_s)}


EXPORT = Benchmark(
    name="export",
    title=f"{EVENTS:,} events as a JSON array, from one core",
    subjects=(*OURS, RAW),
    quantities=(RATE, FIRST_BYTE, GROWTH),
    targets=[
        *(Target("range export", subject, RATE, 0.6, RAW) for subject in OURS),
        *(Target("first byte", subject, FIRST_BYTE, 20.0) for subject in OURS),
        *(Target("memory of an export", subject, GROWTH, 20.0) for subject in OURS),
    ],
    open=open_export,
)
