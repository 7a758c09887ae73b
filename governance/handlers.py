"""What governance owes after a change: run by `memwrit tick`, in the tenant's scope, and safe to repeat."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from foundation.kernel.outbox import handles, settle

Refs = Sequence[dict[str, Any]]


@handles("search.index")
def index(refs: Refs) -> None:
    from governance.indexing import reindex

    reindex(sorted({UUID(ref["id"]) for ref in refs}), last=settle)


@handles("memory.retire")
def retire(refs: Refs) -> None:
    from governance.services.retire import retire as run

    run(sorted({UUID(cube_id) for ref in refs for cube_id in ref["ids"]}))


@handles("guard.judge")
def ask_judge(refs: Refs) -> None:
    from governance.services.ask_judge import ask_judge as run

    run(refs)


@handles("guard.rejudge")
def judge_again(refs: Refs) -> None:
    from governance.services.judge_again import judge_again as run

    run(refs)


@handles("memory.drop_version")
def drop_version(refs: Refs) -> None:
    from governance.forgetting import drop_versions

    drop_versions([UUID(ref["version"]) for ref in refs])


@handles("erasure.run")
def erase(refs: Refs) -> None:
    from governance.services.run_erasure import run_erasure

    for ref in refs:
        operation = ref["operation"]
        run_erasure(UUID(ref["request"]), UUID(operation) if operation else None)


@handles("rollback.run")
def roll_back(refs: Refs) -> None:
    from governance.services.run_rollback import run_rollback

    for rollback_id in sorted({UUID(ref["rollback"]) for ref in refs}):
        run_rollback(rollback_id)


@handles("index.swap")
def swap_index(refs: Refs) -> None:
    from governance.services.swap_index import work_on

    for swap_id in {UUID(ref["swap"]) for ref in refs}:
        work_on(swap_id)


@handles("incident.decide")
def decide(refs: Refs) -> None:
    from governance.services.review_incident import decide_incident

    for ref in refs:
        decide_incident(UUID(ref["incident"]), UUID(ref["operation"]))


@handles("lesson.outcome")
def learn_outcome(refs: Refs) -> None:
    from governance.lessons import learn_outcome as run

    for ref in refs:
        run(UUID(ref["memory"]), ref["version"], UUID(ref["reporter"]), success=ref["success"])
