"""The documents' pictures are those that their script draws."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from docs.pictures.bits import ASKED, COUNTED, bits_of
from docs.pictures.catalogue import FOLDER, draw_all
from docs.pictures.reach import read


@pytest.mark.parametrize("name", draw_all())
def test_a_picture_is_as_its_script_draws_it(name: str) -> None:
    drawn = draw_all()[name]

    assert (FOLDER / name).read_text() == drawn, "make pictures"
    assert ElementTree.fromstring(drawn)[0].tag.endswith("title")


def test_of_those_who_are_asked_for_one_is_told_apart_and_one_is_not() -> None:
    kept = {bit for user in COUNTED for bit in bits_of(user)}

    assert [set(bits_of(user)) <= kept for user in ASKED] == [False, True]


def test_nobody_reaches_the_goal_from_an_event_more_often_than_it_has_users() -> None:
    assert all(0 <= each.bayes <= 1 for each in read(FOLDER / "web_hits.csv"))
