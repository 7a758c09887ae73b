import pytest

from guard.claims import Relation, about, compare, same
from guard.paths import build_path
from guard.standing import standing
from guard.types import Standing, TypedValue, ValueKind
from guard.values import stem, typed_values
from tests.guard.cases import fact, hit


def relation(one: str, other: str, question: str = "") -> Relation:
    return compare(build_path(fact(one)), build_path(fact(other)), about(question) if question else None).relation


@pytest.mark.parametrize(
    ("question", "one", "other", "expected"),
    [
        ("Is the gate of Varn open on Sunday?", "The gate of Varn is open on Sunday.", "The gate of Varn is never open on Sunday.", Relation.CONFLICT),
        ("Is the gate of Varn open on Sunday?", "On Sunday the gate of Varn does not open.", "The gate of Varn isn't open on Sunday.", Relation.AGREE),
        ("Are Odo Keller and Lena Brandt both masons?", "Odo Keller was a mason, whereas Lena Brandt was a painter and no mason.", "Odo Keller and Lena Brandt were masons.", Relation.CONFLICT),
        ("Who was born first, Odo Keller or Lena Brandt?", "Odo Keller was born in 1601, before Lena Brandt.", "Lena Brandt was born long before Odo Keller.", Relation.CONFLICT),
        ("Who was born earlier, Odo Keller or Lena Brandt?", "Odo Keller was born later than Lena Brandt.", "Lena Brandt was born years before Odo Keller.", Relation.AGREE),
        ("Odo Keller and Lena Brandt were masons. Which of them built the tower?", "Odo Keller built the tower.", "The tower was built by Lena Brandt.", Relation.CONFLICT),
        ("Is the lock of Varn left-hand or right-hand?", "The lock of Varn is a right-hand one.", "A left-hand lock guards Varn.", Relation.CONFLICT),
        ("What is the toll of Varn called?", "The toll of Varn is called 'water'.", "In rain and in snow carters at the old bridge grumble about the toll of Varn, known as water.", Relation.AGREE),
        ("What is the toll of Varn called?", "The toll of Varn is called 'water'.", "In rain and in snow carters at the old bridge grumble about the toll of Varn, not known as water.", Relation.CONFLICT),
        ("How many bells hang in the Belltower of Varn?", "In the Belltower of Varn hang 24 bells.", "Twenty-four bells hang in the Belltower of Varn.", Relation.AGREE),
        ("How long is the toll of Varn valid?", "The toll of Varn is valid for 48 hours.", "The toll of Varn stays valid for 2 days.", Relation.AGREE),
        ("When was the bridge of Varn opened?", "The bridge of Varn was opened on 3 May 1801.", "In 1801 the bridge of Varn was opened.", Relation.AGREE),
        ("When was the bridge of Varn opened?", "The bridge of Varn was opened on 3 May 1801.", "In 1811 the bridge of Varn was opened.", Relation.CONFLICT),
        ("Where did the mason of Varn go?", "In Roman tales the mason of Varn went to Sicily.", "The mason of Varn, hero of Roman tales, went to Malta.", Relation.CONFLICT),
    ],
)  # fmt: skip
def test_texts_agree_about_the_answer_and_not_about_the_topic(question, one, other, expected):
    assert relation(one, other, question) is expected
    assert relation(other, one, question) is expected


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("jfk", "john f kennedy", True), ("j watson", "john b watson", True), ("un", "united nations", True),
        ("keller", "odo keller", True), ("j watson", "mary watson", False), ("odo keller", "lena brandt", False),
    ],
)  # fmt: skip
def test_a_name_may_be_a_part_or_the_initials_of_another(one, other, alike):
    assert same(TypedValue(ValueKind.ENTITY, one), TypedValue(ValueKind.ENTITY, other)) is alike


def test_numbers_are_read_with_their_scale_and_never_out_of_a_word():
    assert [value.text for value in typed_values("It sold 2 million copies")] == ["2000000 copy"]
    assert not [value for value in typed_values("He plays tennis, often") if value.kind is ValueKind.NUM]


def test_an_adjective_made_from_a_name_is_no_name():
    kinds = {value.text: value.kind for value in typed_values("A tale of Roman heroes, told in Rome.")}
    assert (kinds["roman"], kinds["rome"]) == (ValueKind.WORD, ValueKind.ENTITY)


@pytest.mark.parametrize("word", ["place", "battle", "stop", "bury", "miss", "annexe"])
def test_a_word_and_its_forms_have_one_stem_and_stemming_twice_changes_nothing(word):
    assert stem(stem(word)) == stem(word)
    assert stem({"place": "placed", "battle": "battles", "stop": "stopped", "bury": "buries"}.get(word, word)) == stem(
        word
    )


QUESTION = "who sang the Song of Varn?"


def test_what_all_records_say_is_the_setting_and_what_sets_them_apart_the_claim():
    hits = [
        hit(1, fact("The Song of Varn was sung by Odo Keller of the Green Choir.")),
        hit(2, fact("Lena Brandt of the Green Choir sang the Song of Varn.")),
        hit(3, fact("The Green Choir's Lena Brandt sang the Song of Varn.")),
    ]
    assert Standing.SETTLED not in {found.standing for found in standing(hits, QUESTION)}


def test_any_number_of_sources_that_agree_are_settled():
    texts = [
        "The Song of Varn was sung by Odo Keller of the Green Choir.",
        "Odo Keller sang the Song of Varn in 1640.",
        "It was Odo Keller who sang the Song of Varn, in the town of Corvo.",
        "The singer of the Song of Varn is Odo Keller.",
    ]
    for count in (2, 3, 4):
        hits = [hit(number, fact(text)) for number, text in enumerate(texts[:count])]
        assert {found.standing for found in standing(hits, QUESTION)} == {Standing.SETTLED}


def test_the_person_asked_for_is_no_setting_because_all_name_the_same_one():
    hits = [
        hit(1, fact("In the Renaissance, the Song of Varn was sung by Odo Keller.")),
        hit(2, fact("Odo Keller sang the Song of Varn during the Renaissance.")),
        hit(3, fact("The Song of Varn, sung by Odo Keller, delighted Corvo.")),
        hit(4, fact("All the Renaissance knew that Odo Keller sang the Song of Varn.")),
    ]
    assert {found.standing for found in standing(hits, QUESTION)} == {Standing.SETTLED}


def test_a_third_of_the_question_is_enough_to_be_heard():
    hits = [hit(1, fact("The keeper there is Odo Keller.")), hit(2, fact("Odo Keller is keeper of the Varn lock."))]
    assert {found.standing for found in standing(hits, "who is keeper at the Varn lock?")} == {Standing.SETTLED}


def test_two_pseudonyms_of_names_do_not_clash_for_one_name_has_several():
    told = "The Belltower of Varn was finished by the mason {} in summer."
    plain = [build_path(fact(told.format(name))) for name in ("Odo Keller", "Lena Brandt")]
    hidden = [build_path(fact(told.format(f"<PERSON_{letter * 10}>"))) for letter in "ab"]
    numbers = [build_path(fact(f"The mason of Varn is reached at <PHONE_{letter * 10}>.")) for letter in "ab"]
    assert compare(*plain).relation is Relation.CONFLICT
    assert compare(*hidden).relation is not Relation.CONFLICT
    assert compare(*numbers).relation is Relation.CONFLICT
