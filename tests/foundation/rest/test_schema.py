"""The OpenAPI document says what the endpoints do."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode

from tests.foundation.rest import probe


@pytest.fixture
def document(probes):
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.settings import patched_settings

    from foundation.rest.schema import SETTINGS

    with patched_settings(SETTINGS):
        return json.loads(json.dumps(SchemaGenerator(patterns=probe.urlpatterns).get_schema(request=None, public=True)))


def test_it_is_openapi_3_1_and_every_schema_in_it_is_one(document):
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_of_its_own_and_an_act(document):
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations) == 8
    assert all(each["x-act"] for each in operations)


def test_every_refusal_is_a_problem(document):
    for path in document["paths"].values():
        for operation in path.values():
            refusals = {status for status in operation["responses"] if int(status) >= 400}
            assert {"400", "422", "429", "500", "503"} <= refusals
            for status in refusals:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_preconditions_keys_and_credentials_are_told(document):
    things, thing = document["paths"]["/v1/things"], document["paths"]["/v1/things/{id}"]
    assert "Idempotency-Key" in {each["name"] for each in things["post"]["parameters"]}
    assert {each["name"]: each for each in thing["put"]["parameters"]}["If-Match"]["required"]
    assert "parameters" not in document["paths"]["/v1/things:ask"]["post"]
    assert things["post"]["security"] == [{"bearer": []}]
    assert "security" not in document["paths"]["/v1/open"]["get"]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_a_request_takes_no_other_fields(document):
    schemas = document["components"]["schemas"]
    assert [schemas[name]["additionalProperties"] for name in ("ThingRequest", "InnerRequest")] == [False, False]


def bodies(document, mode):
    operation = schemathesis.openapi.from_dict(document)["/v1/things:ask"]["POST"]
    cases = operation.as_strategy(generation_mode=GenerationMode(mode))
    return cases.map(lambda case: case.body).filter(lambda body: isinstance(body, dict | list | str | int | None))


def some(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # shrinking what this generator makes takes minutes
        suppress_health_check=list(HealthCheck),
    )


def test_what_the_schema_allows_is_taken(document, caller):
    @some(25)
    @given(bodies(document, "positive"))
    def check(body):
        told = caller.post("/v1/things:ask", body)
        assert told.status_code == 200, (body, told.content)

    check()


def test_what_the_schema_forbids_is_refused(document, caller):
    schema = document["components"]["schemas"]["ThingRequest"] | {"components": document["components"]}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    @some(8)
    @given(bodies(document, "negative").filter(lambda body: not validator.is_valid(body)))
    def check(body):
        told = caller.raw("/v1/things:ask", json.dumps(body))
        assert told.status_code in (400, 422), (body, told.content)

    check()
