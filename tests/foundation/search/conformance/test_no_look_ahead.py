"""What was known then is all that counts: no record, revision or score of later shows in an answer about the past."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from foundation.kernel.scope import tenant_scope
from foundation.search.fusion import fuse
from foundation.search.port import Document
from foundation.search.priors import with_priors
from tests.conftest import new_tenant
from tests.foundation.search.builders import NOW, document, plan, put, search

HOUR, START = timedelta(hours=1), NOW - timedelta(days=3)
WORDS = ("seat", "aisle", "window", "dog", "lake", "piano", "kettle")
SPEAKERS = ("", "", "Ana: ", "Bob: ")
said = st.builds(
    lambda who, words, end: who + " ".join(words) + end,
    st.sampled_from(SPEAKERS),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
    st.sampled_from(["", "?"]),
)
ranges = st.sampled_from(
    [(None, None), (START + HOUR, None), (None, START + 5 * HOUR), (START + HOUR, START + 4 * HOUR)]
)
places = st.sampled_from([(None, None), (b"g" * 16, 1), (b"g" * 16, 2), (b"g" * 16, 3), (b"h" * 16, 1)])
steps = st.lists(st.tuples(said, ranges, places, st.none() | st.integers(0, 5)), min_size=2, max_size=8)
questions = st.tuples(said, st.none() | st.sampled_from([START, START + 2 * HOUR, START + 6 * HOUR]))


@dataclass
class History:
    """What was put, version by version, with every record's present revision."""

    current: list[Document]
    past: list[Document]

    def step(self, number, text, valid, place, target):
        """A new record, or the next version of one: what it replaces is then superseded."""
        at = START + number * HOUR
        facts = {"recorded_at": at, "valid_from": valid[0], "valid_to": valid[1]}
        if target is None or not self.current:
            made = document(text, id=uuid4(), group=place[0], position=place[1], **facts)
            self.current.append(made)
            put(made)
            return
        old = self.current[target % len(self.current)]
        standing = {"id": old.id, "group": old.group, "position": old.position, "rev": old.rev + 1}
        new = document(text, version=old.version + 1, **standing, **facts)
        before = replace(old, superseded_at=at, rev=new.rev)
        put(before, new)
        self.current[self.current.index(old)] = new
        self.past.append(before)

    def stood(self, known_at, as_of):
        """Brute force: every version that was known and, without `as_of`, was the last word; valid at the moment."""
        at = as_of or NOW
        return {
            (each.id, each.version)
            for each in (*self.current, *self.past)
            if each.recorded_at <= known_at
            and (as_of is not None or each.superseded_at is None or each.superseded_at > known_at)
            and (each.valid_from is None or each.valid_from <= at)
            and (each.valid_to is None or each.valid_to > at)
        }


def told(asked):
    """Everything an asker could learn: order, scores and what they are made of."""
    return [
        (one.id, one.version, round(one.score, 6), {name: round(value, 6) for name, value in one.priors.items()})
        for one in with_priors(fuse(search(asked)))
    ]


@example_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.lists(questions, min_size=1, max_size=2))
def test_nothing_recorded_later_shows_in_what_was_known_then(chosen, happened, asked):
    with tenant_scope(new_tenant()):
        history, then = History([], []), []
        for number, step in enumerate(happened):
            history.step(number, *step)
            for text, as_of in asked:
                about = plan(text, known_at=START + number * HOUR, as_of=as_of, k=60)
                then.append((about, told(about)))
                assert {found[:2] for found in then[-1][1]} == history.stood(about.known_at, as_of)
        for about, answer in then:
            assert told(about) == answer


def test_a_present_question_does_see_what_came_later(chosen):
    """The control: the same comparison without `known_at` differs."""
    with tenant_scope(new_tenant()):
        history = History([], [])
        history.step(0, "kettle seat", (None, None), (None, None), None)
        before = told(plan("kettle"))
        history.step(1, "kettle dog", (None, None), (None, None), None)
        after = told(plan("kettle"))
    assert {found[:2] for found in before} < {found[:2] for found in after}
    assert UUID(int=0) not in {found[0] for found in after}


@pytest.mark.parametrize("later", ["kettle " * 3, "Ana: kettle?"])
def test_a_later_text_changes_no_earlier_score(chosen, later):
    with tenant_scope(new_tenant()):
        history = History([], [])
        for number, text in enumerate(("Ana: kettle?", "the kettle is here", "dog")):
            history.step(number, text, (None, None), (b"g" * 16, number), None)
        about = plan("Where did Ana put the kettle?", known_at=START + 2 * HOUR)
        before = told(about)
        history.step(3, later, (None, None), (b"g" * 16, 3), None)
        assert told(about) == before
        assert told(replace(about, known_at=START + 3 * HOUR)) != before, "the control"
