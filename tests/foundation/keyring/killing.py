"""Kill a process between two steps of an act: the act runs in a fork, which sends itself SIGKILL."""

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from django.db import connections

from foundation.keyring import steps

Act = Callable[[], object]


def steps_of(act: Act) -> list[str]:
    """Run `act` here; the steps it reached, in order."""
    seen: list[str] = []
    _replacing(seen.append, act)
    return seen


def killed_at(index: int, act: Act) -> bool:
    """Run `act` in a fork that dies on reaching its `index`-th step; False if it ended before."""
    connections.close_all()  # the fork must not share them
    child = os.fork()
    if child == 0:
        _run_and_die(index, act)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the act failed before it could be killed"
    return False


def _run_and_die(index: int, act: Act) -> NoReturn:
    seen: list[str] = []

    def reached(step: str) -> None:
        seen.append(step)
        if len(seen) == index + 1:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        _replacing(reached, act)
        os._exit(0)
    except BaseException:
        os._exit(1)


def _replacing(reached: Callable[[str], None], act: Act) -> None:
    original, steps.reached = steps.reached, reached
    try:
        act()
    finally:
        steps.reached = original
