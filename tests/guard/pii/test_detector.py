"""The whole detection, with the real models: what of prose is no personal data in code, and what is one thing twice."""

import pytest

from guard.pii.entities import Entity
from guard.pii.policy import Mode

CALLS = """stays_db = LoadDB('stays')
# Filter the stays of the guest
filtered_stays = FilterDB(stays_db, 'guest={guest}||arrival<2104-12-31')
rooms = GetValue(filtered_stays, 'room, list')
now = datetime.now()
answer = len(rooms)"""


@pytest.fixture
def found(detector):
    """(kind, path, value) of all that is found in strict mode, or in `mode`."""

    def found(texts, mode=Mode.STRICT):
        texts = {"/content": texts} if isinstance(texts, str) else texts
        told = detector.answer({"texts": texts, "mode": mode, "secrets_only": False, "language": "en"})["findings"]
        return {(kind, path, texts[path][start:end]) for kind, path, start, end, _ in told}

    return found


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "text",
    [
        "What did the stays of the guest cost until 2104?",
        "Which rooms were booked in 2105?",
        "The invoice is open since 2103-03-22.",
        "No visit is known before 0000-00-00.",
    ],
)
def test_years_and_dates_are_neither_postcodes_nor_numbers_of_people(found, text, mode):
    assert found(text, mode) == set()


def test_a_date_beside_a_number_of_a_person_hides_it_not(found):
    assert (Entity.PHONE, "/content", "+34 600 123 456") in found("On 2103-03-22 she called from +34 600 123 456.")
    assert (Entity.DATE_OF_BIRTH, "/content", "2003-03-22") in found("She was born on 2003-03-22 in a small town.")


def test_functions_of_an_action_are_nobody(found):
    texts = {"/episode/question": "What rooms did the guest have?", "/episode/action": CALLS}
    assert {value for kind, path, value in found(texts) if path == "/episode/action"} == set()


def test_a_name_that_the_question_names_is_found_in_the_action_too(found):
    texts = {
        "/episode/question": "What does Maria Lopez from Toledo owe?",
        "/episode/action": "debt = GetDebt('Maria Lopez')",
    }
    assert any(path == "/episode/action" and "Maria" in value for kind, path, value in found(texts))


def test_names_in_an_action_that_is_prose_are_found_as_in_any_prose(found):
    values = {value for kind, path, value in found({"/episode/action": "Wrote to Maria Lopez that her seat is free."})}
    assert any("Maria Lopez" in value for value in values)


def test_code_in_prose_is_no_person_and_a_person_beside_it_is_one(found):
    values = {value for kind, path, value in found(f"Maria Lopez wrote this:\n{CALLS}")}
    assert any("Maria Lopez" in value for value in values)
    assert not any(sign in value for value in values for sign in "(=_")
    assert not values & {"FilterDB", "LoadDB", "GetValue", "datetime.now"}


@pytest.mark.parametrize("path", ["/content", "/episode/action"])
def test_a_person_with_a_word_in_brackets_stays_one(found, path):
    told = {value for kind, at, value in found({path: "Wrote to Maria(sales) and to Ana Diaz(support)."})}
    assert any("Maria" in value for value in told)
    assert any("Ana Diaz" in value for value in told)


def test_one_number_is_the_same_thing_in_every_text(found):
    texts = {
        "/episode/question": "What was the age of patient 004-2373 on the last visit?",
        "/episode/action": "row = FilterDB(patients, 'id=004-2373||max(visit)')",
    }
    kinds = {path: {kind for kind, at, value in found(texts) if at == path and value == "004-2373"} for path in texts}
    assert kinds["/episode/question"] == kinds["/episode/action"] != set()
