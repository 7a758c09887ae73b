"""`memwrit reindex`: a new generation beside the old one, the same with another embedder, and how far it is."""

import json
from datetime import timedelta

import pytest

from foundation.keyring import keys
from foundation.search import generations
from foundation.search.models import Swap
from governance.services import swap_index
from memwrit.cli import parser
from memwrit.commands import reindex
from memwrit.commands.telling import Refused
from tests.governance.builders import admitted
from tests.governance.swapping import CONSTANT, OTHER, numbers
from tests.governance.test_swap_index import TEXTS, found


@pytest.fixture(autouse=True)
def at_once(settings):
    settings.INDEX_DRAIN = timedelta(0)
    settings.EMBEDDERS = [OTHER, CONSTANT]


@pytest.fixture
def memories(agent, space):
    return [admitted(agent, space, text, source=f"chat:{at}") for at, text in enumerate(TEXTS)]


@pytest.fixture
def run(tenant, capsys):
    def run(*given):
        capsys.readouterr()
        arguments = parser().parse_args(["reindex", "--tenant", str(tenant), "--json", *given])
        code = reindex.run(arguments)
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_it_writes_the_index_anew_and_says_how_far_it_is(agent, memories, run):
    code, told = run()
    assert code == 0
    assert (told[-1]["state"], told[-1]["done"], told[-1]["of"], told[-1]["percent"]) == ("done", 4, 4, 100)
    assert list(dict.fromkeys(each["state"] for each in told))[-3:] == ["checking", "draining", "done"]
    assert numbers() == [2]
    assert found(agent, TEXTS[2])[0] == TEXTS[2]


def test_it_swaps_the_embedder(agent, memories, run):
    code, told = run("--embedder", OTHER)
    assert (code, told[-1]["embedded"]) == (0, 4)
    assert [one.embedder for one in generations.live()] == ["pairs@1"]
    assert found(agent, TEXTS[2])[0] == TEXTS[2]


def test_an_embedder_this_deployment_does_not_have_is_refused_before_anything_is_begun(memories, run):
    with pytest.raises(Refused, match="EMBEDDERS"):
        run("--embedder", "no-such@1")
    assert swap_index.latest() is None


def test_status_tells_generations_and_progress_and_does_nothing(tenant, agent, memories, run):
    keys.named("index", "1")
    code, [told] = run("--status")
    assert (code, told["swap"]) == (0, None)
    assert told["generations"] == [{"number": 1, "embedder": "hash@1", "state": "active", "owed_since": None}]
    begun = swap_index.begin(Swap.Cause.OPERATOR)
    _, [told] = run("--status")
    assert [one["state"] for one in told["generations"]] == ["active", "building"]
    assert (told["swap"]["id"], told["swap"]["state"], told["swap"]["percent"]) == (str(begun.id), "filling", 0)
    assert "\n".join(reindex._lines(reindex.status(tenant))).count("generation") == 2


def test_it_goes_on_with_what_is_open_and_another_embedder_has_to_wait(agent, memories, run):
    from foundation.kernel.problems import InProgress

    begun = swap_index.begin(Swap.Cause.ERASURE)
    with pytest.raises(InProgress):
        run("--embedder", OTHER)
    code, told = run()
    assert (code, told[-1]["id"], told[-1]["state"]) == (0, str(begun.id), "done")


def test_it_can_be_stopped_before_the_switch(agent, memories, run):
    swap_index.begin(Swap.Cause.OPERATOR, embedder=OTHER)
    code, told = run("--stop")
    assert (code, told[-1]["state"], told[-1]["failure"]) == (0, "stopped", "stopped")
    assert numbers() == [1]
    assert run("--stop") == (0, [])


def test_a_tenant_without_an_index_has_nothing_to_write(tenant, run):
    assert run() == (0, [])
    assert generations.live() == []
