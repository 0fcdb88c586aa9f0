"""What is told of MongoDB's errors: enough to act on, and nothing of the document."""

from __future__ import annotations

import pytest

from coinslot.errors import StoreUnavailable
from coinslot.events import Dead
from coinslot.store import DUPLICATE
from coinslot.store.mongodb_faults import UNSTORABLE, one_line, outcome

SECRET = "ann@shop.example"


@pytest.mark.parametrize("code", UNSTORABLE)
def test_why_a_document_cannot_be_stored_is_told_without_quoting_it(code: int) -> None:
    fault = {"code": code, "keyPattern": {"email": 1}, "errmsg": f'dup key: {{ email: "{SECRET}" }}'}

    dead = outcome(fault)

    assert isinstance(dead, Dead)
    assert SECRET not in dead.reason
    assert str(code) in dead.reason


def test_an_error_that_is_not_known_is_told_by_its_code_alone() -> None:
    with pytest.raises(StoreUnavailable, match="error code 16755") as raised:
        outcome({"code": 16755, "errmsg": f"Can't extract geo keys: {{ place: '{SECRET}' }}"})

    assert SECRET not in str(raised.value)


def test_an_id_that_is_there_already_is_a_duplicate() -> None:
    assert outcome({"code": 11000, "keyPattern": {"_id": 1}, "errmsg": SECRET}) is DUPLICATE


def test_of_a_command_that_failed_it_is_told_why_and_not_what_it_asked_for() -> None:
    said = (
        f'not authorized on db to execute command {{ find: "events", filter: {{ _id: "{SECRET}" }} }}, full error: {{}}'
    )

    assert one_line(said) == "not authorized on db"


def test_of_a_timeout_the_drivers_settings_are_not_told() -> None:
    said = "127.0.0.1:27017: timed out (configured timeouts: socketTimeoutMS: 10000.0ms, connectTimeoutMS: 500.0ms)"

    assert one_line(said) == "127.0.0.1:27017: timed out"
