"""Flask and kombu's own Redis transport: a publish for each request, to the list `kombu`."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request
from kombu import Connection, pools

POOL = 64  # a connection for each thread that may publish

app = Flask(__name__)
pools.set_limit(POOL)
producers = pools.producers[Connection(os.environ["REDIS_URL"])]


@app.post("/events")
def post_event() -> tuple[dict[str, Any], int]:
    event = request.get_json()
    if not isinstance(event, dict) or not isinstance(event.get("timestamp"), (int, float)):
        return {"error": "timestamp is not a number"}, 400
    with producers.acquire(block=True) as producer:
        producer.publish(event, routing_key="kombu", serializer="json")
    return {"accepted": True}, 201
