"""Schemathesis reads the OpenAPI document and asks every operation what it says and what it does not say.

All checks run. Two are told which further statuses the contract allows: a well-formed request may meet a rule that no
schema can state (an id that is not there, a precondition, a conflict, a rule over several fields), never a 5xx.
"""

from __future__ import annotations

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig

from tests.api.builders import World

RULES = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", 401, 403, 404, 409, 410, 412, 422, 428, 429]},
        "missing_required_header": {"expected-statuses": [400, 401, 403, 406, 415, 422, 428]},
    }
}
QUICKLY = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # shrinking what this generator makes takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def credential(django_db_setup) -> str:
    return World("schema").admin.key


def test_every_operation_does_what_its_description_says(credential, subtests):
    config = SchemathesisConfig.from_dict(RULES)
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", get_wsgi_application(), config=config)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 40
    for operation in operations:
        with subtests.test(f"{operation.method.upper()} {operation.path}"):
            _ask(operation, credential)


def _ask(operation, credential: str) -> None:
    @QUICKLY
    @given(case=operation.as_strategy())
    def asked(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {credential}"})

    asked()
