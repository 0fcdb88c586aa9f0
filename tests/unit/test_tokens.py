"""Tokens: what can be one, and whose a header holds."""

from __future__ import annotations

import pytest

from coinslot.access.tokens import Bearer, Tokens, check_token

READ, WRITE, BOTH, ADMIN = (f"{kind}-token-0123456789" for kind in ("read", "write", "both", "admin"))


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(read=[READ, BOTH], write=[WRITE, BOTH], admin=[ADMIN])


def may(bearer: Bearer | None) -> set[str]:
    assert bearer
    return set(bearer.may)


@pytest.mark.parametrize(
    ("token", "kinds"),
    [(READ, {"read"}), (WRITE, {"write"}), (BOTH, {"read", "write"}), (ADMIN, {"read", "write", "admin"})],
)
def test_a_known_token_may_do_what_it_was_given_for(tokens: Tokens, token: str, kinds: set[str]) -> None:
    assert may(tokens.bearer(f"Bearer {token}")) == kinds


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_is_taken_in_any_case(tokens: Tokens, scheme: str) -> None:
    assert may(tokens.bearer(f"{scheme} {READ}")) == {"read"}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        READ,
        f"Bearer{READ}",
        f"Bearer\t{READ}",
        f"Basic {READ}",
        f"Token {READ}",
        f"Bearer {READ[:-1]}",
        f"Bearer {READ}x",
        f"Bearer {READ.upper()}",
        f"Bearer {READ},{ADMIN}",
        f"Bearer {READ}, Bearer {ADMIN}",
        f"Bearer {READ} {ADMIN}",
        f'Bearer "{READ}"',
        "Bearer \xff\xfe not ascii",
        "Bearer \udcff \u20ac no latin either",
    ],
)
def test_whatever_is_not_exactly_a_known_token_is_nobodys(tokens: Tokens, authorization: str) -> None:
    assert tokens.bearer(authorization) is None


def test_without_tokens_nobody_is_known() -> None:
    assert Tokens().bearer(f"Bearer {READ}") is None
    assert Tokens().bearer("Bearer ") is None


def test_a_bearer_has_an_id_of_its_own_that_is_not_the_token(tokens: Tokens) -> None:
    bearers = [tokens.bearer(f"Bearer {token}") for token in (READ, WRITE, BOTH, ADMIN)]

    ids = {bearer.id for bearer in bearers if bearer}

    assert len(ids) == 4
    assert all(len(id) == 16 and id not in READ + WRITE + BOTH + ADMIN for id in ids)
    assert tokens.bearer(f"Bearer {READ}") == Tokens(read=[READ]).bearer(f"Bearer {READ}")


def test_tokens_are_not_kept_as_they_are(tokens: Tokens) -> None:
    assert not any(token in repr(vars(tokens)) for token in (READ, WRITE, BOTH, ADMIN))


@pytest.mark.parametrize("text", ["a" * 16, "AZaz09-._~+/AZaz09", "c2VjcmV0c2VjcmV0==", "x" * 500])
def test_a_token_is_of_the_characters_that_rfc_6750_allows(text: str) -> None:
    assert check_token(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 15,
        "a" * 16 + " ",
        "a" * 8 + "," + "a" * 8,
        "a" * 8 + "=" + "a" * 8,
        "a" * 16 + "\n",
        "é" * 16,
        "=" * 16,
    ],
)
def test_what_cannot_be_a_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a token is 16 or more of") as caught:
        check_token(text)

    assert not text or text not in str(caught.value)
