"""What every pod is: restricted, with what it may have and no more, watched, and quick to be told from the dead."""

import re

import pytest
import yaml

from foundation.kernel.leasing import EVERY
from memwrit import celery
from memwrit.embedded.attach import BACKUPS, OWNERS, TICK, WEB, WORKER
from memwrit.web import GRACEFUL
from tests.helm import rendered
from tests.helm.rendered import CASES, container, given, of_kind, pods

ALL = [(case, name) for case in CASES for name in pods(case)]
LASTING = ("Deployment",)
BROKER = 'credentials.broker.existingSecret="b"'


@pytest.fixture(params=ALL, ids=lambda each: "/".join(each))
def pod(request):
    case, name = request.param
    return pods(case)[name]


def test_it_is_restricted_as_pod_security_standards_say(pod):
    spec, only = pod["spec"], container(pod)["securityContext"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 10000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["allowPrivilegeEscalation"] is False
    assert only["runAsNonRoot"] is True
    assert only["readOnlyRootFilesystem"] is True
    assert only["capabilities"] == {"drop": ["ALL"]}
    assert only["seccompProfile"] == {"type": "RuntimeDefault"}
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"emptyDir", "projected", "secret", "persistentVolumeClaim"}


def test_it_mounts_no_token_and_has_an_account_of_its_own(pod):
    assert pod["spec"]["automountServiceAccountToken"] is False
    component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
    assert pod["spec"]["serviceAccountName"].endswith(f"-{component}")


def test_what_it_writes_stays_in_memory_or_on_the_volumes_of_the_state(pod):
    mounts = {each["mountPath"]: each for each in container(pod)["volumeMounts"]}
    written = {path for path, each in mounts.items() if not each.get("readOnly")}
    state = {"/var/lib/memwrit/keys", "/var/lib/memwrit/record"}
    own = {"/var/lib/memwrit/backups"} if "backup" in container(pod)["args"] else state
    assert written <= {"/tmp", "/run/memwrit"} | own
    assert [each["emptyDir"]["medium"] for each in pod["spec"]["volumes"] if "emptyDir" in each] == ["Memory"]


def test_no_variable_is_named_twice(pod):
    only = container(pod)
    names = [each["name"] for each in only.get("env", [])]
    configured = set()
    if only.get("envFrom"):
        configured = {name for each in rendered.objects() if each["kind"] == "ConfigMap" for name in each["data"]}
    assert len(names) == len(set(names))
    assert not configured & set(names)
    assert not {name.removesuffix("_FILE") for name in names if name.endswith("_FILE")} & (configured | set(names))


def test_no_credential_is_in_its_environment(pod):
    for each in container(pod).get("env", []):
        assert "valueFrom" not in each
        assert not re.search(r"://[^/]*:[^/]*@", each["value"])
    assert all(set(each) == {"configMapRef"} for each in container(pod).get("envFrom", []))


def test_it_says_what_it_needs(pod):
    resources = container(pod)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert {"cpu", "memory"} <= set(resources["limits"])


@pytest.mark.parametrize("case", CASES)
def test_every_account_is_there_and_none_is_shared(case):
    accounts = {each["metadata"]["name"] for each in rendered.objects(case) if each["kind"] == "ServiceAccount"}
    used = [pod["spec"]["serviceAccountName"] for pod in pods(case).values()]
    assert len(used) == len(set(used))
    assert set(used) == accounts


@pytest.mark.parametrize("case", CASES)
def test_nothing_rendered_holds_a_secret(case):
    assert not [each for each in rendered.objects(case) if each["kind"] == "Secret"]
    data = [value for each in rendered.objects(case) if each["kind"] == "ConfigMap" for value in each["data"].values()]
    assert not [value for value in data if re.search(r"://[^/\s]*:[^/\s]*@", value)]


# --- who is given what (security.md, the roles) ---

DATABASES = TICK | OWNERS


def test_a_process_is_given_the_databases_that_its_part_may_open():
    found = {name: given(pod) & DATABASES for name, pod in pods("", BROKER).items()}
    workers = {f"worker-{queue.value}": set(WORKER) for queue in EVERY}
    assert found == workers | {
        "api": set(WEB),
        "relay": set(WEB) | {"DATABASE_RELAY_URL"},
        "sequencer": set(WEB) | {"DATABASE_SEQUENCER_URL"},
        "upkeep": set(WORKER),
        "parity": set(WORKER),
        "migrate": set(WEB) | set(OWNERS),
        "check": set(DATABASES),
        "canary": set(),
    }


def test_who_backs_up_is_given_the_role_that_reads_and_nothing_beside_it():
    pod = pods("full")["backup"]
    assert given(pod) == set(BACKUPS)
    claims = [each["persistentVolumeClaim"] for each in pod["spec"]["volumes"] if "persistentVolumeClaim" in each]
    assert claims == [{"claimName": "backups"}], "keys and what they open are never in one hand"
    assert "backup" not in pods()


def test_without_a_broker_the_relay_may_do_the_work_itself_and_there_are_no_workers():
    found = pods()
    assert given(found["relay"]) & DATABASES == set(WORKER) | {"DATABASE_RELAY_URL"}
    assert not [name for name in found if name.startswith("worker")]


def test_what_signs_the_console_is_given_to_the_web_server_and_to_the_check_alone():
    assert {name for name, pod in pods("full").items() if "SECRET_KEY" in given(pod)} == {"api", "check"}


