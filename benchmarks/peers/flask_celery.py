"""Flask and Celery: a task for each request, sent to the list `celery` in Redis. No result is kept."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from flask import Flask, request

app = Flask(__name__)
celery = Celery("peer", broker=os.environ["REDIS_URL"])
# A connection for each thread that may publish.
celery.conf.update(broker_pool_limit=64, task_ignore_result=True)


@celery.task  # type: ignore[untyped-decorator]
def store(event: dict[str, Any]) -> None:
    """What the worker would do; none runs."""


@app.post("/events")
def post_event() -> tuple[dict[str, str], int]:
    event = request.get_json()
    if not isinstance(event, dict) or not isinstance(event.get("timestamp"), (int, float)):
        return {"error": "timestamp is not a number"}, 400
    return {"id": store.delay(event).id}, 201
