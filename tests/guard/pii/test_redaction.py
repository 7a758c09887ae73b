"""Texts, spans and counts after replacement."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.kernel.problems import PiiBlocked
from guard.pii import redaction
from guard.pii.document import flatten, names, rebuild
from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, KEEP, Action, Mode, PiiPolicy, Rule
from guard.pii.port import Finding
from guard.pii.pseudonyms import TOKEN, pseudonym
from guard.pii.spans import Covered, union

KEY = b"k" * 32


def policy(action, *rules):
    return PiiPolicy("p", 3, Mode.STRICT, action, rules)


def finding(text, part, entity, path="/content", score=0.9):
    start = text.index(part)
    return Finding(entity, path, start, start + len(part), score)


def redacted(text, *findings, by=DEFAULT):
    return redaction.apply({"/content": text}, findings, by, KEY)


TEXT = "Ana Diaz pays with 4111 1111 1111 1111; her password is hunter22."
FOUND = (
    finding(TEXT, "Ana Diaz", Entity.PERSON),
    finding(TEXT, "4111 1111 1111 1111", Entity.CARD),
    finding(TEXT, "hunter22", Entity.SECRET),
)


def test_findings_are_replaced_by_policy():
    ana = pseudonym(KEY, Entity.PERSON, "Ana Diaz")
    made = redacted(TEXT, *FOUND)
    assert made.texts == {"/content": f"{ana} pays with <CARD>; her password is <SECRET>."}
    assert made.counts == {Entity.PERSON: 1, Entity.CARD: 1, Entity.SECRET: 1}
    assert made.policy == "default@1"


def test_each_action_does_what_it_says():
    def done(action):
        return redacted(TEXT, FOUND[1], by=policy(action)).texts["/content"][19:-27]

    assert done(Action.REDACT) == "<CARD>"
    assert done(Action.MASK) == "**** **** **** 1111"
    assert done(Action.KEEP) == "4111 1111 1111 1111"
    assert TOKEN.fullmatch(done(Action.PSEUDONYMISE))
    assert TOKEN.fullmatch(done(Action.HASH))
    assert done(Action.HASH) != done(Action.PSEUDONYMISE)


def test_a_short_value_is_masked_whole():
    assert redacted(TEXT, FOUND[0], by=policy(Action.MASK)).texts["/content"].startswith("*** **** pays")


def test_reject_refuses_the_document_and_says_where_but_not_what():
    with pytest.raises(PiiBlocked) as caught:
        redacted(TEXT, *FOUND, by=policy(Action.KEEP, Rule(Action.REJECT, Entity.CARD)))
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/content", "card")]
    assert "4111" not in repr(vars(caught.value))


def test_secrets_are_never_kept():
    assert redacted(TEXT, *FOUND, by=KEEP).texts["/content"].endswith("4111 1111 1111 1111; her password is <SECRET>.")


def test_overlapping_findings_are_covered_as_one_and_the_strictest_action_holds():
    text = "write to ana.diaz@example.com now"
    parts = (finding(text, "ana.diaz", Entity.PERSON), finding(text, "diaz@example.com", Entity.EMAIL))
    made = redacted(text, *parts, by=policy(Action.PSEUDONYMISE, Rule(Action.REDACT, Entity.PERSON)))
    assert made.texts["/content"] == "write to <EMAIL> now"
    assert len(made.spans) == 1


def test_what_a_rule_keeps_widens_nothing():
    text = "Paris Hilton flew"
    parts = (finding(text, "Paris Hilton", Entity.LOCATION), finding(text, "Paris", Entity.PERSON))
    made = redacted(text, *parts, by=policy(Action.REDACT, Rule(Action.KEEP, Entity.LOCATION)))
    assert made.texts["/content"] == "<PERSON> Hilton flew"


def test_redacting_twice_changes_nothing():
    once = redacted(TEXT, *FOUND).texts["/content"]
    whole = Finding(Entity.PERSON, "/content", 0, len(TOKEN.search(once)[0]), 0.9)
    assert redacted(once, whole).texts["/content"] == once


def test_what_reaches_beyond_a_token_is_still_covered():
    token = pseudonym(KEY, Entity.PERSON, "Ana")
    text = f"{token} Diaz called"
    made = redacted(text, Finding(Entity.PERSON, "/content", 0, len(token) + 5, 0.9))
    assert made.texts["/content"].startswith(token)
    assert "Diaz" not in made.texts["/content"]


ALPHABET = st.sampled_from("ab Zé\U0001f600<>_")
TEXTS = st.text(ALPHABET, min_size=1, max_size=60)


@st.composite
def documents(draw):
    texts = draw(st.dictionaries(st.sampled_from(["/content", "/episode/question", "/tags/0"]), TEXTS, min_size=1))
    found = []
    for path, text in texts.items():
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            found.append(Finding(draw(st.sampled_from(Entity)), path, start, end, 0.9))
    return texts, found


ACTIONS = st.sampled_from([Action.REDACT, Action.MASK, Action.PSEUDONYMISE, Action.HASH])


@given(documents(), ACTIONS)
def test_spans_point_at_the_replacements_in_the_redacted_text(case, action):
    texts, found = case
    made = redaction.apply(texts, found, policy(action), KEY)
    for span in made.spans:
        put = made.texts[span.path][span.start : span.end]
        if span.action is not Action.MASK:
            assert TOKEN.fullmatch(put)
            assert put.startswith(f"<{span.type}")
        else:
            assert not any(sign.isalnum() for sign in put)


@given(documents())
def test_what_was_found_is_gone_and_what_was_not_stays(case):
    texts, found = case
    made = redaction.apply(texts, found, policy(Action.REDACT), KEY)
    for path, text in texts.items():
        hidden = {place for f in found if f.path == path for place in range(f.start, f.end)}
        left = "".join(sign for place, sign in enumerate(text) if place not in hidden)
        after, at = [], 0
        for span in sorted((s for s in made.spans if s.path == path), key=lambda span: span.start):
            after.append(made.texts[path][at : span.start])
            at = span.end
        assert "".join([*after, made.texts[path][at:]]) == left
    assert sum(made.counts.values()) == len(made.spans)


COVERED = st.builds(
    lambda kind, start, length, action: Covered(kind, start, start + length, action),
    st.sampled_from(Entity),
    st.integers(0, 30),
    st.integers(1, 10),
    st.sampled_from(Action),
)


@given(st.lists(COVERED, max_size=12))
def test_a_union_covers_the_same_places_without_overlap(parts):
    merged = union(parts)
    assert all(left.end <= right.start for left, right in pairwise(merged))
    assert {p for each in merged for p in range(each.start, each.end)} == {
        p for each in parts for p in range(each.start, each.end)
    }


def test_a_severe_kind_names_the_whole_else_the_longest_part():
    parts = [Covered(Entity.PERSON, 0, 20, Action.PSEUDONYMISE), Covered(Entity.CARD, 4, 8, Action.REDACT)]
    assert union(parts) == [Covered(Entity.CARD, 0, 20, Action.REDACT)]
    parts = [Covered(Entity.PERSON, 0, 5, Action.MASK), Covered(Entity.ADDRESS, 3, 20, Action.MASK)]
    assert union(parts)[0].type is Entity.ADDRESS


BODY = {
    "content": "Ana pays",
    "episode": {"question": "Who?", "outcome": None},
    "tags": ["Ana", "b"],
    "metadata": {"channel": "web", "card": 4111111111111111, "ok": True, "Ana/Diaz": "x", "deep": {"Ana": "Ana"}},
}


def test_flattening_walks_every_text_and_number_and_the_names_that_callers_choose():
    flat = flatten(BODY)
    assert flat["/metadata/card"] == "4111111111111111"
    assert flat["/metadata/Ana~1Diaz"] == "x"
    assert "/metadata/ok" not in flat
    assert "/episode/outcome" not in flat
    assert names(flat)["/metadata/Ana~1Diaz#"] == "Ana/Diaz"
    assert names(flat)["/metadata/deep/Ana#"] == "Ana"
    assert not any(path.startswith(("/content", "/tags", "/episode")) for path in names(flat))


def test_a_body_without_findings_comes_back_as_it_was():
    assert rebuild(BODY, redaction.apply(flatten(BODY), (), DEFAULT, KEY)) == BODY


def test_values_and_names_are_put_back_redacted():
    found = [
        Finding(Entity.CARD, "/metadata/card", 0, 16, 1),
        Finding(Entity.PERSON, "/metadata/Ana~1Diaz#", 0, 8, 1),
        Finding(Entity.PERSON, "/metadata/deep/Ana#", 0, 3, 1),
        Finding(Entity.PERSON, "/metadata/deep/Ana", 0, 3, 1),
        Finding(Entity.PERSON, "/tags/0", 0, 3, 1),
    ]
    made = redaction.apply(flatten(BODY), found, DEFAULT, KEY)
    body = rebuild(BODY, made)
    ana, diaz = pseudonym(KEY, Entity.PERSON, "Ana"), pseudonym(KEY, Entity.PERSON, "Ana/Diaz").strip("<>")
    assert body["metadata"] == {
        "channel": "web",
        "card": "<CARD>",
        "ok": True,
        diaz: "x",
        "deep": {ana.strip("<>"): ana},
    }
    assert body["tags"] == [ana, "b"]
    assert body["content"] == "Ana pays"
    spans = {span.path: span for span in made.spans}
    assert f"/metadata/deep/{ana.strip('<>')}" in spans
    assert f"/metadata/deep/{ana.strip('<>')}#" in spans
    assert not any("Ana" in span.path for span in made.spans)


def test_two_names_that_become_one_stay_two():
    body = {"metadata": {"4111111111111111": "a", "5500005555555559": "b"}}
    flat = flatten({"metadata": {"x4111": "a", "x5500": "b"}})
    found = [Finding(Entity.CARD, f"{path}#", 0, 5, 1) for path in flat]
    made = rebuild({"metadata": {"x4111": "a", "x5500": "b"}}, redaction.apply(flat, found, DEFAULT, KEY))
    assert sorted(made["metadata"].values()) == sorted(body["metadata"].values())
    assert set(made["metadata"]) == {"CARD", "CARD_2"}
