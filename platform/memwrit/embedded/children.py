"""What every child process of ours has in common: no core dumps, and it does not outlive the parent unnoticed."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def bound_to_parent(sent: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: no core dump (memory at rest), and `sent` when the parent dies, where the kernel offers it.

    The kernel watches the *thread* that forked, so only a child of the main thread is bound.
    """
    watch = sys.platform == "linux" and threading.current_thread() is threading.main_thread()
    libc = ctypes.CDLL(None) if watch else None

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)

    return prepare
