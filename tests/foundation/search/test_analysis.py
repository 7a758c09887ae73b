import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.search import analysis
from foundation.search.analysis import document_terms, idf, query_terms, stems, term_id, weigh

KEY, OTHER = b"k" * 32, b"o" * 32


def test_words_are_folded_stemmed_and_freed_of_function_words():
    assert stems("The CATS were Running to Ana's house") == ["cat", "run", "ana", "hous"]


def test_a_pseudonym_stays_one_term():
    assert stems("<PERSON_k3f9x2mq7a> met <PERSON_aaaaaaaaaa>, phone <PHONE_NUMBER_b81c0zt4ne>") == [
        "<PERSON_k3f9x2mq7a>",
        "meet",
        "<PERSON_aaaaaaaaaa>",
        "phone",
        "<PHONE_NUMBER_b81c0zt4ne>",
    ]


def test_words_of_other_languages_are_found():
    assert "homm" in stems("l'homme")
    assert stems("Straße") == stems("STRASSE")
    assert stems("東京都") == ["東京", "京都"]
    assert stems("Привет мир") == ["привет", "мир"]


def test_digits_and_months_are_kept():
    assert stems("[8 May 2023]") == ["8", "may", "2023"]


def test_the_same_stem_under_another_key_is_another_term():
    assert document_terms("seat", KEY).keys().isdisjoint(document_terms("seat", OTHER))
    assert document_terms("seat", KEY).keys() == query_terms("seats", KEY).keys()


@given(st.text(max_size=200))
def test_any_text_gives_terms_that_the_engine_takes(text):
    for term, weight in document_terms(text, KEY).items():
        assert 1 <= term <= analysis.TERMS_LIMIT
        assert weight > 0


def test_a_weight_is_bm25s_with_a_fixed_mean_length():
    [(_, weight)] = document_terms("seat seat", KEY).items()
    assert weight == pytest.approx(2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 2 / analysis.MEAN_LENGTH)))


def test_a_weight_does_not_depend_on_other_documents_but_grows_with_repetition_and_shrinks_with_length():
    [term] = query_terms("seat", KEY)
    once, twice = document_terms("seat aisle", KEY)[term], document_terms("seat seat", KEY)[term]
    longer = document_terms("seat aisle window middle row plane", KEY)[term]
    assert longer < once < twice


def test_a_long_text_keeps_its_heaviest_terms():
    text = "often " * 5 + " ".join(f"w{number}x" for number in range(analysis.DOCUMENT_TERMS + 10))
    terms = document_terms(text, KEY)
    assert len(terms) <= analysis.DOCUMENT_TERMS
    assert term_id("often", KEY) in terms


def test_two_stems_with_one_id_add_their_weights(monkeypatch):
    monkeypatch.setattr(analysis, "TERMS_LIMIT", 1)
    [(_, weight)] = document_terms("seat plane", KEY).items()
    assert weight == pytest.approx(2 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / analysis.MEAN_LENGTH)))
    assert query_terms("seat plane", KEY) == {1: 2.0}


def test_rare_terms_weigh_more_than_frequent_ones_and_none_weighs_nothing():
    assert idf(100, 1) > idf(100, 50) > idf(100, 100) > 0
    assert weigh({1: 2.0, 2: 1.0}, 10, {1: 3}) == {1: 2 * math.log(1 + 7.5 / 3.5), 2: math.log(1 + 10.5 / 0.5)}
