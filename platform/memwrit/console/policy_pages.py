"""What the pages of versioned policies share: versions side by side, and an edit that is tried before it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from foundation.kernel.problems import Validation
from foundation.kernel.scope import tenant_transaction
from governance import names
from memwrit.console import comparing
from memwrit.console.ruled_form import RuledForm
from memwrit.console.views import Page


class PolicyVersions(Page):
    """One policy: its versions, and two of them side by side."""

    acts = {"GET": "policy.read"}

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        with tenant_transaction():
            versions = self.versions(id)
            people = names.principals(each.principal_id for each in versions)
        chosen = _chosen(request, versions)
        told = {"versions": versions, "newest": versions[0], "people": people, "policy_id": id, "chosen": chosen}
        return told | {"differences": self._differences(*chosen) if chosen else None}

    def versions(self, id: UUID) -> Sequence[Any]:
        """Newest first, each with `policy`, `principal_id` and `created_at` (inside a transaction)."""
        raise NotImplementedError

    def differences(self, old: Any, new: Any) -> Sequence[tuple[str, str, str]]:
        """(of what, as it was, as it is), where two policies say something else."""
        raise NotImplementedError

    def _differences(self, old: Any, new: Any) -> list[comparing.Sides]:
        return [comparing.sides(*each) for each in self.differences(old.policy, new.policy)]


class PolicyEditing(Page):
    """The form of a policy, the look at what it would do, and its putting in force. Without an id in its route it makes
    one. Subclasses say `look` again: a page's look is its own."""

    acts = {"GET": "config.change", "POST": "config.change"}
    look = "policy.read"

    @property
    def policy_id(self) -> UUID | None:
        """The policy that is replaced; None: a new one is made."""
        return self.kwargs.get("id")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self._shown(self.make())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.make(request.POST)
        if not form.is_valid():
            return self._shown(form, status=422)
        try:
            if "try" in request.POST:
                return self._shown(form, **self.tried(form))
            return self.put_in_force(form)
        except Validation as problem:
            form.refuse(problem)
            return self._shown(form, status=422)

    def _shown(self, form: RuledForm, *, status: int = 200, **more: Any) -> HttpResponse:
        return self.show({"form": form, "policy_id": self.policy_id} | more, status=status)

    def make(self, data: Any = None) -> RuledForm:
        """The form as the policy stands, or with what was sent."""
        raise NotImplementedError

    def tried(self, form: Any) -> Mapping[str, Any]:
        """What the page says of a simulation of what was typed; raises `Validation`."""
        raise NotImplementedError

    def put_in_force(self, form: Any) -> HttpResponse:
        """Make it, or a new version of it."""
        raise NotImplementedError


def _chosen(request: HttpRequest, versions: Sequence[Any]) -> tuple[Any, Any] | None:
    """The two versions that were asked for, or else the last two."""
    by_number = {str(each.policy.version): each for each in versions}
    asked = [by_number[text] for name in ("from", "to") if (text := request.GET.get(name, "")) in by_number]
    if len(asked) == 2:
        return asked[0], asked[1]
    return (versions[1], versions[0]) if len(versions) > 1 else None
