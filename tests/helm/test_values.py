"""Every value is documented, bounded by the schema, and used; every setting of the product has its place."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from helm.readme import Undocumented, readme, values
from tests.helm import rendered
from tests.helm.rendered import CHART

ROOT = CHART.parents[1]
TEXT = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# The chart's own, because it knows what is right within a pod.
PLACED = {"MEMWRIT_DATA", "KMS", "AUDIT_PIN", "ERASURE_LEDGER", "KEYRING_COPIES", "PULSE", "ALLOWED_HOSTS"} | {
    "METRICS_FOLDER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
}
# The image's own, and those that stand elsewhere among the values or in a credential's URL.
ELSEWHERE = {"MODELS", "WEB_WORKERS", "OPENSEARCH_USER", "OPENSEARCH_PASSWORD"}


def resolved(node):
    while "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def leaves(node, path=""):
    """Every path the schema can go, and what stands at its end."""
    node = resolved(node)
    if node.get("properties"):
        for name, inner in node["properties"].items():
            yield from leaves(inner, f"{path}.{name}".lstrip("."))
    else:
        yield path, node


def at(path):
    node = SCHEMA
    for part in path.split("."):
        node = resolved(node)["properties"][part]
    return resolved(node)


@pytest.mark.parametrize("value", list(values(TEXT)), ids=lambda value: value.path)
def test_a_documented_value_is_in_the_schema_and_its_default_is_allowed(value):
    schema = at(value.path)
    jsonschema.validate(value.default, {**schema, "$defs": SCHEMA["$defs"]})
    assert value.told.endswith((".", "`", ")", "made)")), "a sentence ends"


def test_nothing_is_in_the_schema_that_is_not_documented():
    documented = {value.path for value in values(TEXT)}
    unknown = [path for path, _ in leaves(SCHEMA) if not covered(path, documented)]
    # HPAs of workers share the api's shape; their own stabilisation is the default.
    assert {each for each in unknown if not each.endswith(".autoscaling.scaleDownAfter")} == set()


def covered(path, documented):
    parts = path.split(".")
    return any(".".join(parts[:end]) in documented for end in range(1, len(parts) + 1))


def test_a_value_without_documentation_is_found():
    with pytest.raises(Undocumented, match=r"api\.replicas"):
        list(values("api:\n  replicas: 1\n"))


def test_the_schema_is_closed_everywhere():
    def objects(node, path):
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                yield path, node
            for name, inner in node.items():
                yield from objects(inner, f"{path}/{name}")

    open_ones = [path for path, node in objects(SCHEMA, "") if node.get("additionalProperties") is not False]
    assert open_ones == []


@pytest.mark.parametrize("version", [4, 3])
def test_a_misspelt_value_is_refused(version):
    assert "replica" in rendered.refusal("", "api.replica=3", version=version)
    assert "pullPolicy" in rendered.refusal("", 'image.pullPolicy="Sometimes"', version=version)
    assert "userId" in rendered.refusal("", "pod.userId=0", version=version)


def test_the_readme_is_made_of_the_values():
    assert readme(TEXT) == (CHART / "README.md").read_text()
    assert subprocess.run([sys.executable, str(ROOT / "helm" / "readme.py"), "--check"]).returncode == 0


def documented_settings():
    rows = [
        line.split("|")[1] for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line[:3] == "| `"
    ]
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}


def credentials():
    return {
        name
        for each in SCHEMA["properties"]["credentials"]["properties"].values()
        for name in each["properties"]["keys"]["properties"]
    }


def test_every_setting_can_be_given_in_exactly_one_way():
    accepted = set(SCHEMA["properties"]["settings"]["properties"])
    ways = [accepted, credentials() - {"CANARY_API_KEY"}, PLACED, ELSEWHERE]
    assert sum(map(len, ways)) == len(set().union(*ways)), "a setting has two places"
    assert set().union(*ways) == documented_settings()


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "KMS", "PULSE", "NO_SUCH_SETTING"])
def test_a_credential_or_a_place_is_not_accepted_as_a_setting(name):
    assert name in rendered.refusal("", f'settings.{name}="x"')


def test_settings_reach_every_process_of_the_product():
    (settings,) = (each for each in rendered.objects("", 'settings.LOG_LEVEL="INFO"') if each["kind"] == "ConfigMap")
    assert settings["data"]["LOG_LEVEL"] == "INFO"
    for component, pod in rendered.pods("", 'settings.LOG_LEVEL="INFO"').items():
        only = rendered.container(pod)
        inline = {each["name"]: each.get("value") for each in only["env"]}.get("LOG_LEVEL")
        assert (
            component == "canary"
            or inline == "INFO"
            or only["envFrom"] == [{"configMapRef": {"name": "memory-memwrit"}}]
        )


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["ingress.enabled=true", "httpRoute.enabled=true"], "choose one"),
        (
            [
                'credentials.broker.existingSecret="b"',
                "worker.queues.index.autoscaling.enabled=true",
                "worker.queues.index.keda.enabled=true",
            ],
            "choose one",
        ),
        (['settings.SEARCH_ENGINE="opensearch"'], "credentials.opensearch.existingSecret"),
        (["externalSecrets.enabled=true"], "externalSecrets.store.name"),
        (["cron.backup.enabled=true", 'cron.backup.existingClaim="b"'], "credentials.backup.existingSecret"),
        (["cron.backup.enabled=true", 'credentials.backup.existingSecret="b"'], "cron.backup.existingClaim"),
        (["api.drainSeconds=60"], "terminationGracePeriodSeconds"),
    ],
)
def test_values_that_exclude_each_other_are_refused(sets, said):
    assert said in rendered.refusal("", *sets)


def test_every_file_of_values_for_ci_is_about_something_else():
    given = [yaml.safe_load(path.read_text()) for path in sorted(Path(CHART / "ci").glob("*.yaml"))]
    assert len(given) >= 3
    assert {bool(each.get("credentials", {}).get("broker")) for each in given} == {True, False}
