"""Coinslot's own web servers, with its defaults."""

from __future__ import annotations

import os
import sys
from functools import partial

from benchmarks.http.backends import DATABASE, Backends
from benchmarks.http.contender import Contender
from benchmarks.http.event import Body
from benchmarks.site import Site
from coinslot.keys import Keys
from coinslot.ports import free_port
from coinslot.settings import Settings
from coinslot.stack.process import Process

PATH = "/wsapi/interaction_data"
# What a developer has set must not reach what is measured.
OURS = {name.upper() for name in Settings.names()}


def coinslot(module: str, body: Body, site: Site, behind: Backends) -> Contender:
    """`module` is ingest or front."""
    port, prefix = free_port(), f"bench-{module}"
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= {
        "PORT": str(port),
        "MODE": "prod",
        "KEY_PREFIX": prefix,
        "REDIS_URL": behind.redis_server.url,
        "MONGODB_URL": behind.mongo_server.url,
        "DB_NAME": DATABASE,
    }
    log = site.folder / f"{module}.log"
    process = Process(module, [sys.executable, "-P", "-m", module], env=environment, log=log)
    return Contender(process, f"http://127.0.0.1:{port}{PATH}", body, partial(behind.committed, Keys.of(prefix).queue))
