"""Ids, canonical JSON and the clock: pure values."""

import json
import uuid

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from foundation.kernel.canonical import NotCanonical, canonical
from foundation.kernel.ids import made_at_ms, uuid7

plain = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_json_equals_rfc8785(value):
    assert canonical(value) == rfc8785.dumps(value)


def test_a_uuid_stands_as_its_text():
    one = uuid7()
    assert canonical([one, {"id": [one]}]) == canonical([str(one), {"id": [str(one)]}])


@given(values)
def test_canonical_json_reads_back(value):
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize("value", [1.5, 2**53, {"é": 1}, "\ud800", {1: 2}, b"bytes", {1, 2}, float("nan")])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical([value])


def test_ids_are_uuid7_and_rise():
    made = [uuid7() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(each.version == 7 and each.variant == uuid.RFC_4122 for each in made)
    assert made_at_ms(made[0]) <= made_at_ms(made[-1])
