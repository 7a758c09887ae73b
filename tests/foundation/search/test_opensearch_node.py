"""The node that tests share: nobody takes it from another, and where none can be made the reason is told."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.opensearch import assemble, node
from tests.opensearch.assemble import CannotBeMade

CHECKOUT = Path(__file__).resolve().parents[3]


def test_a_node_that_is_slow_to_answer_is_waited_for_and_not_taken_from_those_who_use_it(opensearch_node):
    """A busy machine made a second process believe the shared node dead: it ended it, and the first one's tests with it."""
    if opensearch_node.data is None:
        pytest.skip("needs a node of our own: OPENSEARCH_URL names somebody else's")
    state = node._state(node.place())
    os.killpg(state["pid"], signal.SIGSTOP)
    again = threading.Timer(8.0, os.killpg, (state["pid"], signal.SIGCONT))
    again.start()
    try:
        joined = subprocess.run(
            [sys.executable, "-m", "tests.opensearch.node"], cwd=CHECKOUT, input="", capture_output=True, text=True
        )
    finally:
        again.join()
        os.killpg(state["pid"], signal.SIGCONT)
    assert json.loads(joined.stdout)["url"] == opensearch_node.url
    assert json.loads(joined.stdout)["seconds"] > 5, "the control: it was slow"
    assert node._state(node.place())["pid"] == state["pid"]
    assert node.answers(opensearch_node.url)


def test_without_maven_the_tests_that_need_a_node_are_skipped_and_say_why(tmp_path):
    for tool in ("java", "mvn", "apt-get"):
        assert not (tmp_path / tool).exists()
    test = "tests/foundation/search/conformance/test_engines.py::test_an_empty_index_finds_nothing"
    wanted = {
        "PATH": _path_without(tmp_path),
        "HOME": str(tmp_path),
        "MEMWRIT_OPENSEARCH_PLACE": str(tmp_path / "place"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", test, "-k", "opensearch"],
        cwd=CHECKOUT,
        env=wanted,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "1 skipped" in done.stdout
    assert "needs OpenSearch: OpenSearch comes from Maven" in done.stdout


def test_what_one_process_of_a_run_could_not_make_its_neighbour_does_not_try_again(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENSEARCH_URL", raising=False)
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run-1")
    monkeypatch.setattr(node, "place", lambda: tmp_path)
    tried = []

    def cannot(folder):
        tried.append(folder)
        raise CannotBeMade("no registry")

    monkeypatch.setattr(node, "cluster_of_one", cannot)
    for _ in range(2):
        with pytest.raises(CannotBeMade, match="no registry"), node.running():
            pass
    assert len(tried) == 1
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run-2")
    with pytest.raises(CannotBeMade), node.running():
        pass
    assert len(tried) == 2, "another run tries again"


def test_a_step_that_hangs_or_is_not_there_is_told_as_such(monkeypatch):
    monkeypatch.setattr(assemble, "LONGEST", 0.2)
    with pytest.raises(CannotBeMade, match="sleep: TimeoutExpired"):
        assemble._run(["sleep", "5"])
    with pytest.raises(CannotBeMade, match="not-a-tool: FileNotFoundError"):
        assemble._run(["not-a-tool"])


def test_a_node_whose_owner_was_killed_is_ended_by_the_next_who_comes(tmp_path):
    """A sleeping stand-in for the node: what counts is whose it is."""
    own, kept = tmp_path / "own-1", tmp_path / "own-2"
    running = []
    for folder, owner in ((own, 0), (kept, os.getpid())):
        (folder / "n1").mkdir(parents=True)
        script = folder / "n1" / "node"
        script.write_text("#!/bin/sh\nwhile :; do sleep 1; done\n")
        running.append(subprocess.Popen(["/bin/sh", str(script)], start_new_session=True))
        (folder / "n1" / "pid").write_text(str(running[-1].pid))
        (folder / "owner").write_text(str(owner))
    node._clear_abandoned(tmp_path)
    gone, left = running
    assert gone.wait(30) != 0
    assert left.poll() is None, "the control: its owner lives"
    assert (own.exists(), kept.exists()) == (False, True)
    os.killpg(left.pid, signal.SIGKILL)
    left.wait()


def _path_without(folder: Path) -> str:
    """Tools enough for PostgreSQL and Python, and neither Java nor Maven nor apt."""
    for tool in ("setpriv", "chown", "chmod", "id", "sh", "bash", "env", "uname", "locale"):
        found = next((Path(at) / tool for at in ("/usr/bin", "/bin") if (Path(at) / tool).exists()), None)
        if found:
            (folder / tool).symlink_to(found)
    return str(folder)
