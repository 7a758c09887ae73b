"""The most specific rule wins, and no rule keeps a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, KEEP, Action, Mode, PiiPolicy, Rule, strictest


def policy(*rules, default=Action.KEEP):
    return PiiPolicy("p", 1, Mode.STRICT, default, rules)


def test_without_a_rule_the_default_action_holds():
    assert policy(default=Action.MASK).action(Entity.PERSON, "/content") is Action.MASK


def test_a_rule_for_a_path_covers_what_lies_below_it_and_nothing_beside_it():
    made = policy(Rule(Action.REDACT, path="/metadata"))
    assert made.action(Entity.PERSON, "/metadata/owner") is Action.REDACT
    assert made.action(Entity.PERSON, "/metadata2") is Action.KEEP


def test_a_rule_that_names_the_entity_beats_one_that_does_not():
    made = policy(Rule(Action.KEEP, Entity.PERSON), Rule(Action.REDACT, path="/content"))
    assert made.action(Entity.PERSON, "/content") is Action.KEEP
    assert made.action(Entity.PHONE, "/content") is Action.REDACT


def test_the_longer_path_wins():
    made = policy(Rule(Action.REDACT, Entity.PERSON, "/episode"), Rule(Action.MASK, Entity.PERSON, "/episode/question"))
    assert made.action(Entity.PERSON, "/episode/question") is Action.MASK
    assert made.action(Entity.PERSON, "/episode/outcome") is Action.REDACT


RULES = st.builds(
    Rule,
    st.sampled_from(Action),
    st.none() | st.sampled_from(Entity),
    st.none() | st.sampled_from(["/content", "/metadata", "/metadata/x", "/"]),
)


@given(st.lists(RULES, max_size=8), st.sampled_from(Action), st.sampled_from(["/content", "/metadata/x", "/tags/0"]))
def test_no_policy_keeps_a_secret_or_makes_it_reversible(rules, default, path):
    made = policy(*rules, default=default)
    assert made.action(Entity.SECRET, path) in (Action.REDACT, Action.REJECT)
    assert not made.reveals(Entity.SECRET, path, "agent")


def test_the_default_policy_reveals_people_to_agents_alone_and_redacts_numbers():
    assert DEFAULT.action(Entity.PERSON, "/content") is Action.PSEUDONYMISE
    assert DEFAULT.reveals(Entity.PERSON, "/content", "agent")
    assert not DEFAULT.reveals(Entity.PERSON, "/content", "admin")
    for entity in (Entity.CARD, Entity.NATIONAL_ID, Entity.SECRET, Entity.BANK_ACCOUNT, Entity.PASSPORT):
        assert DEFAULT.action(entity, "/content") is Action.REDACT
        assert not DEFAULT.reveals(entity, "/content", "agent")
    assert {rule.entity for rule in DEFAULT.rules} == set(Entity)


def test_the_policy_keep_looks_for_secrets_alone():
    assert KEEP.keeps_all
    assert not DEFAULT.keeps_all
    assert not policy(Rule(Action.MASK, Entity.CARD)).keeps_all


def test_the_strictest_of_several_actions_is_the_one_that_shows_least():
    assert strictest([Action.KEEP, Action.PSEUDONYMISE, Action.REDACT, Action.MASK]) is Action.REDACT
    assert strictest([Action.REJECT, Action.REDACT]) is Action.REJECT


@given(RULES)
def test_a_rule_comes_back_from_json_as_it_went(rule):
    assert Rule.from_json(rule.as_json()) == rule


@pytest.mark.parametrize("body", [{"action": "burn"}, {"action": "keep", "entity": "SHOE_SIZE"}])
def test_unknown_words_are_refused(body):
    with pytest.raises(ValueError, match="not a valid"):
        Rule.from_json(body)
