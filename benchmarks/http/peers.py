"""The programs of benchmarks/peers, webdis, and how each is run well."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.benchmark import Missing
from benchmarks.http.backends import Backends
from benchmarks.http.contender import Contender
from benchmarks.http.event import JSON
from benchmarks.site import Site
from coinslot.ports import free_port
from coinslot.stack.process import Process

PEERS = Path(__file__).parents[1] / "peers"
THREADS = 16  # of 4, 16 and 64 the best for them all; gunicorn's threads made less of the same


def node(script: str, site: Site, behind: Backends) -> Contender:
    """Its events are in the stream `events`. Raises Missing."""
    if not shutil.which("node"):
        raise Missing("no node; apt-get install nodejs npm")
    if not (PEERS / "node_modules").is_dir():
        raise Missing(f"no npm packages; npm ci --prefix {PEERS}")
    environment = {"NODE_ENV": "production"}
    stored = partial(behind.stream_length, "events")
    return _contender(script, ["node", PEERS / script], environment, stored, site, behind)


def flask_pymongo(site: Site, behind: Backends) -> Contender:
    return _granian("flask_pymongo", partial(behind.documents, "events"), site, behind)


def flask_celery(site: Site, behind: Backends) -> Contender:
    """Raises Missing."""
    if not find_spec("celery"):
        raise Missing("no Celery; pip install 'coinslot[bench]'")
    return _granian("flask_celery", partial(behind.list_length, "celery"), site, behind)


def flask_kombu(site: Site, behind: Backends) -> Contender:
    return _granian("flask_kombu", partial(behind.list_length, "kombu"), site, behind)


def bare(site: Site, behind: Backends) -> Contender:
    return _granian("bare", None, site, behind, threads=1)  # it waits for nothing


def bare_protocol(site: Site, behind: Backends) -> Contender:
    return _contender("bare_protocol", [sys.executable, PEERS / "bare_protocol.py"], {}, None, site, behind)


def webdis(site: Site, behind: Backends) -> Contender:
    """A PUT's body is the command's last argument. Raises Missing."""
    program = shutil.which("webdis")
    if not program:
        raise Missing("no webdis; apt-get install webdis")
    port = free_port()
    settings = {
        "redis_host": "127.0.0.1",
        "redis_port": behind.redis_server.port,
        "http_host": "127.0.0.1",
        "http_port": port,
        "threads": 1,  # it has one core
        "pool_size": 2,  # its default; 1 and 20 made no more
        "daemonize": False,
        "verbosity": 0,
        "logfile": "/dev/null",
    }
    path = site.folder / "webdis.json"
    path.write_text(json.dumps(settings))
    process = Process("webdis", [program, path], log=site.folder / "webdis.log")
    stored = partial(behind.stream_length, "events")
    return Contender(process, f"http://127.0.0.1:{port}/XADD/events/*/event", JSON, stored, "PUT")


def _granian(
    module: str, stored: Callable[[], int] | None, site: Site, behind: Backends, threads: int = THREADS
) -> Contender:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"]
    command += ["--blocking-threads", str(threads), "--log-level", "warning"]
    command += ["--working-dir", str(PEERS.parents[1]), f"benchmarks.peers.{module}:app"]
    return _contender(module, command, {}, stored, site, behind)


def _contender(
    name: str,
    command: Sequence[str | Path],
    environment: dict[str, str],
    stored: Callable[[], int] | None,
    site: Site,
    behind: Backends,
) -> Contender:
    port = free_port()
    urls = {"REDIS_URL": behind.redis_server.url, "MONGODB_URL": behind.mongo_server.url}
    ports = {"PORT": str(port), "GRANIAN_PORT": str(port)}
    process = Process(
        name, command, env={**os.environ, **environment, **urls, **ports}, log=site.folder / f"{name}.log"
    )
    return Contender(process, f"http://127.0.0.1:{port}/events", JSON, stored)
