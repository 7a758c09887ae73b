"""What is not used fades, by its kind; what is used stays; and nothing of it shows in the past or where it is off."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.kernel.clock import now
from foundation.kernel.scope import tenant_transaction
from governance import selectors, strength
from governance.models import Citation
from governance.services.give_feedback import give_feedback
from governance.services.search import Question, search
from governance.services.spaces import create_space
from governance.strength import READS_COUNTED, Usage
from governance.timeline import Moment
from tests.governance.builders import admitted
from tests.governance.conftest import principal

TODAY = now()
QUERY = "violin sold"


def used(kind="episodic", days=30, **fields):
    return Usage(None, kind, TODAY - timedelta(days=days), **fields)


@pytest.fixture
def space(admin):
    return create_space(admin, name="fading", strength=0.5)


@pytest.fixture
def later(monkeypatch):
    """Strength is asked 90 days from now."""
    monkeypatch.setattr(strength, "now", lambda: now() + timedelta(days=90))


@pytest.fixture
def two(agent, space):
    """The same words as an episode, which fades, and as a core memory, which does not."""
    episode = admitted(agent, space, "The violin was sold in Pisa.", kind="episodic").memory.cube.id
    core = admitted(agent, space, "The violin was sold in Lucca.", kind="core").memory.cube.id
    return episode, core


def told(who, **asked):
    """What strength added to each hit."""
    answer = search(who, question=Question(QUERY, **asked))
    return {each.memory.cube.id: each.fused.priors.get("strength", 0.0) for each in answer.found}


@pytest.mark.parametrize(("kind", "days", "left"), [("episodic", 30, 0.5), ("working", 1, 0.5), ("semantic", 365, 0.5)])
def test_half_is_left_after_the_half_life_of_its_kind(kind, days, left):
    assert used(kind, days).strength(TODAY) == pytest.approx(left)


@pytest.mark.parametrize("kind", ["core", "resource", "vault"])
def test_some_kinds_do_not_fade(kind):
    assert used(kind, 10_000).strength(TODAY) == 1.0
    assert used("procedural", 10_000).strength(TODAY) < 1.0, "the control"


def test_reading_refreshes_and_makes_firm():
    assert used(reads=5).strength(TODAY) > used().strength(TODAY)
    assert used(reads=1, read_at=TODAY).strength(TODAY) == 1.0


def test_a_good_outcome_counts_for_more_than_a_reading_and_a_bad_one_takes_it_away():
    assert used(good=1).strength(TODAY) > used(reads=1).strength(TODAY)
    assert used(good=1, bad=1).strength(TODAY) == used().strength(TODAY)
    assert used(bad=3).strength(TODAY) == used().strength(TODAY), "no faster than one nobody used"


@given(st.floats(0, 5000), st.integers(0, READS_COUNTED), st.integers(0, 9), st.integers(0, 9))
def test_strength_is_a_share_that_only_falls_with_time(days, reads, good, bad):
    fields = {"reads": reads, "good": good, "bad": bad}
    assert 0 <= used(days=days + 1, **fields).strength(TODAY) <= used(days=days, **fields).strength(TODAY) <= 1


def test_what_has_faded_stands_below_what_does_not_fade(agent, two, later):
    episode, core = two
    loss = told(agent)
    assert list(loss) == [core, episode]
    assert loss[core] == 0.0
    assert -0.5 < loss[episode] < -0.3


def test_being_found_keeps_a_memory_strong(agent, two, later):
    episode, _ = two
    first = told(agent)[episode]
    for _ in range(3):
        told(agent)
    assert told(agent)[episode] > first


def test_a_space_that_gives_strength_no_weight_ranks_by_the_question_alone(agent, admin, later):
    plain = create_space(admin, name="regulated")
    writer = principal(agent.tenant_id, "agent", plain.id)
    only = admitted(writer, plain, "The violin was sold in Pisa.").memory.cube.id
    assert told(writer) == {only: 0.0}


def test_asked_about_the_past_strength_counts_for_nothing(agent, two, later):
    episode, _ = two
    assert told(agent, moment=Moment(known_at=now()))[episode] == 0.0
    assert told(agent)[episode] < 0.0, "the control"


def test_everyone_has_one_word_on_a_memory_and_its_writer_none(agent, space, two):
    episode, _ = two
    witness = principal(agent.tenant_id, "agent", space.id)
    for who, outcome in ((agent, "success"), (witness, "success"), (witness, "failure"), (witness, "success")):
        give_feedback(who, memory_id=episode, outcome=outcome)
    usage = selectors.usage(episode)
    assert (usage.good, usage.bad) == (1, 0)
    assert usage.confirmed_at is not None
    with tenant_transaction():
        assert [each.principal_id for each in Citation.objects.filter(memcube_id=episode)] == [witness.id]


def test_no_more_than_the_latest_reads_count(agent, two):
    for _ in range(READS_COUNTED + 2):
        told(agent)
    assert selectors.usage(two[0]).reads == READS_COUNTED
