"""What a search makes of nonsense: a clear refusal or an honest answer, never a fault, whichever engine is asked."""

import pytest

WORDS = "kettle"
TEXTS = {
    "one character": "k",
    "stop words alone": "what was it that they had been",
    "emoji alone": "\U0001f600\U0001f3f3\ufe0f\u200d\U0001f308",
    "right to left, overridden": "\u202eelttek\u202c \u0642\u0648\u0631\u064a",
    "zalgo": "k" + "\u0301\u0322\u0353\u033a" * 500 + "ettle",
    "spaces alone": " \t\n ",
    "a run without a space": "k" * 60_000,
    "sixty thousand characters": "kettle stove " * 4_600,
    "thousands of distinct words": " ".join(f"w{n}" for n in range(9_000)),
    "Chinese without spaces": "\u6c34\u58f6\u5728\u7089\u5b50\u4e0a" * 1_000,
    "sixty thousand ideograms": "\u6c34" * 60_000,
    "digits": "0" * 5_000,
    "a pseudonym's shape": "<PERSON_k3f9x2mq7a> <PERSON_" + "a" * 3_000 + ">",
}
INJECTIONS = (
    "'; DROP TABLE search_entry; --",
    "') OR 1=1 --",
    "%s %(x)s {0} {where} {{}} %%",
    "{1:1}/1000000000",
    '{"query": {"match_all": {}}}',
    '"}}\\n{"index":"*"}\\n{"query":{"match_all":{}}}\\n',
    "tenant:* OR _id:* AND NOT x",
    "kettle) OR (space:*",
    "${jndi:ldap://x/y} {{7*7}} <script>alert(1)</script>",
    "\\u0000 \\x00 /* */ $$ ; COPY (SELECT 1) TO PROGRAM 'id'",
    "*" * 500,
    "?" * 500,
)
REFUSED = {
    "no query": {},
    "an empty query": {"query": ""},
    "a hundred thousand characters": {"query": "kettle " * 14_286},
    "no text": {"query": 7},
    "a list": {"query": ["kettle"]},
    "null": {"query": None},
    "k of none": {"query": WORDS, "k": 0},
    "k below none": {"query": WORDS, "k": -1},
    "k of a million": {"query": WORDS, "k": 10**6},
    "k beyond every integer": {"query": WORDS, "k": 10**400},
    "k of a half": {"query": WORDS, "k": 2.5},
    "k as text": {"query": WORDS, "k": "10"},
    "k as truth": {"query": WORDS, "k": True},
    "context of six": {"query": WORDS, "context": 6},
    "context below none": {"query": WORDS, "context": -1},
    "an unknown field": {"query": WORDS, "boost": 3},
    "an unknown filter": {"query": WORDS, "filters": {"tenant": "x"}},
    "filters as a list": {"query": WORDS, "filters": ["kinds"]},
    "an unknown kind": {"query": WORDS, "filters": {"kinds": ["dream"]}},
    "a query as a kind": {"query": WORDS, "filters": {"kinds": [{"match_all": {}}]}},
    "a label with a quote": {"query": WORDS, "filters": {"labels": ["a' OR '1'='1"]}},
    "a space that is no id": {"query": WORDS, "spaces": ["*"]},
    "spaces as an object": {"query": WORDS, "spaces": {"$ne": None}},
    "a moment that is none": {"query": WORDS, "as_of": "yesterday"},
    "a moment beyond the calendar": {"query": WORDS, "known_at": "99999-01-01T00:00:00Z"},
    "a tenant of one's choice": {"query": WORDS, "tenant_id": "01a202c9-0001-7a00-8000-000000000001"},
}
RAW = {
    "a lone surrogate": b'{"query": "kettle \\ud800"}',
    "a null character": b'{"query": "kettle \\u0000 stove"}',
    "a byte that is no text": b'{"query": "\xff\xfe"}',
    "no JSON": b"kettle",
    "half of it": b'{"query": "kettle"',
    "not a number": b'{"query": "kettle", "k": NaN}',
    "a list of it": b'[{"query": "kettle"}]',
    "the same field twice": b'{"query": "kettle", "query": "stove"}',
    "very deep": b'{"query": "kettle", "filters": ' + b'{"kinds":' * 2_000 + b"1" + b"}" * 2_000 + b"}",
    "nothing": b"",
}


@pytest.fixture(params=["postgres", "opensearch"])
def engine(request, settings):
    if request.param == "opensearch":
        request.getfixturevalue("on_opensearch")
    settings.SEARCH_ENGINE = request.param


@pytest.fixture
def asked(engine, here):
    """A space with two memories, one of them under a label the agent's role is not named by; asks the agent's way."""
    here.kept = here.memory("The red kettle stands on the stove.")["id"]
    board = {"space": here.space, "content": "The kettle belongs to the board.", "labels": ["acl:admin"]}
    assert here.admin.post("/v1/memories", board).status == 201
    here.drain()
    return here


def ask(here, body):
    return here.agent.post("/v1/memories:search", body)


def still_well(here):
    """Afterwards a plain question is answered as ever."""
    found = ask(here, {"query": WORDS})
    assert (found.status, [hit["id"] for hit in found.json["data"]]) == (200, [here.kept])


def test_exotic_questions_are_answered_honestly(asked):
    for name, text in TEXTS.items():
        found = ask(asked, {"query": text})
        assert found.status == 200, (name, found.text[:300])
        assert {hit["id"] for hit in found.json["data"]} <= {asked.kept}, name
    still_well(asked)


def test_a_question_is_never_read_as_a_query(asked):
    for text in INJECTIONS:
        found = ask(asked, {"query": text})
        assert found.status == 200, (text, found.text[:300])
        assert {hit["id"] for hit in found.json["data"]} <= {asked.kept}, text
        filtered = ask(asked, {"query": WORDS, "filters": {"subjects": [text[:256]]}})
        assert (filtered.status, filtered.json["data"]) == (200, []), "nobody is called that"
    everything = asked.admin.post("/v1/memories:search", {"query": WORDS})
    assert len(everything.json["data"]) == 2, "the control: who may see both finds both, and both are still there"
    still_well(asked)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused_with_its_place(here, name):
    answer = ask(here, REFUSED[name])
    assert (answer.status, answer.problem) in {(422, "validation"), (413, "too-large")}, answer.text[:300]
    assert answer.status == 413 or answer.json["errors"], "says where"


@pytest.mark.parametrize("name", RAW)
def test_a_body_that_is_none_is_refused(here, name):
    answer = ask(here, RAW[name])
    assert 400 <= answer.status < 500, answer.text[:300]
    assert answer.problem in {"malformed", "validation", "too-large"}


def test_a_refusal_says_nothing_of_what_was_asked(here):
    answer = ask(here, {"query": "xyzzy plugh", "boost": "xyzzy", "filters": {"kinds": ["plugh"]}})
    assert answer.status == 422
    assert "plugh" not in answer.text
    assert "Traceback" not in answer.text


def test_a_question_of_the_largest_size_is_answered(here):
    assert ask(here, {"query": "k" * 65_536}).status == 200
    assert ask(here, {"query": "k" * 65_537}).status in (413, 422)
