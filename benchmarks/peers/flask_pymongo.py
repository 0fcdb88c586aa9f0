"""Flask and pymongo: an insert_one for each request, acknowledged once it is in the journal of a majority."""

from __future__ import annotations

import os
from typing import Any

import pymongo
from flask import Flask, request

app = Flask(__name__)
client = pymongo.MongoClient[dict[str, Any]](os.environ["MONGODB_URL"], w="majority", journal=True)
events = client["bench"]["events"]


@app.post("/events")
def post_event() -> tuple[dict[str, str], int]:
    event = request.get_json()
    if not isinstance(event, dict) or not isinstance(event.get("timestamp"), (int, float)):
        return {"error": "timestamp is not a number"}, 400
    return {"id": str(events.insert_one(event).inserted_id)}, 201