def test_the_judges_key_is_given_to_those_who_ask_it():
    assert {name for name, pod in pods("full").items() if "JUDGE_API_KEY" in given(pod)} == {"worker-slow", "check"}


def test_a_credential_can_stand_under_another_key():
    pod = pods("", 'credentials.app.keys.DATABASE_URL="uri"')["api"]
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "credentials")
    items = volume["projected"]["sources"][0]["secret"]["items"]
    assert {"key": "uri", "path": "DATABASE_URL"} in items
    assert {"key": "KEYRING_DATABASE_URL", "path": "KEYRING_DATABASE_URL"} in items


def test_every_external_secret_makes_what_the_pods_mount():
    made = {
        each["spec"]["target"]["name"]: {one["secretKey"] for one in each["spec"]["data"]}
        for each in of_kind("ExternalSecret", "full").values()
    }
    for pod in pods("full").values():
        for volume in pod["spec"]["volumes"]:
            for source in volume.get("projected", {}).get("sources", []):
                assert {item["key"] for item in source["secret"]["items"]} <= made[source["secret"]["name"]]


# --- life and death ---


@pytest.mark.parametrize("case", CASES)
def test_everything_that_lasts_has_three_probes(case):
    for name, deployment in of_kind("Deployment", case).items():
        only = container(deployment["spec"]["template"])
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(only), name


def test_the_web_server_lives_without_its_dependencies_and_is_ready_with_them():
    only = container(pods()["api"])
    assert only["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert only["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert only["readinessProbe"]["httpGet"]["path"] == "/readyz?models"
    hosts = of_kind("ConfigMap")["main"]["data"]["ALLOWED_HOSTS"].split(",")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        (header,) = only[probe]["httpGet"]["httpHeaders"]
        assert header["name"] == "Host"
        assert header["value"] in hosts, "the server refuses the pod's address as a name"


def test_the_others_live_while_they_touch_their_file():
    for name, pod in pods("", BROKER).items():
        only = container(pod)
        if name in ("api", "parity", "backup", "migrate", "check", "canary"):
            continue
        assert "/run/memwrit/pulse" in str(only["livenessProbe"]["exec"]["command"])
        told = "--pulse" in only["args"] or of_kind("ConfigMap")["main"]["data"]["PULSE"] == "/run/memwrit/pulse"
        assert told


def test_who_ends_has_time_to_finish():
    found = {name: pod["spec"].get("terminationGracePeriodSeconds", 30) for name, pod in pods("", BROKER).items()}
    assert all(seconds > celery.LIMIT for name, seconds in found.items() if name.startswith("worker-"))
    assert all(found[name] > 60 for name in ("relay", "sequencer", "upkeep"))  # what tick waits for its threads
    drain = int(container(pods()["api"])["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert found["api"] > drain + GRACEFUL


def test_there_are_workers_for_every_class_of_work():
    found = {name: container(pod)["args"] for name, pod in pods("", BROKER).items() if name.startswith("worker-")}
    assert set(found) == {f"worker-{queue.value}" for queue in EVERY}
    for name, args in found.items():
        assert args[:3] == ["worker", "--queues", name.removeprefix("worker-")]


def test_pods_are_exchanged_when_their_settings_are():
    def marks(*sets):
        return {
            name: pod["metadata"].get("annotations", {}).get("checksum/settings")
            for name, pod in pods("", *sets).items()
        }

    before, after = marks(), marks('settings.LOG_LEVEL="INFO"')
    lasting = {"api", "relay", "sequencer", "upkeep"}
    assert all(before[name] != after[name] for name in lasting)
    assert marks() == before


def test_each_command_is_one_there_is():
    from memwrit.cli import parser

    for case in CASES:
        for pod in pods(case).values():
            parser().parse_args(container(pod)["args"])


# --- metrics ---


def test_metrics_are_on_a_port_of_their_own_where_anything_lasts():
    settings = of_kind("ConfigMap", "full")["main"]["data"]
    assert settings["OTEL_METRICS_EXPORTER"] == "otlp,prometheus"
    assert of_kind("ConfigMap")["main"]["data"]["OTEL_METRICS_EXPORTER"] == "prometheus"
    assert settings["METRICS_FOLDER"].startswith("/run/memwrit/")
    for name, deployment in of_kind("Deployment", "full").items():
        ports = {each["name"]: each["containerPort"] for each in container(deployment["spec"]["template"])["ports"]}
        assert ports["metrics"] == int(settings["OTEL_EXPORTER_PROMETHEUS_PORT"]), name
    (endpoint,) = of_kind("ServiceMonitor", "full")["main"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "memwrit-metrics", "key": "METRICS_TOKEN"}


def test_without_metrics_there_is_no_port_for_them():
    assert "OTEL_METRICS_EXPORTER" not in of_kind("ConfigMap", "gateway")["main"]["data"]
    assert [each["name"] for each in container(pods("gateway")["api"])["ports"]] == ["http"]


def test_the_dashboards_and_the_rules_of_the_chart_are_brought_whole():
    boards = [each for name, each in of_kind("ConfigMap", "full").items() if name.startswith("dashboard")]
    files = {path.name: path.read_text() for path in (rendered.CHART / "dashboards").glob("*.json")}
    assert {name: text for each in boards for name, text in each["data"].items()} == files != {}
    groups = of_kind("PrometheusRule", "full")["main"]["spec"]["groups"]
    written = [yaml.safe_load(path.read_text()) for path in sorted((rendered.CHART / "rules").glob("*.y*ml"))]
    assert groups == [group for each in written for group in each["groups"]] != []
