"""docs/analytics.md: its commands are run as they stand, and what it says of them is what is answered."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coinslot.analytics.counter import GLOBAL
from docs.pictures.reach import GOAL
from tests.analytics import hits
from tests.pipeline import Pipeline, until

PAGE = (Path(__file__).parents[2] / "docs/analytics.md").read_text()
TEXT = " ".join(PAGE.split())
COMMANDS = re.findall(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)
POSTS = [command for command, answer in COMMANDS if not answer]
GETS = [
    pytest.param(command, answer, id=command.rstrip("'\n").rpartition("/")[2]) for command, answer in COMMANDS if answer
]
(TOML,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RUN_TIMEOUT_S = 30.0


class Reader:
    """Somebody who has a log, and pastes what the page says."""

    def __init__(self, pipeline: Pipeline, folder: Path) -> None:
        self.pipeline = pipeline
        self._folder = folder
        with gzip.open(folder / "web_hits.ndjson.gz", "wb") as log:
            log.writelines(msgspec.json.encode(hit) + b"\n" for hit in hits.log())

    def paste(self, command: str) -> bytes:
        there = command.replace("http://127.0.0.1:3000", self.pipeline.url)
        bash = ["bash", "-euo", "pipefail", "-c", there]
        done = subprocess.run(bash, cwd=self._folder, capture_output=True, check=True, timeout=RUN_TIMEOUT_S)
        return done.stdout

    def ask(self, path: str) -> Any:
        return self.pipeline.http.request("GET", f"{self.pipeline.url}{path}").json()

    def counts(self, namespace: str) -> dict[str, dict[str, Any]]:
        return {counter["name"]: counter for counter in self.ask(f"/v0/analytics?namespace={namespace}")["counts"]}


@pytest.fixture(scope="module")
def reader(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Has pasted all that is posted, with the page's own configuration, until it was counted."""
    folder = tmp_path_factory.mktemp("analytics")
    (folder / "coinslot.toml").write_text(TOML)
    name = folder.name
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    with Pipeline(folder, {**environment, "COINSLOT_CONFIG": str(folder / "coinslot.toml")}) as pipeline:
        reader = Reader(pipeline, folder)
        (reaching,) = [each.users for each in hits.FIGURES if each.event == GOAL]
        assert [reader.paste(command) for command in POSTS] == [b""] * len(POSTS)
        until(lambda: reader.counts("site").get(GOAL, {}).get("count") == reaching)
        yield reader


@pytest.mark.parametrize(("command", "answer"), GETS)
def test_a_command_is_answered_as_the_page_says(reader: Reader, command: str, answer: str) -> None:
    assert msgspec.json.decode(reader.paste(command)) == msgspec.json.decode(answer)


def test_what_is_posted_again_changes_nothing(reader: Reader) -> None:
    before = reader.counts("shop")

    for command in POSTS:
        reader.paste(command)
    reader.paste(POSTS[1].replace('"shop"', '"marker"'))
    until(lambda: reader.counts("marker"))

    assert reader.counts("shop") == before


def test_predictions_on_the_web_hits_are_those_of_the_picture(reader: Reader) -> None:
    told = reader.ask("/v0/predictions?namespace=site")["goals"][GOAL]["events"]

    expected = {each.event: each.bayes for each in hits.FIGURES if each.before_goal}
    assert {event: figures["bayes"] for event, figures in told.items()} == expected


def test_the_figures_in_the_text_are_those_that_are_counted(reader: Reader) -> None:
    counts = reader.counts("site")

    goal, weeks = counts[GOAL], [counts[f"{GOAL} 2015{week}"]["count"] for week in (20, 21)]
    (alone,) = [each["count"] for each in goal["event_counts"] if not each["events"]]
    kinds = [counter["type"] for counter in counts.values()]
    assert f"{counts[GLOBAL]['count']:,} visitors, {goal['count']} of whom" in TEXT
    assert f"{alone} of these had seen nothing else before" in TEXT
    assert f"`{GOAL} 201520` has {weeks[0]} visitors and `{GOAL} 201521` has {weeks[1]}. That is {sum(weeks)}" in TEXT
    assert f"The {kinds.count('named')} names, {kinds.count('weekly')} weeks of them" in TEXT
    assert f"are {len(counts)} counters, and take {_filters(reader) / 1e6:.0f} MB" in TEXT


def _filters(reader: Reader) -> float:
    """Bytes of the filters of the namespace."""
    metrics = reader.pipeline.http.request("GET", f"{reader.pipeline.url}/metrics/counters").data.decode()
    sizes = re.findall(r'^kimball_counter_filter_bytes\{kimball_namespace="site",.*\} (.+)$', metrics, re.MULTILINE)
    return sum(map(float, sizes))
