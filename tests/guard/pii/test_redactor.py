"""The whole pass, with a real worker and the real models."""

from dataclasses import replace

import psutil
import pytest

from foundation.kernel.problems import PiiBlocked
from guard.pii.document import flatten, rebuild
from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, KEEP, Action, Mode, PiiPolicy, Rule
from guard.pii.port import MAX_TEXT, PiiUnavailable, Reason, Redaction
from guard.pii.pseudonyms import TOKEN
from guard.pii.redactor import PooledRedactor
from guard.pii.workers import Limits, Pool

KEY, OTHER = b"k" * 32, b"o" * 32
TEXT = "Ana Diaz prefers the aisle seat; her phone is +34 600 123 456."
BODY = {
    "content": TEXT,
    "provenance": {"source": "chat:8821", "speaker": "Ana", "actor": "support-bot", "session": "s-17"},
    "labels": ["sensitivity:internal"],
    "metadata": {"channel": "web", "card": 4111111111111111, "ok": True},
}


def tokens(text):
    return [found[0] for found in TOKEN.finditer(text)]


def test_a_memory_is_pseudonymised_as_the_contract_shows(redact):
    made = rebuild(BODY, redact(flatten(BODY)))
    first, second = tokens(made["content"])
    assert first.startswith("<PERSON_")
    assert second.startswith("<PHONE_")
    assert made["content"] == f"{first} prefers the aisle seat; her phone is {second}."
    assert TOKEN.fullmatch(made["provenance"]["speaker"])
    assert made["metadata"] == {"channel": "web", "card": "<CARD>", "ok": True}


def test_identifiers_are_left_as_they_are(redact):
    made = rebuild(BODY, redact(flatten(BODY)))
    assert {k: v for k, v in made["provenance"].items() if k != "speaker"} == {
        "source": "chat:8821",
        "actor": "support-bot",
        "session": "s-17",
    }
    assert made["labels"] == BODY["labels"]


def test_a_person_in_an_identifier_is_seen_in_strict_mode(redact):
    made = redact({"/content": "Paid.", "/metadata/owner": "user:ana.diaz", "/metadata/by": "maria"})
    assert TOKEN.sub("", made.texts["/metadata/owner"]) == "user:"
    assert TOKEN.fullmatch(made.texts["/metadata/by"])


def test_spans_name_no_values_and_fit_the_redacted_text(redact):
    made = redact(TEXT)
    assert [(s.type, s.action) for s in made.spans] == [
        (Entity.PERSON, Action.PSEUDONYMISE),
        (Entity.PHONE, Action.PSEUDONYMISE),
    ]
    assert all(TOKEN.fullmatch(made.texts[s.path][s.start : s.end]) for s in made.spans)
    assert "Ana" not in repr(made)
    assert made.language == "en"


def test_the_same_value_has_one_token_in_a_tenant_and_another_in_the_next(redact):
    again = redact("Yesterday Ana Diaz called from +34 600 123 456 again.")
    assert set(tokens(again.texts["/content"])) == set(tokens(redact(TEXT).texts["/content"]))
    assert not set(tokens(redact(TEXT, key=OTHER).texts["/content"])) & set(tokens(redact(TEXT).texts["/content"]))


def test_a_query_carries_the_tokens_of_the_memories_it_should_find(redactor, redact):
    token = tokens(redact(TEXT).texts["/content"])[0]
    assert redactor.tokens("Which seat does Ana Diaz like?", DEFAULT, key=KEY) == f"Which seat does {token} like?"


def test_a_query_is_never_refused_for_its_language_or_by_a_rule(redactor):
    strict = replace(DEFAULT, rules=(Rule(Action.REJECT, Entity.EMAIL),))
    asked = "Bugün hava çok güzel ve biz denize gidiyoruz: ana@example.com"
    assert redactor.tokens(asked, strict, key=KEY).endswith(" <EMAIL>")


