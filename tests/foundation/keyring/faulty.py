"""A KMS that fails as real ones do: when told to, in one verb, before or after the deed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from foundation.keyring.file_kms import FileKms
from foundation.keyring.kms import EpochGone, EpochUnknown, KmsDown

VERBS = ("create_epoch", "wrap", "unwrap", "destroy_epoch", "epochs")


def timeout() -> None:
    raise KmsDown("timeout")


def status_503() -> None:
    raise KmsDown("503")


def wrong_version() -> None:
    raise EpochUnknown


def key_gone() -> None:
    raise EpochGone


class FaultyKms:
    """The file KMS behind faults. `faults[verb]` is raised instead of the deed, `late[verb]` after it was done (the
    answer is lost). `calls` counts what was asked."""

    def __init__(self, place: str) -> None:
        self.inner = FileKms(place)
        self.assurance = self.inner.assurance
        self.faults: dict[str, Callable[[], None]] = {}
        self.late: dict[str, Callable[[], None]] = {}
        self.calls: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        if verb not in VERBS:
            raise AttributeError(verb)
        return lambda *args: self._do(verb, *args)

    def _do(self, verb: str, *args: Any) -> Any:
        self.calls.append(verb)
        self.faults.get(verb, _nothing)()
        answer = getattr(self.inner, verb)(*args)
        self.late.get(verb, _nothing)()
        return answer


def _nothing() -> None:
    pass


class OtherKeys(FaultyKms):
    """A KMS that lost its state and began anew: it answers, with other keys."""

    def forget(self) -> None:
        self.inner = FileKms(f"{self.inner._folder}-{uuid4()}")
