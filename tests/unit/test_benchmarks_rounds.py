"""Rounds in their order, and what becomes of one that went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import results, rounds
from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity
from benchmarks.cores import Cores, divide
from benchmarks.report import markdown
from benchmarks.results import Part, Series
from benchmarks.site import Site

RATE = Quantity("rate", "1/s", more_is_better=True)


def site(said: list[str]) -> Site:
    nowhere: frozenset[int] = frozenset()
    return Site(Path(), 1, Cores(nowhere, nowhere, nowhere), said.append)


def benchmark(log: list[str]) -> Benchmark:
    """Subject `b` fails in its second round."""

    def measure(name: str) -> Mapping[Quantity, float]:
        log.append(name)
        if log.count("b") == 2 and name == "b":
            raise Invalid("two requests were refused")
        return {RATE: 100.0 * log.count(name)}

    @contextmanager
    def open_it(_: Site) -> Iterator[Mapping[str, Measure]]:
        log.append("open")
        yield {"a": lambda: measure("a"), "b": lambda: measure("b")}
        log.append("closed")

    return Benchmark("toy", "A toy", ("a", "b"), (RATE,), (), open_it)


def test_rounds_are_interleaved_and_an_invalid_one_counts_for_nothing() -> None:
    log: list[str] = []
    said: list[str] = []

    series, invalid = results.gather(rounds.run(benchmark(log), site(said), 3, lambda *_: None), 3)

    assert log == ["open", "a", "b", "a", "b", "a", "b", "closed"]
    assert {each.subject: each.values for each in series if each.quantity == "rate"} == {
        "a": [100, 200, 300],
        "b": [100, None, 300],
    }
    assert invalid == ["b, round 2: two requests were refused"]
    assert said == ["toy: round 2 of b is invalid: two requests were refused"]


def test_a_run_of_one_benchmark_leaves_the_figures_of_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    other = Part("", "", "", 1, 1, {}, [Series("a", "rate", "1/s", [1.0])])
    results.save(path, {"other": other})

    measured = results.load(path)
    measured["toy"] = msgspec.structs.replace(other, rounds=7)
    results.save(path, measured)

    assert results.load(path) == {"other": other, "toy": measured["toy"]}


def test_the_report_shows_how_many_rounds_were_valid_and_who_was_skipped() -> None:
    part = Part("", "", "", 2, 1, {}, [Series("a", "rate", "1/s", [10.0, None])], ["a, round 2: why"], {"b": "no b"})

    text = markdown([benchmark([])], {"toy": part})

    assert "| a | 10 (10 to 10) | 1 of 2 |" in text
    assert "| b | - | 0 of 2 |" in text
    assert "a, round 2: why" in text
    assert "b (no b)" in text


def test_the_subject_has_a_core_for_itself_where_there_are_two() -> None:
    assert divide(frozenset({0, 1})) == ({1}, {0}, {0, 1})
    assert divide(frozenset({4})) == ({4}, {4}, {4})
    assert divide(frozenset(range(8)), siblings=frozenset({3})) == ({7}, {0, 1, 2, 4, 5, 6}, {0, 7})
    # Two threads of one core: better than none.
    assert divide(frozenset({0, 1}), siblings=frozenset({0})) == ({1}, {0}, {0, 1})
