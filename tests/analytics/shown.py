"""api's routes of analytics in an app of their own, over counters that are held in memory."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from api import about
from api.analytics.predictions import Ask
from api.analytics.routes import blueprints
from coinslot import web
from coinslot.analytics.counter import Counter, Namespace
from coinslot.errors import CoinslotError
from coinslot.integration.forwarded import Forwarded
from coinslot.settings import Settings
from tests.analytics.held import Held

# Of each kind one; `buy` is a goal that two have reached, and `sign up` one that nobody has.
SHOP = Namespace(
    "default",
    (
        Counter("global_counter", "internal", 5, kept=5, capacity=100_000, filter_bytes=100),
        Counter("visit", "named", 4, 1.5, kept=4, capacity=10, filter_bytes=20),
        Counter("search", "named", 2, kept=3, capacity=2, saturated=True, filter_bytes=3),
        Counter("buy", "named", 2, 40, {"visit": 2, "search": 1}, {("search", "visit"): 1, ("visit",): 1}, 2, 10),
        Counter("visit", "weekly", 3, year=2026, week=1, kept=3, capacity=10, filter_bytes=7),
    ),
    ("buy", "sign up"),
)
OTHER = Namespace("other", (Counter("global_counter", "internal", 1), Counter("visit", "named", 1)))
FORWARDED = {"crm": Forwarded(sent=8, dropped=1)}
DONE = {"ann": ["search", "visit"], "bob": ["visit"], "cat": ["buy", "visit"]}


def shop() -> Held:
    return Held([SHOP, OTHER], DONE)


def client(counters: Held, ask: Ask = lambda *_: {}, **settings: Any) -> FlaskClient:
    app = web.create_flask("api")
    for routes in blueprints(counters, Settings.load(**settings), ask, lambda: FORWARDED):
        app.register_blueprint(routes)
    app.register_error_handler(CoinslotError, about.refuse)
    return app.test_client()
