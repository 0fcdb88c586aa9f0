"""A gRPC target for tests, made with grpcio as somebody else would make it: it takes events and predicts."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from coinslot.analytics.settings import Target
from coinslot.integration.messages import SERVICE, KimballEvent, PredictionRequest, PredictionResponse, Response

PATIENCE_S = 20.0  # with what is to come; a test that waits so long has failed


class GrpcTarget:
    """Serves while entered. `events` has what arrived; `reads` says whether it reads, `answers` whether it predicts."""

    def __init__(self, name: str = "other", port: int = 0, address: str = "127.0.0.1") -> None:
        self.events: queue.Queue[tuple[str, str, str]] = queue.Queue()
        self.asked: list[Any] = []
        self.predictions: bytes = b""
        self.reads, self.answers = threading.Event(), threading.Event()
        self.reads.set()
        self.answers.set()
        self.called, self.finished = threading.Semaphore(0), threading.Semaphore(0)
        self.refuses = False
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([self._handler()])
        self._port = self._server.add_insecure_port(f"{address}:{port}")
        self.target = Target(name=name, host="127.0.0.1", port=self._port)

    def __enter__(self) -> GrpcTarget:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        stopped = self._server.stop(grace=0)
        self.reads.set()
        self.answers.set()
        stopped.wait()

    def predict(self, *predictions: tuple[str, float, float]) -> None:
        """(prediction_name, yes, no): what it answers from now on."""
        listed = [{"prediction_name": name, "yes": yes, "no": no} for name, yes, no in predictions]
        self.predictions = PredictionResponse(predictions=listed).SerializeToString()

    def arrived(self, number: int) -> list[tuple[str, str, str]]:
        """The next events; waits for them."""
        return [self.events.get(timeout=PATIENCE_S) for _ in range(number)]

    def _handler(self) -> Any:
        methods = {
            "EventStream": grpc.stream_unary_rpc_method_handler(
                self._take, KimballEvent.FromString, Response.SerializeToString
            ),
            "Prediction": grpc.unary_unary_rpc_method_handler(self._predict, PredictionRequest.FromString),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _take(self, events: Iterator[Any], context: grpc.ServicerContext) -> Any:
        self.called.release()
        if self.refuses:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")
        self.reads.wait(PATIENCE_S)
        try:
            for event in events:
                self.events.put((event.namespace, event.name, event.key))
        except grpc.RpcError:  # the sender is gone
            return Response()
        self.finished.release()
        return Response(code=200)

    def _predict(self, request: Any, context: grpc.ServicerContext) -> bytes:
        self.called.release()
        self.asked.append(request)
        if self.refuses:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")
        self.answers.wait(PATIENCE_S)
        return self.predictions


def absent(name: str = "absent") -> Target:
    """Nobody listens there."""
    with GrpcTarget(name) as gone:
        return gone.target
