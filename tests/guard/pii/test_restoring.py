"""Values in the places of their tokens: the text as it was, and nothing else changed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from guard.pii import redaction
from guard.pii.document import NAME, flatten, names, rebuild
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, PiiPolicy, Rule
from guard.pii.port import Finding
from guard.pii.pseudonyms import TOKEN, pseudonym
from guard.pii.restoring import Placed, put_back, restored_offsets, restored_path

KEY = b"k" * 32
EVERYTHING = PiiPolicy("p", 1, Mode.STRICT, Action.PSEUDONYMISE)


def placed(made, chosen=lambda span: True):
    return [
        Placed(span.path, span.start, span.end, original.value)
        for span, original in zip(made.spans, made.originals, strict=True)
        if original.value is not None and chosen(span)
    ]


def finding(text, part, path="/content", entity=Entity.PERSON):
    start = text.index(part)
    return Finding(entity, path, start, start + len(part), 1.0)


SIGNS = st.sampled_from("ab Z\u00e9\u0130\u0301\U0001f600<>_~/#1")
TEXTS = st.text(SIGNS, max_size=40)
NAMES = st.text(st.sampled_from("abZ\u00e9~/_ "), min_size=1, max_size=12)
BODIES = st.fixed_dictionaries(
    {
        "content": TEXTS,
        "metadata": st.dictionaries(NAMES, TEXTS | st.booleans() | st.none(), max_size=4),
        "episode": st.dictionaries(st.sampled_from(["question", "outcome"]), TEXTS),
        "provenance": st.fixed_dictionaries({"speaker": TEXTS | st.none()}),
    }
)


@st.composite
def cases(draw):
    """A body with findings in texts and names: apart, adjacent, overlapping, of every kind that is not secret."""
    body = draw(BODIES)
    flat = flatten(body)
    found = []
    for path, text in {**flat, **names(flat)}.items():
        for _ in range(draw(st.integers(0, 4)) if text else 0):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            found.append(Finding(draw(st.sampled_from(list(Entity)[1:])), path, start, end, 0.9))
    return body, found


def collides(body, made):
    """Two names that became one and were numbered: their numbers stand in no span."""
    return len({made.renamed.get(f"/metadata/{n}", n) for n in body["metadata"]}) < len(body["metadata"]) or any(
        name[-2:-1] == "_" for name in made.renamed.values()
    )


@given(cases())
def test_putting_every_value_back_gives_the_body_that_was_sent(case):
    body, found = case
    made = redaction.apply(flatten(body), found, EVERYTHING, KEY)
    if collides(body, made):
        return
    assert put_back(rebuild(body, made), placed(made)) == body


@given(cases(), st.sets(st.sampled_from(Entity)))
def test_putting_some_back_changes_nothing_outside_their_spans(case, revealed):
    body, found = case
    made = redaction.apply(flatten(body), found, EVERYTHING, KEY)
    hidden = rebuild(body, made)
    told = put_back(hidden, placed(made, lambda span: span.type in revealed and not span.path.endswith(NAME)))
    before, after = flatten(hidden), flatten(told)
    assert before.keys() == after.keys()
    for path, text in before.items():
        spans = [
            (span, original)
            for span, original in zip(made.spans, made.originals, strict=True)
            if span.path == path and span.type in revealed
        ]
        stored = [(span.start, span.end) for span, _ in spans]
        offsets = restored_offsets(stored, [original.value for _, original in spans])
        assert [after[path][start:end] for start, end in offsets] == [original.value for _, original in spans]
        assert _without(after[path], offsets) == _without(text, stored)


def _without(text, stretches):
    kept, at = [], 0
    for start, end in stretches:
        kept.append(text[at:start])
        at = end
    return "\0".join([*kept, text[at:]])


@given(cases())
def test_nothing_put_back_is_nothing_changed(case):
    body, found = case
    made = redaction.apply(flatten(body), found, EVERYTHING, KEY)
    assert put_back(rebuild(body, made), []) == rebuild(body, made)


@given(cases())
def test_a_restored_path_is_the_path_the_text_was_found_at(case):
    body, found = case
    made = redaction.apply(flatten(body), found, EVERYTHING, KEY)
    if collides(body, made):
        return
    for span, original in zip(made.spans, made.originals, strict=True):
        assert restored_path(span.path, placed(made)) == original.path


def test_only_what_a_pseudonym_replaced_has_a_way_back():
    text = "Ana pays with 4111 1111 1111 1111, password hunter22, from Lima."
    rules = (Rule(Action.MASK, Entity.CARD), Rule(Action.HASH, Entity.LOCATION))
    policy = PiiPolicy("p", 1, Mode.STRICT, Action.PSEUDONYMISE, rules)
    found = [
        finding(text, "Ana"),
        finding(text, "4111 1111 1111 1111", entity=Entity.CARD),
        finding(text, "hunter22", entity=Entity.SECRET),
        finding(text, "Lima", entity=Entity.LOCATION),
    ]
    made = redaction.apply({"/content": text}, found, policy, KEY)
    assert [original.value for original in made.originals] == ["Ana", None, None, None]
    assert "Ana" not in repr(made)
    assert "hunter22" not in repr(made)


def test_a_typed_token_is_in_no_span_and_stays():
    typed = pseudonym(KEY, Entity.PERSON, "Ana")
    text = f"{typed} met Ana"
    made = redaction.apply({"/content": text}, [finding(text, "Ana")], EVERYTHING, KEY)
    assert made.texts["/content"] == f"{typed} met {typed}"
    assert put_back({"content": made.texts["/content"]}, placed(made)) == {"content": text}


def test_adjacent_spans_are_put_back_side_by_side():
    text = "AnaBob!"
    made = redaction.apply({"/content": text}, [finding(text, "Ana"), finding(text, "Bob")], EVERYTHING, KEY)
    assert len(TOKEN.findall(made.texts["/content"])) == 2
    assert put_back({"content": made.texts["/content"]}, placed(made))["content"] == text


def test_two_names_that_are_one_again_lose_no_member():
    body = {"metadata": {"ana": 1, "Ana": 2, "other": 3}}
    found = [Finding(Entity.PERSON, f"/metadata/{name}#", 0, 3, 1) for name in ("ana", "Ana")]
    hidden = rebuild(body, redaction.apply(flatten(body), found, EVERYTHING, KEY))
    made = redaction.apply(flatten(body), found, EVERYTHING, KEY)
    assert sorted(put_back(hidden, placed(made))["metadata"].values()) == [1, 2, 3]
    assert json.dumps(hidden).count("PERSON_") == 2


def test_a_known_value_is_found_at_the_edges_of_words_in_texts_and_names():
    document = {"/content": "Ana, Anastasia and (Ana)", "/metadata/Ana": "x", "/metadata/Analog": "y"}
    found = redaction.known_values(document, {"Ana": Entity.PERSON})
    assert [(each.path, each.start) for each in found] == [("/content", 0), ("/content", 20), ("/metadata/Ana#", 0)]
    assert redaction.known_values(document, {}) == []
