"""The Job that puts a backup back is made of parity's: it has what a restore opens, and is as confined."""

import pytest
import yaml

from deploy.on_cluster.release import values
from deploy.on_cluster.restoring import BACKUPS, MORE, restorer
from tests.helm.rendered import container, given, of_kind, pods

SETS = (
    'credentials.backup.existingSecret="memwrit-backup"',
    "cron.backup.enabled=true",
    'cron.backup.existingClaim="memory-memwrit-backups"',
)


@pytest.fixture
def pod():
    parity = of_kind("CronJob", "", *SETS)["parity"]
    return restorer(parity, "20261123T001500Z")["spec"]["template"]


def test_it_restores_the_backup_it_was_given_over_what_is_there(pod):
    assert container(pod)["args"] == ["restore", "--from", f"{BACKUPS}/20261123T001500Z", "--replace", "--json"]


def test_it_has_the_roles_a_restore_needs_and_names_each_file(pod):
    wanted = {each for settings in MORE.values() for each in settings}
    wanted |= {"DATABASE_URL", "KEYRING_DATABASE_URL", "DATABASE_ERASER_URL", "KEYRING_ERASER_URL"}
    assert given(pod) == wanted
    named = {each["name"] for each in container(pod)["env"] if each["name"].endswith("_FILE")}
    assert named == {f"{each}_FILE" for each in wanted}
    assert not wanted <= given(pods("", *SETS)["parity"]), "the control: parity's own pod has less"


def test_it_has_keys_record_and_backups_and_cannot_write_the_last(pod):
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in container(pod)["volumeMounts"]}
    assert mounts[BACKUPS] is True
    assert {"/var/lib/memwrit/keys", "/var/lib/memwrit/record"} <= set(mounts)
    assert {each["name"] for each in container(pod)["volumeMounts"]} <= {
        each["name"] for each in pod["spec"]["volumes"]
    }


def test_it_is_as_confined_as_parity_and_known_to_the_same_policies(pod):
    parity = pods("", *SETS)["parity"]
    assert container(pod)["securityContext"] == container(parity)["securityContext"]
    assert pod["metadata"]["labels"] == parity["metadata"]["labels"]


def test_the_cluster_s_values_render(tmp_path):
    """What `deploy/cluster` installs, as the schema and the templates take it."""
    from tests.helm.rendered import CHART
    from tests.helm.tools import helm, run

    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values("localhost/memwrit:cluster")))
    made = run(helm(4), "template", "memory", CHART, "-f", path, "--kube-version", "1.35.0").stdout
    assert "memory-memwrit-backup" in made
