"""What the fuzzer holds the check at the door to: it is kept, and whoever breaks it is found out."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from coinslot.event_check import Admitted, EventCheck
from coinslot.events import BadEvent
from coinslot.media import FORM, JSON, NDJSON, TYPES
from tests.fuzz import analytic_oracle, grammar, oracle
from tests.fuzz.seeds import ANALYTIC_EVENTS, BODIES, COMPRESSED, EVENTS

check = EventCheck(oracle.MAX_BYTES)


class Chance:
    """Draws as the fuzzer does."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def ConsumeIntInRange(self, least: int, most: int) -> int:
        return self._random.randint(least, most)


@pytest.mark.parametrize("raw", EVENTS)
def test_the_events_it_begins_with_are_let_in(raw: bytes) -> None:
    assert oracle.check_event(raw)


def test_the_bodies_it_begins_with_are_taken_by_some_type() -> None:
    taken = {media: [oracle.check_body(body, media) for body in BODIES] for media in TYPES}

    assert all(taken[JSON][:9])
    assert any(taken[FORM])
    assert all(taken[NDJSON])


@pytest.mark.parametrize("encoding", oracle.INFLATE)
def test_half_of_what_it_inflates_at_first_is_what_it_says(encoding: str) -> None:
    inflated = [oracle.check_inflation(content, encoding, 10**6) for content in COMPRESSED]
    cut_off = [oracle.check_inflation(content, encoding, 10_000) for content in COMPRESSED]

    assert sum(inflated) == len(COMPRESSED) / 2
    assert sum(cut_off) == sum(inflated) - 1


def test_what_the_grammar_makes_is_judged_alike_and_some_of_it_is_let_in() -> None:
    let_in = [oracle.check_event(make(Chance(seed))) for seed in range(100) for make in grammar.EVENTS]
    taken = [oracle.check_body(grammar.array(Chance(seed)), media) for seed in range(50) for media in TYPES]

    assert 0.1 < sum(let_in) / len(let_in) < 0.9
    assert any(taken)


@pytest.mark.parametrize("raw", ANALYTIC_EVENTS)
def test_the_analytic_events_it_begins_with_are_let_in(raw: bytes) -> None:
    assert analytic_oracle.check_event(raw)


def test_of_analytic_events_that_the_grammar_makes_some_are_let_in_and_rightly() -> None:
    let_in = [analytic_oracle.check_event(grammar.analytic_event(Chance(seed))) for seed in range(2_000)]

    assert 0.1 < sum(let_in) / len(let_in) < 0.9


@pytest.mark.parametrize(
    ("raw", "broken"),
    [
        (b'{"event_name": 1, "user_id": "u"}', lambda raw: raw),
        (b'{"event_name": "a", "user_id": "u", "value": true}', lambda raw: raw),
        (b'{"event_name": "a", "user_id": "u", "datetime": "2024-05-01"}', lambda raw: raw),
        (b'{"event_name": "a",\n"user_id": "u"}', lambda raw: raw),
        (b'{"event_name": "a", "user_id": "u", "value": null}', lambda raw: raw.replace(b"null", b"0")),
        (b'{"event_name": "a", "user_id": "u", "x": 1}', lambda raw: raw.replace(b', "x": 1', b"")),
    ],
)
def test_positive_control_a_check_that_is_wrong_about_analytic_events_is_found_out(
    raw: bytes, broken: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(AssertionError):
        analytic_oracle.check_event(raw, broken)


def lets_all_in(raw: bytes) -> Admitted:
    try:
        return check(raw)
    except BadEvent:
        return "a", b'{"_id":"a","timestamp":1}'


def lets_none_in(raw: bytes) -> Admitted:
    raise BadEvent()


def takes_1_for_true(raw: bytes) -> Admitted:
    id, event = check(raw)
    return id, event.replace(b": 1}", b": true}")


def breaks_lines(raw: bytes) -> Admitted:
    id, event = check(raw)
    return id, event + b"\n"


def forgets_a_field(raw: bytes) -> Admitted:
    return check(b'{"timestamp": 1}')


@pytest.mark.parametrize(
    ("broken", "raw"),
    [
        (lets_all_in, b"{}"),
        (lets_all_in, b'{"timestamp": 1, "a": 9223372036854775808}'),
        (lets_all_in, rb'{"timestamp": 1, "a\u0000": 1}'),
        (lets_all_in, rb'{"timestamp": 1, "a": "\ud800"}'),
        (lets_all_in, b'{"timestamp": 1, "a": NaN}'),
        (lets_all_in, b'{"timestamp": 1, "a": ' + b"[" * 100 + b"]" * 100 + b"}"),
        (lets_none_in, b'{"timestamp": 1}'),
        (takes_1_for_true, b'{"timestamp": 1}'),
        (breaks_lines, b'{"timestamp": 1}'),
        (forgets_a_field, b'{"timestamp": 1, "a": 1}'),
    ],
)
def test_positive_control_a_broken_check_is_found_out(broken: Callable[[bytes], Admitted], raw: bytes) -> None:
    with pytest.raises(AssertionError):
        oracle.check_event(raw, broken)
