"""Who may reach whom, worked out of the policies as a cluster would: what no policy allows is denied."""

import pytest

from tests.helm.rendered import CASES, NEWEST, objects, of_kind, pods  # noqa: F401

BROKER = 'credentials.broker.existingSecret="b"'


def selects(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def policies(case, labels, direction, *sets):
    for each in of_kind("NetworkPolicy", case, *sets).values():
        spec = each["spec"]
        if direction in spec["policyTypes"] and selects(spec["podSelector"], labels):
            yield each


def reaches(case, name, *sets):
    """Ports a component may reach, and what of."""
    labels = pods(case, *sets)[name]["metadata"]["labels"]
    found = {}
    for policy in policies(case, labels, "Egress", *sets):
        for rule in policy["spec"].get("egress", []):
            for port in rule["ports"]:
                found[port["port"]] = rule.get("to", "anywhere")
    return found


def reached(case, name, *sets):
    labels = pods(case, *sets)[name]["metadata"]["labels"]
    rules = [rule for policy in policies(case, labels, "Ingress", *sets) for rule in policy["spec"].get("ingress", [])]
    return {port["port"] for rule in rules for port in rule["ports"]}


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_denied_what_is_not_named_in_both_directions(case):
    for name, pod in pods(case).items():
        for direction in ("Ingress", "Egress"):
            assert list(policies(case, pod["metadata"]["labels"], direction)), (name, direction)


@pytest.mark.parametrize("case", CASES)
def test_no_rule_leaves_the_ports_open(case):
    for policy in of_kind("NetworkPolicy", case).values():
        for rule in policy["spec"].get("egress", []) + policy["spec"].get("ingress", []):
            assert rule["ports"]
            assert all("port" in port for port in rule["ports"])


def test_each_reaches_what_it_needs_and_nothing_else():
    found = {name: set(reaches("", name, BROKER)) - {53} for name in pods("", BROKER)}
    database, queue = {5432}, {5432, 6379}
    workers = {name: queue for name in found if name.startswith("worker-")}
    assert len(workers) == 5
    assert found == workers | {
        "api": database,
        "relay": queue,
        "sequencer": database,
        "upkeep": database,
        "parity": database,
        "migrate": database,
        "check": database,
        "canary": {8700},
    }


def test_where_each_goes_is_where_the_values_say():
    assert reaches("full", "api")[5432] == [{"ipBlock": {"cidr": "10.1.0.0/24"}}]
    assert reaches("full", "worker-index")[6380] == [{"ipBlock": {"cidr": "10.1.1.0/24"}}]
    assert reaches("full", "template")[9200] == [{"podSelector": {"matchLabels": {"app": "opensearch"}}}]
    assert reaches("full", "migrate")[5432] == [{"ipBlock": {"cidr": "10.1.0.0/24"}}]


def test_only_who_asks_strangers_reaches_the_outside_and_never_what_is_private():
    outside = {name for name in pods("full") if 443 in reaches("full", name)}
    assert outside == {"api", "worker-slow"}
    (block,) = reaches("full", "api")[443]
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"}
    assert private <= set(block["ipBlock"]["except"])
    assert not [name for name in pods() if 443 in reaches("", name)]


def test_upkeep_reaches_the_outside_where_it_asks_witnesses():
    named = 'settings.WITNESSES="w.example+01234567+AAAA=https://w.example"'
    outside = {name for name in pods("full", named) if 443 in reaches("full", name, named)}
    assert outside == {"api", "worker-slow", "upkeep"}


def test_only_the_web_server_is_reached_beside_the_metrics():
    found = {name: reached("", name, BROKER, "metrics.enabled=false") for name in pods("", BROKER)}
    assert {name for name, ports in found.items() if ports} == {"api"}
    assert found["api"] == {8700}


def test_the_canary_reaches_the_web_server_and_is_let_in():
    (to,) = reaches("full", "canary")[8700]
    assert selects(to["podSelector"], pods("full")["api"]["metadata"]["labels"])
    clients = of_kind("NetworkPolicy", "full")["clients"]["spec"]["ingress"][0]["from"]
    canary = pods("full")["canary"]["metadata"]["labels"]
    assert any("podSelector" in each and selects(each["podSelector"], canary) for each in clients)


def test_a_hook_brings_its_way_through_the_network_before_it_runs():
    for name in ("migrate", "template", "check"):
        policy = of_kind("NetworkPolicy", "full")[name]
        job = of_kind("Job", "full")[name]
        weight = int(policy["metadata"]["annotations"]["helm.sh/hook-weight"])
        assert weight < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
        account = of_kind("ServiceAccount", "full")[name]
        assert int(account["metadata"]["annotations"]["helm.sh/hook-weight"]) < int(
            job["metadata"]["annotations"]["helm.sh/hook-weight"]
        )


def test_the_tables_come_first_then_the_template_then_the_check():
    jobs = of_kind("Job", "full")
    weights = [
        int(jobs[name]["metadata"]["annotations"]["helm.sh/hook-weight"]) for name in ("migrate", "template", "check")
    ]
    assert weights == sorted(weights)
    assert len(set(weights)) == 3


def test_who_backs_up_reaches_the_databases_alone():
    assert set(reaches("full", "backup")) - {53} == {5432}


def test_telemetry_goes_to_the_collector_that_is_named():
    monitoring = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert reaches("full", "sequencer")[4318] == monitoring
    assert 4318 not in reaches("", "sequencer")
    assert 4318 not in reaches("full", "migrate")
