"""Settings that weaken what the README promises, open what should be closed, or need what is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from coinslot.analytics.places.selection import open_bucket
from coinslot.binding import way_in
from coinslot.doctor.finding import Finding, ok, warning, wrong
from coinslot.errors import CannotStart
from coinslot.integration.extra import prepare_grpc
from coinslot.settings import Settings

TOKENS_REMEDY = "set WRITE_TOKENS, READ_TOKENS and ADMIN_TOKENS (openssl rand -hex 32), and API_AUTH=enable"


def examine(settings: Settings, find: Callable[[str], object] = find_spec) -> Iterator[Finding]:
    weak = [*_access(settings), *_guarantees(settings), *_analytics(settings, find)]
    yield from weak or [ok("settings", "none weakens what is promised")]


def _access(settings: Settings) -> Iterator[Finding]:
    if not settings.auth_is_on and (way := way_in(settings)):
        if settings.api_auth == "disable":
            yield warning("settings.API_AUTH", f"disable, and {way}: who gets there may do all", TOKENS_REMEDY)
        else:
            seen = f"{way} can be reached from outside, so without a word on who may come in nothing starts"
            yield wrong(f"settings.{way.partition('=')[0]}", seen, TOKENS_REMEDY)
    if settings.ignores_tokens:
        yield warning("settings.API_AUTH", "disable: there are tokens, and nobody is asked for them", "API_AUTH=enable")
    if "*" in settings.cors_origins and not settings.auth_is_on:
        seen = "*, without tokens: any page that a browser here opens may read and write"
        yield warning("settings.CORS_ORIGINS", seen, "name the origins of your pages, or set tokens")


def _guarantees(settings: Settings) -> Iterator[Finding]:
    if settings.db_backend in ("memory", "dummy"):
        remedy = "DB_BACKEND=mongodb, or sqlite"
        yield warning("settings.DB_BACKEND", f"{settings.db_backend} keeps no event", remedy)
    if settings.dead_max_share == 1:
        seen = "1: workers never halt, and a mistake may move the whole queue into dead letters"
        yield warning("settings.DEAD_MAX_SHARE", seen, "DEAD_MAX_SHARE=0.1 for workers")
    if settings.failpoint:
        yield warning("settings.FAILPOINT", f"{settings.failpoint}: workers die or freeze there", "unset FAILPOINT")


def _analytics(settings: Settings, find: Callable[[str], object]) -> Iterator[Finding]:
    """What would stop the start of a worker or of api."""
    for name in ("EXTERNAL_GRPC_EVENT_TARGETS", "EXTERNAL_GRPC_PREDICTION_TARGETS"):
        try:
            prepare_grpc(name, getattr(settings, name.lower()), find)
        except CannotStart as error:
            yield wrong(f"settings.{name}", str(error), "install it for workers and api, or leave the targets out")
    try:
        open_bucket(settings)
    except CannotStart as error:
        name = "S3_BUCKET" if settings.s3_bucket else "GCS_BUCKET"
        yield wrong(f"settings.{name}", str(error), "docs/deployment.md has what a bucket takes")
