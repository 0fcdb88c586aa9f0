"""One gRPC target that is asked for predictions. Needs the extra `grpc`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from coinslot.analytics.settings import Target
from coinslot.integration.channel import open_channel
from coinslot.integration.messages import PREDICTION, PredictionRequest, PredictionResponse

REST_S = 5.0
WARN_EVERY_S = 60.0

log = logging.getLogger("coinslot.grpc")


class Predictor:
    """A target that was silent is not asked for REST_S; then one request tries it for all.

    One that refuses is asked each time, for that costs no waiting. Safe to share between threads.
    """

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self._name = target.name
        self._channel = open_channel(target.address)
        self._call: Any = self._channel.unary_unary(PREDICTION)  # bytes: gRPC would log a traceback of what is garbled
        self._clock = clock
        self._changing = threading.Lock()
        self._rests_until: float | None = None
        self._warned_at: float | None = None

    def ask(self, namespace: str, user_id: str, event_names: Sequence[str], timeout_s: float) -> Any:
        """The call, which has begun; None while the target rests."""
        if self._is_resting():
            return None
        request = PredictionRequest(namespace=namespace, user_id=user_id, event_names=event_names)
        return self._call.future(request.SerializeToString(), timeout=timeout_s, wait_for_ready=False)

    def answer(self, call: Any) -> dict[str, dict[str, float]]:
        """Waits for what `ask` began: {prediction_name: {TARGET_yes: number, TARGET_no: number}}; empty if it fails."""
        if call is None:
            return {}
        try:
            response = PredictionResponse.FromString(call.result())
        except grpc.RpcError:
            self._rest(call.code() is grpc.StatusCode.DEADLINE_EXCEEDED)
            self._warn(call.code().name)
            return {}
        except DecodeError:
            self._warn("its answer is no PredictionResponse")
            return {}
        self._rest(False)
        return {one.prediction_name: dict(self._values(one)) for one in response.predictions}

    def close(self) -> None:
        self._channel.close()

    def _values(self, prediction: Any) -> Iterator[tuple[str, float]]:
        for key in ("yes", "no"):
            if isfinite(value := getattr(prediction, key)):
                yield f"{self._name}_{key}", value

    def _is_resting(self) -> bool:
        with self._changing:
            if self._rests_until is None:
                return False
            if self._clock() < self._rests_until:
                return True
            self._rests_until = self._clock() + REST_S  # until it is known how the one that tries it fares
            return False

    def _rest(self, was_silent: bool) -> None:
        with self._changing:
            self._rests_until = self._clock() + REST_S if was_silent else None

    def _warn(self, why: str) -> None:
        with self._changing:
            if self._warned_at is not None and self._clock() - self._warned_at < WARN_EVERY_S:
                return
            self._warned_at = self._clock()
        log.warning("gRPC target %s predicts nothing: %s", self._name, why)
