"""Rights in the claims of tokens, and the clients that use tokens of fewer rights."""

from rtdash.loadtest.generator.rights import TokenRights, parse_rights, split_by_rights
from rtdash.loadtest.generator.variants import Variant
from rtdash.loadtest.plan.scenario import Phase
from rtdash.server.auth import tokens
from tests.loadtest.independent_rights import FULL, HOTEL_READER, make_token


def test_the_claims_say_what_a_token_may_read_and_write():
    """The claims of rtdash's own tokens as well."""
    rights = TokenRights(frozenset({"hotel"}), frozenset({"hotel"}), "u")
    assert parse_rights(make_token("u", "hotel:read", "hotel:write", "admin")) == rights
    minted = tokens.mint("s" * 32, user="u", scopes=("hotel:read", "hotel:write"))
    assert parse_rights(minted) == rights


def test_a_token_without_claims_has_unknown_rights():
    """Whatever stands in it."""
    for token in ("any", "", "a.b.c", "a..c", "e30.e30.x", "\u00e4.\u00e4.\u00e4"):
        assert parse_rights(token) is None


def test_tokens_of_fewer_rights_are_set_apart():
    """The first is the measure; one whose claims can't be read counts as equal to it."""
    reader = make_token("u", "hotel:read", "restaurant:read")
    full, fewer = split_by_rights([FULL, HOTEL_READER, "any", reader, FULL])
    assert full == (FULL, "any", FULL)
    assert fewer == (HOTEL_READER, reader)


def test_a_fifth_of_the_clients_uses_them_on_what_they_allow():
    """The others keep the usual tokens; so do all where a token allows none of the channels."""
    phase = Phase(name="p", duration_s=1, dashboards=10)
    variants = [Variant.of(number, phase, (HOTEL_READER,)) for number in range(10)]
    assert [variant.token for variant in variants].count(HOTEL_READER) == 2
    assert {channel.kind for channel in variants[4].channels} == {"hotel"}
    grill = Phase(name="p", duration_s=1, dashboards=10, channels=("restaurant_stats",))
    assert Variant.of(4, grill, (HOTEL_READER,)).token is None
