"""Setting feature specs: they are written in turn, and by one who sets them after the other."""

from __future__ import annotations

import threading

from flask.testing import FlaskClient

from api.features import Write, blueprint
from coinslot import web
from coinslot.features.spec import FeatureSpecs


def setting(write: Write, *elsewhere: Write) -> FlaskClient:
    app = web.create_flask("test")
    app.register_blueprint(blueprint(write, elsewhere))
    return app.test_client()


def post(client: FlaskClient, name: str) -> int:
    return client.post("/v0/featureSpecs", json={"featureSpecs": [{"name": name}]}).status_code


def test_two_who_set_them_at_once_leave_the_same_everywhere() -> None:
    written: list[tuple[str, str]] = []
    second = threading.Thread(target=lambda: post(setters, "second"))
    overtaken = threading.Event()

    def elsewhere(specs: FeatureSpecs) -> None:
        name = specs.specs[0].name
        written.append(("elsewhere", name))
        if name == "first":
            second.start()
            overtaken.wait(0.1)  # enough for the second to overtake, if it could

    def here(specs: FeatureSpecs) -> None:
        written.append(("here", specs.specs[0].name))
        overtaken.set()

    setters = setting(here, elsewhere)
    post(setters, "first")
    second.join()

    assert written == [("elsewhere", "first"), ("here", "first"), ("elsewhere", "second"), ("here", "second")]
