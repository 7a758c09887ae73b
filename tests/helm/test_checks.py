"""The chart through other people's checkers: Helm 4 and 3, the API's schemas, checkov, promtool."""

import subprocess

import pytest
import yaml

from tests.helm import rendered
from tests.helm.rendered import CASES, CHART, MIDDLE, NEWEST, OLDEST
from tests.helm.tools import checker, helm, promtool, run

# Their schemas are not part of Kubernetes; the operators that bring them check them.
FOREIGN = {"ExternalSecret", "HTTPRoute", "PrometheusRule", "ScaledObject", "ServiceMonitor", "TriggerAuthentication"}


@pytest.mark.parametrize("version", [4, 3])
@pytest.mark.parametrize("case", CASES)
def test_helm_finds_no_fault(case, version):
    done = run(helm(version), "lint", "--strict", CHART, "-f", CHART / "ci" / f"{case}.yaml")
    assert "0 chart(s) failed" in done.stdout


@pytest.mark.parametrize("kubernetes", [OLDEST, MIDDLE, NEWEST])
@pytest.mark.parametrize("case", CASES)
def test_every_object_follows_the_schema_of_its_kind(case, kubernetes, tmp_path):
    manifests = tmp_path / "manifests.yaml"
    things = yaml.safe_load_all(rendered.text(case, kubernetes=kubernetes))
    manifests.write_text(yaml.safe_dump_all([each for each in things if each and each["kind"] not in FOREIGN]))
    version = kubernetes.rpartition(".")[0]
    done = run(checker("kubernetes-validate"), "--strict", "-k", version, manifests)
    assert "WARN" not in done.stdout + done.stderr


def test_the_schemas_refuse_an_unknown_property(tmp_path):
    """The control of the test above."""
    (wrong := tmp_path / "wrong.yaml").write_text(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nautomountServiceAccountTokens: false\n"
    )
    assert run(checker("kubernetes-validate"), "--strict", "-k", "1.34", wrong, check=False).returncode != 0


@pytest.mark.parametrize("case", CASES)
def test_helm_3_renders_what_helm_4_renders(case):
    three = rendered.text(case, version=3)
    assert list(filter(None, yaml.safe_load_all(three))) == rendered.objects(case)


def test_an_older_kubernetes_is_refused():
    done = run(helm(4), "template", "memory", CHART, "--kube-version", "1.30.0", check=False)
    assert "chart requires kubeVersion" in done.stderr


def test_rendering_twice_gives_the_same():
    options = ["template", "memory", CHART, "-n", "inner", "-f", CHART / "ci" / "full.yaml", "--kube-version", NEWEST]
    assert run(helm(4), *options).stdout == rendered.text("full")


@pytest.mark.parametrize("case", CASES)
def test_checkov_finds_nothing_and_is_told_to_skip_nothing(case, tmp_path):
    (manifests := tmp_path / "manifests.yaml").write_text(rendered.text(case))
    done = _checkov(manifests)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Failed checks: 0, Skipped checks: 0" in done.stdout


def test_checkov_finds_what_is_wrong(tmp_path):
    """The control of the test above."""
    text = rendered.text("small").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    (manifests := tmp_path / "manifests.yaml").write_text(text)
    assert "CKV_K8S_22" in _checkov(manifests).stdout


def _checkov(manifests) -> subprocess.CompletedProcess[str]:
    options = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "-o", "cli"]
    return run(checker("checkov"), "-f", manifests, *options, check=False)


def test_checkov_finds_no_fault_with_the_image():
    options = ["--framework", "dockerfile", "--compact", "--quiet", "--skip-download", "-o", "cli"]
    skipped = ["--skip-check", "CKV_DOCKER_2"]  # a HEALTHCHECK: one image, many processes; the chart has their probes
    done = run(checker("checkov"), "-f", CHART.parents[1] / "Dockerfile", *options, *skipped, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(not promtool(), reason="promtool is not installed (Debian: prometheus)")
def test_the_alert_rules_are_sound():
    rules = sorted((CHART / "rules").glob("*.y*ml"))
    assert rules
    run(promtool(), "check", "rules", *rules)
