"""What a front says, and what others say where it should be."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest

from coinslot.doctor.finding import Finding
from coinslot.doctor.front import Front
from coinslot.ports import free_port
from tests.canned import Answer, canned

ALIVE = Answer(b'{"alive":true}')
READY = Answer(b'{"ready":true,"checks":{"queue":"ok","store":"ok"}}')
TOKEN = "a-token-0123456789"


def asked(
    *answers: Answer, token: str | None = None, now: Callable[[], float] = time.time
) -> list[tuple[str, str, str]]:
    with canned(*answers) as server:
        return states(Front(server.url, token, now, max_age_s=60))


def states(front: Front) -> list[tuple[str, str, str]]:
    findings: list[Finding] = list(front.examine())
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    return [(finding.name, finding.state, finding.seen) for finding in findings]


def test_positive_control_a_front_that_is_ready_is_well() -> None:
    found = asked(ALIVE, READY)

    assert [(name, state) for name, state, _ in found] == [
        ("front", "ok"), ("front.clock", "ok"), ("front.ready", "ok")
    ]  # fmt: skip


def test_each_check_that_fails_is_a_finding_in_the_fronts_own_words() -> None:
    checks = {"queue": "ok", "store": "it is away", "dead_letters": "halted: 9 of 10 died"}

    found = asked(ALIVE, Answer(json.dumps({"ready": False, "checks": checks}).encode(), status=503))

    assert found[2:] == [
        ("front.ready.store", "wrong", "it is away"),
        ("front.ready.dead_letters", "wrong", "halted: 9 of 10 died"),
    ]


@pytest.mark.parametrize("answer", [Answer(b"<html>"), Answer(b'{"ready": 1}'), Answer(b"", status=404)])
def test_what_is_no_coinslot_is_found(answer: Answer) -> None:
    assert ("front.ready", "wrong") in [(name, state) for name, state, _ in asked(ALIVE, answer)]


def test_one_that_is_not_alive_is_asked_no_more() -> None:
    (found,) = asked(Answer(b"no", status=502))

    assert found[:2] == ("front", "wrong")


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (401, "wrong"), (403, "wrong"), (503, "warning")])
def test_a_token_is_tried(status: int, state: str) -> None:
    with canned(ALIVE, READY, Answer(b"{}", status=status)) as server:
        found = states(Front(server.url, TOKEN, time.time, max_age_s=60))

    assert found[-1][:2] == ("front.token", state)
    assert server.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(found)


@pytest.mark.parametrize(("off_s", "state"), [(20, "warning"), (-100, "wrong")])
def test_its_clock_is_compared(off_s: float, state: str) -> None:
    found = asked(ALIVE, READY, now=lambda: time.time() + off_s)

    assert found[1][:2] == ("front.clock", state)


def test_where_nothing_listens_it_is_not_there() -> None:
    (found,) = states(Front(f"http://user:secret@127.0.0.1:{free_port()}", None, time.time, max_age_s=60))

    assert found[:2] == ("front", "warning")
    assert "secret" not in str(found)


@pytest.mark.parametrize("then", ["break", "silence"])
def test_one_that_breaks_off_or_falls_silent_is_given_up(then: str) -> None:
    found = asked(ALIVE, Answer(b"{", then=then))  # type: ignore[arg-type]

    assert found[-1][:2] == ("front.ready", "wrong")


def test_one_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (found,) = states(Front(f"http://127.0.0.1:{server.getsockname()[1]}", None, time.time, max_age_s=60))

    assert found[:2] == ("front", "wrong")
