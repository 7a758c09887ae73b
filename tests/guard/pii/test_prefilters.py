"""What is asked of a text before a pattern is tried on it never hides a match."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.pii.recognisers.addresses import addresses
from guard.pii.recognisers.births import births
from guard.pii.recognisers.cards import accounts, cards
from guard.pii.recognisers.contact import contact
from guard.pii.recognisers.national import national
from guard.pii.recognisers.patterned import folded, holds
from guard.pii.recognisers.secrets import secrets

MADE = (secrets(), cards(), accounts(), national(), contact(), births(), addresses())
ASKED = [pattern for recogniser in MADE for pattern in recogniser._patterns if pattern.needs]


@pytest.mark.parametrize("pattern", ASKED, ids=lambda pattern: pattern.regex.pattern[:40])
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_matches_is_never_left_out_beforehand(pattern, data):
    text = data.draw(st.from_regex(_shorter(pattern.regex)))
    if pattern.regex.search(text):
        assert pattern.needs(folded(text)), text


def _shorter(regex):
    """The same shape with its long repeats cut: an example of 16,384 signs takes its time."""
    short = re.sub(r"\{(\d+),\d{2,5}\}", lambda found: f"{{{found[1]},{int(found[1]) + 3}}}", regex.pattern)
    return re.compile(short, regex.flags & re.IGNORECASE)


def test_something_is_asked_and_answered_both_ways():
    assert len(ASKED) >= 20
    plain = folded("We agreed that the weekly report goes out on Friday before noon.")
    assert sum(pattern.needs(plain) for pattern in ASKED) < len(ASKED) / 4


def test_case_is_folded_as_the_patterns_fold_it():
    assert holds("passport")(folded("PAS\u017fPORT"))
    assert holds("iban")(folded("\u0130BAN"))
    assert holds("straße")(folded("STRASSE"))
    assert not holds("iban")(folded("ibis"))
