"""Fuzzes the check at the door with Atheris: python -m tests.fuzz.fuzz_events [libFuzzer's options]

FUZZ_SECONDS, 60 by itself, bounds it. On a terminal it shows its progress. What it finds it writes to the folder it
runs in, as crash-*.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import quote

import atheris

with atheris.instrument_imports(
    include=["coinslot.events", "coinslot.analytics.event", "ingest.body", "ingest.formats"]
):
    from tests.fuzz import analytic_oracle, oracle

from coinslot import media
from coinslot.media import FORM
from tests.fuzz import grammar
from tests.fuzz.seeds import ANALYTIC_EVENTS, BODIES, COMPRESSED, EVENTS, WORDS

TYPES = list(media.TYPES)
ENCODINGS = list(oracle.INFLATE)
ANALYTIC = 1 + len(TYPES) + len(ENCODINGS)
KINDS = ANALYTIC + 1 + 6  # the last six are made after the grammar


def one(data: bytes) -> None:
    """The first byte says what the rest is given to, or what is made of it."""
    if not data:
        return
    kind, rest = data[0] % KINDS, data[1:]
    if kind == 0:
        oracle.check_event(rest)
    elif kind <= len(TYPES):
        oracle.check_body(rest, TYPES[kind - 1])
    elif kind <= len(TYPES) + len(ENCODINGS):
        oracle.check_inflation(rest, ENCODINGS[kind - 1 - len(TYPES)], max_bytes=10_000)
    elif kind == ANALYTIC:
        analytic_oracle.check_event(rest)
    else:
        made(atheris.FuzzedDataProvider(rest))


def made(provider: atheris.FuzzedDataProvider) -> None:
    if not provider.ConsumeIntInRange(0, 3):
        analytic_oracle.check_event(grammar.analytic_event(provider))
    elif provider.ConsumeBool():
        oracle.check_event(provider.PickValueInList(grammar.EVENTS)(provider))
    else:
        body = provider.PickValueInList([grammar.array, grammar.event])(provider)
        kind = provider.PickValueInList(TYPES)
        oracle.check_body(b"data=" + quote(body).encode() if kind == FORM else body, kind)


def write_seeds(folder: Path) -> None:
    seeds = [b"\x00" + event for event in EVENTS]
    seeds += [bytes([1 + kind]) + body for kind in range(len(TYPES)) for body in BODIES]
    seeds += [bytes([1 + len(TYPES) + kind]) + content for kind in range(len(ENCODINGS)) for content in COMPRESSED]
    seeds += [bytes([ANALYTIC]) + event for event in ANALYTIC_EVENTS]
    seeds += [bytes([KINDS - 1]) + Random(seed).randbytes(200) for seed in range(100)]
    for number, seed in enumerate(seeds):
        (folder / str(number)).write_bytes(seed)


def main() -> None:
    with TemporaryDirectory() as name:
        corpus, words = Path(name) / "corpus", Path(name) / "words"
        corpus.mkdir()
        write_seeds(corpus)
        words.write_text("".join(f"{json.dumps(word)}\n" for word in WORDS))  # quotes and backslashes escaped
        options = [f"-max_total_time={os.environ.get('FUZZ_SECONDS', '60')}", f"-dict={words}", "-max_len=4096"]
        # What it reached, line by line, is for somebody who looks on; figures at the end are for all.
        options += ["-print_final_stats=1", f"-verbosity={int(sys.stderr.isatty())}"]
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
