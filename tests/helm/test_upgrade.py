"""What must hold from one version of a release to the next, and what decides how many pods there are."""

import pytest

from tests.helm.rendered import CASES, container, objects, of_kind, pods

BROKER = 'credentials.broker.existingSecret="b"'
CHANGED = (
    'image.tag="9.9.9"',
    'labels={"team":"other"}',
    'settings={"LOG_LEVEL":"DEBUG"}',
    'pod.labels={"zone":"outer"}',
    "api.replicas=9",
    "api.workers=3",
)


def selectors(*sets):
    chosen = {
        ("Deployment", name): each["spec"]["selector"]
        for name, each in of_kind("Deployment", "", BROKER, *sets).items()
    }
    services = {
        ("Service", name): each["spec"]["selector"] for name, each in of_kind("Service", "", BROKER, *sets).items()
    }
    return chosen | services


def test_what_pods_are_selected_by_never_changes():
    """A Deployment's selector cannot be changed: an upgrade that tries is refused."""
    before = selectors()
    assert before == selectors(*CHANGED)
    expected = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
    for (kind, _), selector in before.items():
        assert set(selector["matchLabels"] if kind == "Deployment" else selector) == expected


@pytest.mark.parametrize("case", CASES)
def test_every_selector_finds_its_own_pods_and_no_others(case):
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(case).items()}
    for name, deployment in of_kind("Deployment", case).items():
        wanted = deployment["spec"]["selector"]["matchLabels"]
        assert [each for each, have in labels.items() if wanted.items() <= have.items()] == [name]


@pytest.mark.parametrize("case", CASES)
def test_names_are_unique_within_their_kind_and_short_enough(case):
    names = [(each["kind"], each["metadata"]["name"]) for each in objects(case)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)
    assert all(each["metadata"]["namespace"] == "inner" for each in objects(case))


def test_long_names_stay_within_the_bounds():
    long = f'fullnameOverride="{"m" * 60}"'
    assert max(len(each["metadata"]["name"]) for each in objects("full", long)) <= 63


def scaled(case):
    return {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in of_kind(kind, case).values()
    }


@pytest.mark.parametrize("case", CASES)
def test_who_decides_how_many_there_are_decides_alone(case):
    for deployment in of_kind("Deployment", case).values():
        owned = deployment["metadata"]["name"] in scaled(case)
        assert ("replicas" in deployment["spec"]) is not owned
    assert case != "full" or len(scaled(case)) == 4


def test_no_replicas_is_none_and_not_the_default():
    assert of_kind("Deployment", "gateway")["worker-slow"]["spec"]["replicas"] == 0
    assert of_kind("Deployment", "", "relay.replicas=0")["relay"]["spec"]["replicas"] == 0


def test_keda_counts_what_waits_in_the_database_with_the_relays_role():
    (trigger,) = of_kind("ScaledObject", "full")["worker-index"]["spec"]["triggers"]
    assert "queue = 'index'" in trigger["metadata"]["query"]
    (reference,) = of_kind("TriggerAuthentication", "full")["worker-index"]["spec"]["secretTargetRef"]
    assert (reference["parameter"], reference["key"]) == ("connection", "DATABASE_RELAY_URL")


def test_what_keda_asks_is_within_the_relays_rights():
    from django.db import connections

    (trigger,) = of_kind("ScaledObject", "full")["worker-forget"]["spec"]["triggers"]
    with connections["relay"].cursor() as cursor:
        cursor.execute(trigger["metadata"]["query"])
        assert cursor.fetchone()[0] >= 0


def test_a_disruption_budget_never_forbids_every_disruption():
    for budget in of_kind("PodDisruptionBudget", "full").values():
        assert budget["spec"]["maxUnavailable"] >= 1
    assert set(of_kind("PodDisruptionBudget", "gateway")) == {"api"}


def test_pods_of_one_component_are_spread():
    for name, deployment in of_kind("Deployment", "full").items():
        (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == name
        assert spread["topologyKey"] == "topology.kubernetes.io/zone"
        assert spread["nodeTaintsPolicy"] == "Honor", "else a node that is drained counts, and cannot be drained"


def test_the_state_stays_when_the_release_goes():
    claims = of_kind("PersistentVolumeClaim")
    assert set(claims) == {"keys", "record"}
    for claim in claims.values():
        assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert of_kind("PersistentVolumeClaim", "gateway") == {}
    names = {each["name"]: each.get("persistentVolumeClaim") for each in pods("gateway")["api"]["spec"]["volumes"]}
    assert names["keys"] == {"claimName": "memory-keys"}


def test_an_image_with_a_digest_is_named_by_it():
    for pod in pods("full").values():
        assert container(pod)["image"] == f"registry.example.org/memwrit@sha256:{'0' * 64}"
    assert container(pods()["api"])["image"].endswith(":0.1.0")


def test_published_names_are_names_the_server_answers_to():
    for case, name in (("full", "memory.example.org"), ("gateway", "memwrit.example.org")):
        hosts = of_kind("ConfigMap", case)["main"]["data"]["ALLOWED_HOSTS"].split(",")
        assert name in hosts
    service = of_kind("Service")["main"]["metadata"]["name"]
    assert service in of_kind("ConfigMap")["main"]["data"]["ALLOWED_HOSTS"].split(",")


def test_everything_a_jobs_pod_does_is_bounded_in_time():
    for each in objects("full"):
        if each["kind"] == "Job":
            assert each["spec"]["activeDeadlineSeconds"] > 0
        if each["kind"] == "CronJob":
            assert each["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
            assert each["spec"]["concurrencyPolicy"] == "Forbid"