@pytest.mark.parametrize("mode", Mode)
def test_secrets_are_redacted_under_every_policy_and_mode(redact, mode):
    text = "Ana's password is hunter2!x and her key AKIAIOSFODNN7EXAMPLE"
    for policy in (KEEP, DEFAULT, PiiPolicy("p", 1, mode, Action.KEEP, (Rule(Action.KEEP, Entity.SECRET),))):
        made = redact(text, policy).texts["/content"]
        assert "hunter2" not in made
        assert "AKIA" not in made
    assert redact(text, KEEP).texts["/content"] == "Ana's password is <SECRET> and her key <SECRET>"


def test_the_policy_keep_keeps_everything_else_and_needs_no_language(redact):
    text = "Сегодня Ana Diaz 4111111111111111"
    assert redact(text, KEEP).texts["/content"] == text


def test_a_reject_rule_refuses_the_memory(redact):
    with pytest.raises(PiiBlocked) as caught:
        redact(TEXT, replace(DEFAULT, rules=(Rule(Action.REJECT, Entity.PHONE),)))
    assert caught.value.errors[0].pointer == "/content"


@pytest.mark.parametrize(
    "text",
    [
        "Bugün hava çok güzel ve biz denize gidiyoruz.",
        "Сегодня хорошая погода, и мы идём на пляж.",
        "今天天气很好，我们去海边散步。",
        "Tänään on kaunis sää ja menemme rannalle uimaan.",
    ],
)
def test_a_language_nobody_reads_is_held(redact, text):
    with pytest.raises(PiiUnavailable) as caught:
        redact(text)
    assert caught.value.reason is Reason.LANGUAGE


def test_a_text_that_is_too_long_is_held(redact):
    with pytest.raises(PiiUnavailable) as caught:
        redact("a" * (MAX_TEXT + 1))
    assert caught.value.reason is Reason.TOO_LONG


def test_a_batch_is_answered_in_order_and_failures_stay_in_their_place(redactor):
    documents = [{"/content": TEXT}, {"/content": "a" * (MAX_TEXT + 1)}, {"/content": "Nothing of anyone is in here."}]
    first, long, last = redactor.redact_many(documents, DEFAULT, key=KEY)
    assert first.texts["/content"] != TEXT
    assert long.reason is Reason.TOO_LONG
    assert isinstance(last, Redaction)
    assert last.texts == documents[2]


def test_a_long_text_is_read_to_its_end(redact):
    filler = "The committee met again and talked about the weather for a while. " * 120
    made = redact(f"{filler}Then Ana Diaz called from +34 600 123 456. {filler}My name is Maria Lopez.")
    assert "Ana Diaz" not in made.texts["/content"]
    assert "600" not in made.texts["/content"]
    assert "Lopez" not in made.texts["/content"]


def test_redacting_what_was_redacted_changes_nothing(redact):
    once = redact(TEXT).texts["/content"]
    assert redact(once).texts["/content"] == once


def test_a_name_found_once_is_covered_wherever_it_stands(redact):
    made = redact({"/content": "Hello, my name is Antti Poutiainen.", "/episode/question": "What would Antti choose?"})
    assert "Antti" not in "".join(made.texts.values())


def test_names_that_callers_choose_are_walked_too(redact):
    made = redact({"/content": "See the data.", "/metadata/Maria Lopez": "gold"})
    assert "Lopez" not in "".join(made.texts)
    assert list(made.renamed) == ["/metadata/Maria Lopez"]


def test_a_missing_model_makes_everything_unavailable(tmp_path):
    from guard.pii import rampart_files

    bad = rampart_files.int8_path(tmp_path)
    bad.write_bytes(b"not the model")
    pool = Pool("guard.pii.worker", {"models": str(tmp_path)}, limits=Limits(job=10, start=300))
    with pytest.raises(PiiUnavailable) as caught:
        PooledRedactor(pool).redact({"/content": TEXT}, DEFAULT, key=KEY)
    assert caught.value.reason is Reason.MODEL


def test_neither_text_nor_key_is_in_the_workers_command_line(redactor, redact):
    redact(TEXT)
    lines = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert any("guard.pii.worker" in line for line in lines)
    assert not any("Ana" in line or KEY.decode() in line for line in lines)
