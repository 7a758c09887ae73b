"""Tokens: the same for the same value under one key, unrelated under another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.pii.entities import Entity
from guard.pii.pseudonyms import TOKEN, keyed_hash, pseudonym

ONE, OTHER = b"1" * 32, b"2" * 32


def test_a_token_has_the_form_that_the_contract_shows():
    assert re.fullmatch(r"<PERSON_[0-9a-z]{10}>", pseudonym(ONE, Entity.PERSON, "Ana Diaz"))


@given(st.sampled_from(Entity), st.text(min_size=1, max_size=40))
def test_a_token_is_the_same_each_time_and_is_known_as_one(entity, value):
    token = pseudonym(ONE, entity, value)
    assert token == pseudonym(ONE, entity, value)
    assert TOKEN.fullmatch(token)
    assert TOKEN.fullmatch(keyed_hash(ONE, entity, value))


@given(st.sampled_from(Entity), st.text(min_size=1, max_size=40))
def test_another_tenants_key_makes_another_token(entity, value):
    assert pseudonym(ONE, entity, value) != pseudonym(OTHER, entity, value)
    assert keyed_hash(ONE, entity, value) != keyed_hash(OTHER, entity, value)


@pytest.mark.parametrize(
    ("entity", "values"),
    [
        (Entity.PERSON, ["Ana Diaz", "ana diaz", "ANA  DIAZ", "Ana\nDiaz"]),
        (Entity.PHONE, ["+34 600 123 456", "+34600123456", "+34-600-123-456"]),
        (Entity.EMAIL, ["Ana@Example.com", "ana@example.com"]),
        (Entity.BANK_ACCOUNT, ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"]),
        (Entity.HANDLE, ["@ana_d", "@Ana_D"]),
    ],
)
def test_spellings_of_one_value_make_one_token(entity, values):
    assert len({pseudonym(ONE, entity, value) for value in values}) == 1


def test_different_values_and_kinds_make_different_tokens():
    values = ["Ana", "Ana Diaz", "Anna", "Diaz"]
    assert len({pseudonym(ONE, Entity.PERSON, value) for value in values}) == 4
    letters = {pseudonym(ONE, entity, "Paris").split("_")[-1] for entity in (Entity.PERSON, Entity.LOCATION)}
    assert len(letters) == 2


def test_a_hash_is_not_the_pseudonym_in_another_dress():
    token, digest = pseudonym(ONE, Entity.PERSON, "Ana"), keyed_hash(ONE, Entity.PERSON, "Ana")
    assert token[8:12] not in digest


def test_ten_thousand_names_make_ten_thousand_tokens():
    assert len({pseudonym(ONE, Entity.PERSON, f"name {n}") for n in range(10_000)}) == 10_000
