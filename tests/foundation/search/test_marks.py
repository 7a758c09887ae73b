import pytest

from foundation.search.analysis import document_terms, query_marks, query_terms, stems
from foundation.search.irregular import ROOTS
from foundation.search.marks import asks, named, speaker_of

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("[8 May 2023] Caroline: I went.", "Caroline"),
        ("Ana Diaz: hello", "Ana Diaz"),
        ("<PERSON_k3f9x2mq7a>: hello", "<PERSON_k3f9x2mq7a>"),
        ("[8 May 2023] no one says this", ""),
        ("see https://example.org for more", ""),
        ("12:30 at the station", ""),
        ("", ""),
    ],
)
def test_the_speaker_is_who_stands_before_the_first_colon(text, speaker):
    assert speaker_of(text) == speaker


def test_a_text_asks_by_its_last_mark():
    assert asks("How are you? ")
    assert not asks("How are you? I am well.")


def test_a_question_that_names_the_speaker_finds_the_mark_and_another_does_not():
    held = document_terms("[8 May 2023] Caroline: we met Melanie. And you?", KEY)
    assert named(query_marks("What did Caroline see?", KEY), held)
    assert not named(query_marks("What did Melanie see?", KEY), held)
    assert query_marks("What did Melanie see?", KEY).asks in held
    assert query_marks("the and of", KEY).all == frozenset()


def test_marks_are_no_words():
    marks = query_marks("Caroline asks speaker", KEY).all
    assert marks.isdisjoint(query_terms("Caroline asks speaker", KEY))
    assert len(document_terms("Caroline: hi", KEY)) == 3  # two words and her mark


def test_irregular_forms_meet_their_root():
    assert stems("She went and bought mice") == stems("she goes, buying a mouse")
    assert not ROOTS.keys() & set(ROOTS.values())
