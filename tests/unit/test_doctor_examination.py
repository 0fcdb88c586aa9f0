"""Probes run beside each other: one that hangs or fails costs no other its findings."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from coinslot.doctor.examination import examine
from coinslot.doctor.finding import Finding, ok, wrong


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What hangs, hangs until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_findings_come_in_the_order_of_their_probes_and_not_of_their_answers(release: threading.Event) -> None:
    answered = threading.Event()

    def late() -> Iterator[Finding]:
        answered.wait(10)
        yield ok("late", "here")

    def early() -> Iterator[Finding]:
        yield ok("early", "here")
        answered.set()

    findings = examine({"late": late, "early": early})

    assert findings == [ok("late", "here"), ok("early", "here")]


def test_a_probe_that_hangs_is_named_with_what_it_had_found_and_the_others_go_on(release: threading.Event) -> None:
    def hanging() -> Iterator[Finding]:
        yield ok("first", "seen")
        release.wait(30)

    findings = examine({"hanging": hanging, "next": lambda: [ok("next", "seen")]}, limit_s=0.2)

    assert [(finding.name, finding.state) for finding in findings] == [
        ("first", "ok"), ("hanging", "wrong"), ("next", "ok")
    ]  # fmt: skip
    assert findings[1].seen == "no answer within 0.2 s"


def test_a_probe_that_fails_is_untold_in_words_that_cannot_hold_a_password() -> None:
    def failing() -> Iterator[Finding]:
        raise ValueError("redis://user:secret@host")

    findings = examine({"failing": failing, "next": lambda: [wrong("next", "seen", "do")]})

    assert [finding.name for finding in findings] == ["failing", "next"]
    assert findings[0].state == "warning"
    assert findings[0].seen == "cannot be told: ValueError"
