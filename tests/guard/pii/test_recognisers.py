"""Every recogniser: what it finds, and what it leaves. Two modes: a finding of 0.5 or more holds in balanced too."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from guard.pii.entities import Entity
from guard.pii.recognisers.addresses import addresses
from guard.pii.recognisers.births import births
from guard.pii.recognisers.cards import accounts, cards
from guard.pii.recognisers.contact import Domains, Network, Phones, contact
from guard.pii.recognisers.national import national
from guard.pii.recognisers.places import Places
from guard.pii.recognisers.secrets import secrets

ROOT = Path(__file__).resolve().parents[3]
MAKERS = [secrets, cards, accounts, national, contact, Network, Domains, Phones, births, addresses, Places]
BALANCED = 0.5


@pytest.fixture(scope="module")
def recognisers():
    return {maker.__name__.lower(): maker() for maker in MAKERS}


@pytest.fixture
def find(recognisers):
    def found(name, text, least=0.0):
        results = recognisers[name].analyze(text, [], None)
        return {(r.entity_type, text[r.start : r.end]) for r in results if r.score >= least}

    return found


FOUND = [
    ("cards", "My card 4111 1111 1111 1111 is lost", Entity.CARD, "4111 1111 1111 1111"),
    ("cards", "pay with 378282246310005 please", Entity.CARD, "378282246310005"),
    ("cards", "card number: 4111-1111-1111-1112 (mistyped)", Entity.CARD, "4111-1111-1111-1112"),
    ("cards", "the CVV is 123", Entity.CARD, "123"),
    ("accounts", "IBAN DE89 3704 0044 0532 0130 00 at the bank", Entity.BANK_ACCOUNT, "DE89 3704 0044 0532 0130 00"),
    ("accounts", "to GB29NWBK60161331926819.", Entity.BANK_ACCOUNT, "GB29NWBK60161331926819"),
    ("accounts", "my account number is 12345678", Entity.BANK_ACCOUNT, "12345678"),
    ("accounts", "routing 021000021", Entity.BANK_ACCOUNT, "021000021"),
    ("accounts", "sort code 20-00-00", Entity.BANK_ACCOUNT, "20-00-00"),
    ("national", "SSN 536-90-4399", Entity.NATIONAL_ID, "536-90-4399"),
    ("national", "his ssn is 536904399", Entity.NATIONAL_ID, "536904399"),
    ("national", "NI AB 12 34 56 C", Entity.NATIONAL_ID, "AB 12 34 56 C"),
    ("national", "NHS number 943 476 5919", Entity.NATIONAL_ID, "943 476 5919"),
    ("national", "DNI 12345678Z", Entity.NATIONAL_ID, "12345678Z"),
    ("national", "NIE X1234567L", Entity.NATIONAL_ID, "X1234567L"),
    ("national", "NIR 2 55 08 14 168 025 38", Entity.NATIONAL_ID, "2 55 08 14 168 025 38"),
    ("national", "Steuer-ID 86 095 742 719", Entity.NATIONAL_ID, "86 095 742 719"),
    ("national", "CF RSSMRA85T10A562S", Entity.NATIONAL_ID, "RSSMRA85T10A562S"),
    ("national", "HETU 131052-308T", Entity.NATIONAL_ID, "131052-308T"),
    ("national", "CPR 070761-4285", Entity.NATIONAL_ID, "070761-4285"),
    ("national", "fødselsnummer 010107 50160", Entity.NATIONAL_ID, "010107 50160"),
    ("national", "TFN 123 456 782", Entity.NATIONAL_ID, "123 456 782"),
    ("national", "Aadhaar 2341 2341 2346", Entity.NATIONAL_ID, "2341 2341 2346"),
    ("national", "PESEL 44051401359", Entity.NATIONAL_ID, "44051401359"),
    ("national", "BSN 111222333", Entity.NATIONAL_ID, "111222333"),
    ("national", "NIF 123456789", Entity.NATIONAL_ID, "123456789"),
    ("national", "CPF 529.982.247-25", Entity.NATIONAL_ID, "529.982.247-25"),
    ("national", "85.07.30-033.28", Entity.NATIONAL_ID, "85.07.30-033.28"),
    ("national", "AHV 756.9217.0769.85", Entity.NATIONAL_ID, "756.9217.0769.85"),
    ("national", "personnummer 811218-9876", Entity.NATIONAL_ID, "811218-9876"),
    ("national", "Passport number: X1234567", Entity.PASSPORT, "X1234567"),
    ("national", "driver's license no. D1234567", Entity.DRIVER_LICENCE, "D1234567"),
    ("contact", "write to Ana.Diaz+x@mail.example.com!", Entity.EMAIL, "Ana.Diaz+x@mail.example.com"),
    ("contact", "ana at example dot com", Entity.EMAIL, "ana at example dot com"),
    ("contact", "ask @ana_diaz on it", Entity.HANDLE, "@ana_diaz"),
    ("contact", "see linkedin.com/in/ana-diaz there", Entity.URL, "linkedin.com/in/ana-diaz"),
    ("network", "from 10.1.2.3 and 2001:db8::8a2e:370:7334", Entity.IP_ADDRESS, "10.1.2.3"),
    ("network", "from 10.1.2.3 and 2001:db8::8a2e:370:7334", Entity.IP_ADDRESS, "2001:db8::8a2e:370:7334"),
    ("phones", "her phone is +34 600 123 456.", Entity.PHONE, "+34 600 123 456"),
    ("phones", "call (212) 555-0123 x45 now", Entity.PHONE, "(212) 555-0123 x45"),
    ("phones", "Tel. 030 12345678", Entity.PHONE, "030 12345678"),
    ("births", "born on 12 May 1980 in Toledo", Entity.DATE_OF_BIRTH, "12 May 1980"),
    ("births", "DOB: 1980-05-12", Entity.DATE_OF_BIRTH, "1980-05-12"),
    ("births", "geboren am 12.05.1980", Entity.DATE_OF_BIRTH, "12.05.1980"),
    ("births", "née le 3 janvier 1975", Entity.DATE_OF_BIRTH, "3 janvier 1975"),
    ("addresses", "at 1600 Pennsylvania Avenue in", Entity.ADDRESS, "1600 Pennsylvania Avenue"),
    ("addresses", "wohnt Hauptstraße 12a dort", Entity.ADDRESS, "Hauptstraße 12a"),
    ("addresses", "12 rue de la Paix, Paris", Entity.ADDRESS, "12 rue de la Paix, "),
    ("addresses", "P.O. Box 1234", Entity.ADDRESS, "P.O. Box 1234"),
    ("addresses", "London SW1A 1AA", Entity.ADDRESS, "SW1A 1AA"),
    ("addresses", "APO AP 96301", Entity.ADDRESS, "APO AP 96301"),
    ("places", "I wish I grew up in Finland.", Entity.LOCATION, "Finland."),
    ("places", "She left New York for Deutschland", Entity.LOCATION, "New York"),
    ("places", "She left New York for Deutschland", Entity.LOCATION, "Deutschland"),
]


@pytest.mark.parametrize(("name", "text", "entity", "value"), FOUND)
def test_it_finds(find, name, text, entity, value):
    assert (entity.value, value) in find(name, text, BALANCED)


SUSPECTED = [
    ("domains", "look at ana-diaz.example.co.uk for it", Entity.URL, "ana-diaz.example.co.uk"),
    ("phones", "it was 94772916 or so", Entity.PHONE, "94772916"),
    ("contact", "see https://blog.example.com/ana.", Entity.URL, "https://blog.example.com/ana"),
    ("national", "number 536904399 it was", Entity.NATIONAL_ID, "536904399"),
]


@pytest.mark.parametrize(("name", "text", "entity", "value"), SUSPECTED)
def test_it_suspects_in_strict_mode_alone(find, name, text, entity, value):
    assert (entity.value, value) in find(name, text)
    assert not any(entity == entity_ for entity_, _ in find(name, text, BALANCED))


LEFT = [
    ("cards", "order 4111 1111 1111 1112 was shipped"),
    ("cards", "the ids 1234567890123456 and 0000000000000000"),
    ("accounts", "DE89 3704 0044 0532 0130 01"),
    ("national", "the number 000-12-3456 is none"),
    ("national", "number 12345678A"),
    ("national", "CF RSSMRA85T10A562T"),
    ("national", "number 44051401358"),
    ("national", "756.9217.0769.84"),
    ("national", "529.982.247-24"),
    ("national", "my passport has expired and my driving licence too"),
    ("national", "the licence D1234567 for the software"),
    ("contact", "meet me @ noon, a@b, x @ y.z"),
    ("network", "version 1.2.3, 300.1.2.3, 127.0.0.1 and 12:30:45"),
    ("births", "the contract of 12 May 1980 was signed"),
    ("addresses", "we waited 12 minutes on the way, room for 3 people"),
    ("places", "a turkey and some china for the reading"),
]


@pytest.mark.parametrize(("name", "text"), LEFT)
def test_it_leaves(find, name, text):
    assert find(name, text, BALANCED) == set()


@pytest.mark.parametrize(
    "text", ["on 2020-05-12 at 10:30", "in 1998-2004", "12/05/2020", "costs 1234567.89", "2026-11-22 10:25:17"]
)
def test_dates_years_and_prices_are_no_phone_numbers_in_any_mode(find, text):
    assert find("phones", text) == set()


SECRETS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 8,
    "glpat-" + "a1B2" * 5,
    "xoxb-123456789012-abcdefABCDEF",
    "AIza" + "a1B2_" * 7,
    "sk_live_" + "a1B2" * 6,
    "whsec_" + "a1B2" * 8,
    "sk-proj-" + "a1B2" * 8,
    "sk-ant-" + "a1B2" * 8,
    "hf_" + "a1B2" * 8,
    "SG." + "a1B2" * 5 + "." + "a1B2" * 8,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "mw_01a202c9_k7q2_9fXabcdefgh",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_every_family_of_keys_is_found_whole(find, secret):
    assert ("SECRET", secret) in find("secrets", f"it is {secret} here", BALANCED)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter22;", "hunter22"),
        ('"api_key": "abc def 123"', '"abc def 123"'),
        ("my password is hunter2!x and", "hunter2!x"),
        ("Das Passwort: geheim", "geheim"),
        ("postgres://ana:s3cr3t@db.example.com/x", "ana:s3cr3t"),
        ("Authorization: Bearer abcDEF123456xyz", "abcDEF123456xyz"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("Server=x;Pwd=s3cr3t;", "s3cr3t"),
    ],
)
def test_secrets_are_found_by_what_they_are_called(find, text, secret):
    assert ("SECRET", secret) in find("secrets", text, BALANCED)


@pytest.mark.parametrize("text", ["the password is wrong", "she forgot her password again", "a token of love"])
def test_talk_about_secrets_is_none(find, text):
    assert find("secrets", text) == set()


HOSTILE = [
    "1 " * 16_000,
    "1-" * 16_000,
    "a." * 16_000,
    "a@" * 16_000,
    "A" * 32_000,
    "Aa " * 10_000,
    "1 Aa " * 6_000,
    "https://" * 4_000,
    "password " * 3_500,
    "password:" * 3_500,
    "-----BEGIN PRIVATE KEY-----" * 1_200,
    "eyJ" + "a" * 16_000 + ".eyJ" + "a" * 12_000,
    "born " * 6_000 + "1",
    ":" * 32_000,
    "0:" * 16_000,
    "rue de la " * 3_000,
    "the corner of A and " * 1_500,
    "(" * 32_000,
    "+1(" * 10_000,
    "passport no " * 2_500,
    "card " + "x" * 30_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_no_pattern_backtracks_for_long(recognisers, text):
    """Half the longest text, through every pattern: seconds at worst, on a busy machine, where backtracking takes
    years. (Texts go through the server in pieces of 4,000, and under a hard limit.)"""
    for name, recogniser in recognisers.items():
        began = time.process_time()
        recogniser.analyze(text[:4000], [], None)
        assert time.process_time() - began < 1.5, name


def test_importing_the_guard_loads_no_model():
    asked = (
        "import sys; sys.path[:0] = ['platform', '.']; import django; from django.conf import settings;"
        "settings.configure(); import guard.pii.pool, guard.pii.redactor, guard.pii.policy;"
        "print([m for m in ('presidio_analyzer', 'spacy', 'onnxruntime', 'lingua', 'tldextract') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_of_public_suffixes_is_the_bundled_one(recognisers):
    extract = recognisers["domains"]._extract
    assert extract.suffix_list_urls == ()
    assert not extract._cache.enabled
