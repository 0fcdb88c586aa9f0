"""MongoDB: whether it can be reached, which it is, whether it keeps what it confirms, its disk and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pymongo
from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from coinslot.doctor import clock, disk
from coinslot.doctor.examination import PROBE_TIMEOUT_S
from coinslot.doctor.finding import Finding, ok, untold, wrong
from coinslot.settings import Settings
from coinslot.store.mongodb_faults import one_line

NAME = "mongodb"
UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18

Client = MongoClient[dict[str, Any]]


def connect(url: str) -> Client:
    """Nothing is sent yet, but a mongodb+srv:// URL is looked up; raises PyMongoError."""
    timeout_ms = int(PROBE_TIMEOUT_S * 1000)
    return MongoClient(
        url,
        connect=False,
        appname="coinslot doctor",
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=timeout_ms,
    )


def examine(client: Client, settings: Settings, now: clock.Clock) -> Iterator[Finding]:
    """Nothing more is said of a MongoDB that does not say what it is."""
    where = address(settings.mongo_url)
    try:
        version = client.admin.command("buildInfo")["version"]
        before_s = now()
        hello = client.admin.command("hello")
        after_s = now()
    except PyMongoError as error:
        yield silent(where, error)
        return
    yield ok(NAME, f"MongoDB {version} at {where}, {_kind(hello)}")
    yield _engine(client)
    yield _writes(client, settings.db_name)
    yield from _disk(client, settings.db_name)
    reading = clock.Reading(hello["localTime"].replace(tzinfo=UTC).timestamp(), before_s, after_s)
    yield clock.compare("mongodb.clock", "MongoDB's", reading, settings.ready_max_age_s, is_compared=False)


def address(url: str) -> str:
    """Without user and password."""
    if url.startswith("mongodb+srv:"):  # no more is known before DNS was asked
        return url.rpartition("@")[2].removeprefix("mongodb+srv://").partition("/")[0]
    return ",".join(f"{host}:{port}" if port else host for host, port in parse_uri(url)["nodelist"])


def silent(where: str, error: PyMongoError) -> Finding:
    if isinstance(error, OperationFailure) and error.code == AUTHENTICATION_FAILED:
        return wrong(NAME, f"{where} refuses the user or the password", "DB_USER and DB_PASS, or those in MONGODB_URL")
    why = one_line(error).partition(" (configured timeouts")[0]
    seen = f"{where} cannot be reached: {why}"
    return wrong(NAME, seen, "start it, or set MONGODB_URL, or DB_HOST and DB_PORT; a replica set needs a primary")


def _kind(hello: dict[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "a router of shards"
    return f"replica set {hello['setName']}" if "setName" in hello else "standalone"


def _engine(client: Client) -> Finding:
    name = "mongodb.engine"
    try:
        status = client.admin.command("serverStatus")
    except PyMongoError as error:
        remedy = "for the whole answer: db.grantRolesToUser(USER, ['clusterMonitor'])"
        return untold(name, one_line(error), remedy)
    return engine(status.get("storageEngine", {}))


def engine(storage: dict[str, Any]) -> Finding:
    """`storage` is the field storageEngine of serverStatus; a router has none."""
    name, engine = "mongodb.engine", str(storage.get("name", "that of its shards"))
    if storage.get("persistent", True):
        return ok(name, engine)
    return wrong(name, f"{engine} keeps nothing on disk", "start mongod with --storageEngine wiredTiger")


def _writes(client: Client, db_name: str) -> Finding:
    """Asks for a write as the store does: with a majority, and journaled. It deletes nothing from nothing."""
    name, concern = "mongodb.writes", WriteConcern("majority", int(PROBE_TIMEOUT_S * 1000), j=True)
    try:
        events = client[db_name].get_collection("events", write_concern=concern)
        with pymongo.timeout(PROBE_TIMEOUT_S):
            events.delete_one({"_id": {"$in": []}})
    except PyMongoError as error:
        if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED:
            remedy = f"db.grantRolesToUser(USER, [{{role: 'readWrite', db: '{db_name}'}}])"
            return untold(name, f"this user may not delete from {db_name}.events", remedy)
        seen = f"a write with majority and journal fails: {one_line(error)}"
        return wrong(name, seen, "run mongod with its journal, and have most members of a replica set up")
    return ok(name, "confirmed by a majority, and journaled")


def _disk(client: Client, db_name: str) -> Iterator[Finding]:
    try:
        stats = client[db_name].command("dbStats")
    except PyMongoError as error:
        yield untold("disk.mongodb", one_line(error), f"db.grantRolesToUser(USER, [{{role: 'read', db: '{db_name}'}}])")
        return
    total_bytes = stats.get("fsTotalSize")
    if total_bytes:  # a router tells nothing, nor does a database before its first event
        yield disk.left("disk.mongodb", "MongoDB's", total_bytes - stats["fsUsedSize"], total_bytes)
