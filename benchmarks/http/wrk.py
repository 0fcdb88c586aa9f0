"""wrk, the load generator: it sends one request over and over, on 64 connections, as fast as they are answered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from benchmarks.cores import Cpus, placed_on
from benchmarks.http.event import Body

CONNECTIONS = 64
SCRIPT = Path(__file__).with_suffix(".lua")
GRACE_S = 30


class Tally(msgspec.Struct):
    """`requests` were answered; `refused` of them with 400 or worse; `broken` counts what sockets and timeouts did."""

    requests: int
    duration_us: int
    refused: int
    broken: int
    p50_us: int
    p99_us: int


def load(url: str, method: str, body: Body, seconds: float, cpus: Cpus) -> Tally:
    """Send for so long, in whole seconds at least one."""
    with NamedTemporaryFile("w") as file, placed_on(cpus):
        file.write(body.text)
        file.flush()
        told = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout=10s", "-s", SCRIPT, url],
            env={**os.environ, "METHOD": method, "MEDIA": body.media, "BODY_FILE": file.name},
            stdout=subprocess.PIPE,
            timeout=seconds + GRACE_S,
            check=True,
        )
    return msgspec.json.decode(told.stdout.splitlines()[-1], type=Tally)
