"""The original's own bar: a thousand sign-ins, one form POST each, all stored, all fetched, all followed.

It asks for 200 a second. No test here depends on a clock; the rates are printed, with `pytest -s`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.pipeline import PATH, Pipeline
from tests.wire import Stream

SIGN_INS = 1000
CLIENTS = 8
BAR_PER_S = 200
VISIBLE_WITHIN_S = 5.0  # the contract's is one second; this machine may be busy

FIRST_MS = 1333046104322
STEPS = ["picker", "picker::change", "picker::signin", "assertion_generation", "certified", "assertion_generated"]


def sign_in(number: int) -> dict[str, Any]:
    """The contract's typical event, each a little different."""
    chance = random.Random(number)
    at_ms = sorted(chance.sample(range(500, 5000), len(STEPS)))
    return {
        "timestamp": FIRST_MS + number,
        "event_stream": [*map(list, zip(STEPS, at_ms, strict=True)), ["complete", at_ms[-1] + 100]],
        "email_type": chance.choice(["primary", "secondary"]),
        "number_emails": chance.randint(1, 5),
        "new_account": chance.random() < 0.1,
        "language": chance.choice(["en_US", "de", "es", "ja"]),
        "number_sites_logged_in": chance.randint(1, 30),
        "screen_size": {"width": chance.choice([640, 1280]), "height": 480},
        "sample_rate": 1.0,
        "user_agent": {"os": "TestOS", "browser": "Foo", "version": str(chance.randint(1, 50))},
    }


def post_all(stack: Pipeline, sign_ins: Iterable[dict[str, Any]]) -> list[tuple[int, bytes]]:
    """As the original client does: a form each, over a connection that is kept open. Status and body of each answer."""
    connection = HTTPConnection("127.0.0.1", stack.port, timeout=10)
    answers = []
    for each in sign_ins:
        form = urlencode({"data": json.dumps(each)})
        connection.request("POST", PATH, form, {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        answers.append((response.status, response.read()))
    connection.close()
    return answers


def test_a_thousand_sign_ins_are_stored_fetched_and_followed(stack: Pipeline) -> None:
    sign_ins = [sign_in(number) for number in range(SIGN_INS)]
    followed: list[dict[str, Any]] = []
    with Stream(stack.api_url) as stream, ThreadPoolExecutor(CLIENTS) as threads:
        follower = threading.Thread(target=lambda: followed.extend(stream.doc() for _ in sign_ins))
        follower.start()

        started = time.monotonic()
        shares = threads.map(lambda n: post_all(stack, sign_ins[n::CLIENTS]), range(CLIENTS))
        answers = [answer for share in shares for answer in share]
        posted = time.monotonic()
        stack.wait_count(SIGN_INS, timeout_s=VISIBLE_WITHIN_S)
        visible = time.monotonic()
        fetched = stack.events(f"?start={FIRST_MS}&end={FIRST_MS + SIGN_INS - 1}")
        done = time.monotonic()
        follower.join(10)

    assert answers == [(201, b"ok")] * SIGN_INS
    ids = {event.pop("_id") for event in fetched}
    assert len(ids) == SIGN_INS
    assert fetched == sign_ins
    assert {event.pop("_id") for event in followed} == ids
    assert sorted(followed, key=lambda event: event["timestamp"]) == sign_ins
    assert stack.wait_settled()["balanced"]
    print(
        f"\n{SIGN_INS} sign-ins: posted at {SIGN_INS / (posted - started):.0f}/s, all visible {visible - posted:.2f} s "
        f"after the last answer, stored and fetched at {SIGN_INS / (done - started):.0f}/s (bar: {BAR_PER_S}/s)"
    )


def test_one_client_alone_sees_each_sign_in_soon_after_its_post(stack: Pipeline) -> None:
    before = stack.count()

    for number in range(10):
        (answer,) = post_all(stack, [sign_in(number)])

        assert answer == (201, b"ok")
        stack.wait_count(before + number + 1, timeout_s=VISIBLE_WITHIN_S)
