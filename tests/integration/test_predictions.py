"""Other systems are asked for predictions by gRPC; whatever they do, there is an answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coinslot.analytics.settings import Target
from coinslot.errors import CannotStart
from coinslot.integration.extra import prepare_grpc
from coinslot.integration.messages import PredictionRequest
from coinslot.integration.predictions import create_predictions
from coinslot.integration.predictor import REST_S, Predictor
from coinslot.settings import Settings
from tests.target import GrpcTarget, absent

SHORT_S, LONG_S = 0.1, 10.0
BUYS = {"buys": {"other_yes": 0.75, "other_no": 0.25}}  # what `other` says


@pytest.fixture
def other() -> Iterator[GrpcTarget]:
    with GrpcTarget("other") as target:
        target.predict(("buys", 0.75, 0.25))
        yield target


def asked(*targets: Target, timeout_s: float = LONG_S) -> dict[str, dict[str, float]]:
    predictions = create_predictions(Settings.load(external_grpc_prediction_targets=targets, grpc_timeout_s=timeout_s))
    try:
        return predictions.ask("shop", "ann", ["visit", "look"])
    finally:
        predictions.close()


def test_a_target_is_asked_about_the_user_and_the_events(other: GrpcTarget) -> None:
    asked(other.target)

    assert other.asked == [PredictionRequest(namespace="shop", user_id="ann", event_names=["visit", "look"])]


def test_what_several_predict_is_merged_under_the_name_of_the_prediction(other: GrpcTarget) -> None:
    with GrpcTarget("second") as second:
        second.predict(("buys", 0.5, 0.5), ("leaves", 1.0, 0.0))

        answer = asked(other.target, second.target)

    assert answer == {
        "buys": {"other_yes": 0.75, "other_no": 0.25, "second_yes": 0.5, "second_no": 0.5},
        "leaves": {"second_yes": 1.0, "second_no": 0.0},
    }


def test_targets_are_asked_at_the_same_time(other: GrpcTarget) -> None:
    with GrpcTarget("second") as second:
        second.predict(("buys", 0.5, 0.5))
        other.answers.clear()
        second.asked = Opening(other)

        answer = asked(other.target, second.target)

    assert answer == {"buys": {"other_yes": 0.75, "other_no": 0.25, "second_yes": 0.5, "second_no": 0.5}}


class Opening(list[object]):
    """Has the other target answer as soon as this one is asked."""

    def __init__(self, other: GrpcTarget) -> None:
        self._other = other

    def append(self, _: object) -> None:
        self._other.answers.set()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_no_word_for_is_left_out(other: GrpcTarget, number: float) -> None:
    other.predict(("buys", number, 0.25))

    assert asked(other.target) == {"buys": {"other_no": 0.25}}


def test_one_that_fails_is_left_out(other: GrpcTarget) -> None:
    with GrpcTarget("refusing") as refusing:
        refusing.refuses = True

        assert asked(refusing.target, other.target) == BUYS


def test_one_whose_answer_is_garbled_is_left_out(other: GrpcTarget, caplog: pytest.LogCaptureFixture) -> None:
    with GrpcTarget("garbled") as garbled:
        garbled.predictions = b"\xff\xff"

        answer = asked(garbled.target, other.target)

    assert answer == BUYS
    assert caplog.messages == ["gRPC target garbled predicts nothing: its answer is no PredictionResponse"]


def test_one_that_is_absent_is_left_out_without_waiting(other: GrpcTarget) -> None:
    assert asked(absent(), other.target, timeout_s=LONG_S) == BUYS


def test_one_that_is_slow_is_left_out(other: GrpcTarget, caplog: pytest.LogCaptureFixture) -> None:
    with GrpcTarget("slow") as slow:
        slow.answers.clear()  # until the end of the test

        answer = asked(slow.target, other.target, timeout_s=2.0)

    assert answer == BUYS
    assert caplog.messages == ["gRPC target slow predicts nothing: DEADLINE_EXCEEDED"]


def test_one_that_dies_is_left_out_until_it_is_back() -> None:
    with GrpcTarget("dying") as dying:
        dying.predict(("buys", 0.75, 0.25))
        predictions = create_predictions(Settings.load(external_grpc_prediction_targets=[dying.target]))
        alive = predictions.ask("shop", "ann", [])

    dead = predictions.ask("shop", "ann", [])
    with GrpcTarget("dying", dying.target.port) as back:
        back.predict(("buys", 0.5, 0.5))
        while not (again := predictions.ask("shop", "ann", [])):
            pass
    predictions.close()

    assert [alive, dead, again] == [
        {"buys": {"dying_yes": 0.75, "dying_no": 0.25}},
        {},
        {"buys": {"dying_yes": 0.5, "dying_no": 0.5}},
    ]


def test_threads_may_ask_at_once(other: GrpcTarget) -> None:
    predictions = create_predictions(
        Settings.load(external_grpc_prediction_targets=[other.target], grpc_timeout_s=LONG_S)
    )

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: predictions.ask("shop", f"user {n}", []), range(40)))
    predictions.close()

    assert answers == [BUYS] * 40
    assert {request.user_id for request in other.asked} == {f"user {n}" for n in range(40)}


def test_one_that_was_silent_rests_and_is_then_tried_by_one_request(other: GrpcTarget) -> None:
    other.answers.clear()
    now, tried = [0.0], []
    predictor = Predictor(other.target, lambda: now[0])

    for now[0] in (0, 1, REST_S - 1, REST_S, REST_S + 1, 2 * REST_S):
        if call := predictor.ask("shop", "ann", [], SHORT_S):
            tried.append(now[0])
        assert predictor.answer(call) == {}
    predictor.close()

    assert tried == [0, REST_S, 2 * REST_S]


def test_only_one_request_at_a_time_tries_one_that_was_silent(other: GrpcTarget) -> None:
    other.answers.clear()
    now = [0.0]
    predictor = Predictor(other.target, lambda: now[0])
    predictor.answer(predictor.ask("shop", "ann", [], SHORT_S))
    now[0] = REST_S

    calls = [predictor.ask("shop", "ann", [], LONG_S) for _ in range(2)]
    other.answers.set()
    answers = [predictor.answer(call) for call in calls]
    predictor.close()

    assert answers == [BUYS, {}]


def test_one_that_answers_again_is_asked_each_time(other: GrpcTarget) -> None:
    other.answers.clear()
    now = [0.0]
    predictor = Predictor(other.target, lambda: now[0])
    predictor.answer(predictor.ask("shop", "ann", [], SHORT_S))
    other.answers.set()
    now[0] = REST_S

    answers = [predictor.answer(predictor.ask("shop", "ann", [], LONG_S)) for _ in range(2)]
    predictor.close()

    assert answers == [BUYS] * 2


def test_no_targets_predict_nothing() -> None:
    assert asked() == {}


def test_targets_without_the_extra_stop_the_start(other: GrpcTarget) -> None:
    def nothing(name: str) -> None:
        return None

    prepare_grpc("EXTERNAL_GRPC_EVENT_TARGETS", [], nothing)

    with pytest.raises(CannotStart, match=r"EXTERNAL_GRPC_EVENT_TARGETS.*pip install 'coinslot\[grpc\]'"):
        prepare_grpc("EXTERNAL_GRPC_EVENT_TARGETS", [other.target], nothing)
