"""Events: one form, nothing readable, nothing lost."""

import contextlib
import json
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.acts import Act
from audit.event import LIMIT, MOST_CHANGES, Actor, Change, Event, EventError, Target, parse

words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}", fullmatch=True)
elements = st.binary(min_size=16, max_size=16).filter(any)
pairs = st.tuples(st.none() | elements, st.none() | elements).filter(lambda pair: pair[0] != pair[1])
changes = st.builds(lambda one, pair: Change(one, *pair), st.uuids(), pairs)
events = st.builds(
    Event,
    id=st.uuids(),
    tenant=st.uuids(),
    ts=st.integers(0, 2**52),
    act=st.sampled_from(Act),
    actor=st.builds(Actor, words, st.uuids()),
    target=st.none() | st.builds(Target, words, st.uuids(), st.none() | st.integers(0, 2**50)),
    outcome=words,
    policy=words,
    changes=st.lists(changes, max_size=MOST_CHANGES).map(tuple),
    commit=st.binary(min_size=32, max_size=32),
)


@given(events)
def test_an_event_is_its_bytes_and_its_bytes_are_rfc_8785(event):
    entry = event.entry()
    assert parse(entry) == event
    assert rfc8785.dumps(json.loads(entry)) == entry
    assert len(entry) <= LIMIT


@given(events, st.data())
def test_other_bytes_are_another_event_or_none(event, data):
    entry = event.entry()
    at, bit = data.draw(st.integers(0, len(entry) - 1)), data.draw(st.integers(0, 7))
    changed = entry[:at] + bytes([entry[at] ^ 1 << bit]) + entry[at + 1 :]
    with contextlib.suppress(EventError):
        assert parse(changed) != event


@pytest.mark.parametrize(
    "extra", [{"note": "x"}, {"v": 2}, {"ts": 1.5}, {"ts": True}, {"act": "memory.eat"}, {"changes": [1]}]
)
def test_what_is_not_an_event_is_refused(extra):
    good = Event(
        UUID(int=1), UUID(int=2), 3, Act.AUDIT_READ, Actor("agent", UUID(int=4)), None, "ok", "none", (), b"c" * 32
    )
    fields = json.loads(good.entry())
    assert parse(rfc8785.dumps(fields)) == good
    with pytest.raises(EventError):
        parse(json.dumps(fields | extra, sort_keys=True, separators=(",", ":")).encode())
    for missing in fields:
        with pytest.raises(EventError):
            parse(rfc8785.dumps({name: value for name, value in fields.items() if name != missing}))


@pytest.mark.parametrize(("old", "new"), [(b"short", None), (bytes(16), bytes(16)), (None, None), (None, bytes(16))])
def test_a_change_that_changes_nothing_or_is_no_element_is_refused(old, new):
    with pytest.raises(EventError):
        Change(UUID(int=1), old, new)
