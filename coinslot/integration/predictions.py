"""Predictions of other systems, asked for by gRPC (contract: Prediction)."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from coinslot.integration.extra import prepare_grpc
from coinslot.settings import Settings

if TYPE_CHECKING:
    from coinslot.integration.predictor import Predictor


class Predictions:
    """Asks all targets at once. No targets: it answers with nothing. Safe to share between threads."""

    def __init__(self, predictors: Sequence[Predictor], timeout_s: float) -> None:
        self._predictors = predictors
        self._timeout_s = timeout_s

    def ask(self, namespace: str, user_id: str, event_names: Sequence[str]) -> dict[str, dict[str, float]]:
        """{prediction_name: {TARGET_yes: number, TARGET_no: number}}, in `timeout_s` at most.

        A target that fails, or is slow, is left out, and so is a number that JSON has no word for.
        """
        calls = [predictor.ask(namespace, user_id, event_names, self._timeout_s) for predictor in self._predictors]
        merged: dict[str, dict[str, float]] = {}
        for predictor, call in zip(self._predictors, calls, strict=True):
            for name, values in predictor.answer(call).items():
                merged.setdefault(name, {}).update(values)
        return merged

    def close(self) -> None:
        for predictor in self._predictors:
            predictor.close()


def create_predictions(settings: Settings) -> Predictions:
    """From EXTERNAL_GRPC_PREDICTION_TARGETS. Connects when it is first asked; make it after the process has forked.

    Raises CannotStart without the extra `grpc`, if it is needed.
    """
    targets = settings.external_grpc_prediction_targets
    prepare_grpc("EXTERNAL_GRPC_PREDICTION_TARGETS", targets)
    predictors = []
    if targets:
        from coinslot.integration.predictor import Predictor  # an extra

        predictors = [Predictor(target, monotonic) for target in targets]
    return Predictions(predictors, settings.grpc_timeout_s)
