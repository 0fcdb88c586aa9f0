"""The three ways between processes of ours and their servers, each behind a proxy of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coinslot import lua
from coinslot.stack.process import Process
from tests.faults.proxy import Loss, Proxy
from tests.pipeline import Pipeline

Exchange = tuple[bytes, bytes]  # what is in a request, and what a reply begins with (a pattern) if it was done


def _called(script: str) -> bytes:
    return hashlib.sha1(lua.source(script).encode()).hexdigest().encode()


PUBLISHED: Exchange = lua.source("put").encode(), rb"\$"  # with the message's id
READ: Exchange = b"XREADGROUP", rb"\*1\r\n"  # with messages, not empty
REDELIVERED: Exchange = b"XCLAIM", rb"\*1\r\n\*2\r\n"  # with the message, which JUSTID leaves out
SETTLED: Exchange = _called("settle"), rb"\*3\r\n\*[1-9]"  # at least one message, whose XACK is in the script
INSERTED: Exchange = b"\x02insert\x00", rb"(?s).*\x10n\x00(?!\x00{4})"  # n is not 0


@dataclass(frozen=True)
class Way:
    """From `clients` (the front, the workers, or both) to the server that a setting names, and what is exchanged."""

    clients: tuple[str, ...]
    setting: str
    exchanges: tuple[Exchange, ...]

    def losses(self, times: int, share: float = 1.0) -> list[Loss]:
        """Together they lose `times` replies, as evenly as that goes."""
        kinds = len(self.exchanges)
        shares = [times // kinds + (n < times % kinds) for n in range(kinds)]
        return [Loss(*exchange, share, each) for exchange, each in zip(self.exchanges, shares, strict=True)]


INGEST_TO_REDIS = Way(("front",), "REDIS_URL", (PUBLISHED,))
WORKERS_TO_REDIS = Way(("worker",), "REDIS_URL", (READ, SETTLED, REDELIVERED))
WORKERS_TO_MONGODB = Way(("worker",), "MONGODB_URL", (INSERTED,))
ALL_TO_MONGODB = Way(("front", "worker"), "MONGODB_URL", (INSERTED,))


class Behind:
    """A running pipeline with a proxy on one way: `pipeline`, `workers` and `proxy`."""

    def __init__(self, pipeline: Pipeline, workers: list[Process], proxy: Proxy) -> None:
        self.pipeline = pipeline
        self.workers = workers
        self.proxy = proxy

    def tries(self) -> int:
        """How often workers said that they will try again."""
        return sum(worker.log.read_text().count("trying again") for worker in self.workers if worker.log)


@contextmanager
def behind_a_proxy(
    way: Way, environment: Mapping[str, str], folder: Path, *, workers: int = 2, front: str = "front"
) -> Iterator[Behind]:
    """`front`: the module that runs as the front."""
    with Proxy(environment[way.setting]) as proxy:
        behind = {**environment, way.setting: proxy.url}
        settings = {name: behind if name in way.clients else dict(environment) for name in ("front", "worker")}
        pipeline = Pipeline(folder, settings["front"], workers=0)
        if front != "front":
            pipeline.front = pipeline.process(front, PORT=str(pipeline.port))
        processes = [pipeline.process("worker", name=f"worker-{n}", **settings["worker"]) for n in range(workers)]
        with pipeline:
            for process in processes:
                process.start()
            yield Behind(pipeline, processes, proxy)
