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
    """The form of a policy, the look at what it would do, and its putting in force."""

    acts = {}

    def answer(self, form: RuledForm, policy_id: UUID | None) -> HttpResponse:
        if not form.is_valid():
            return self.shown(form, policy_id, status=422)
        try:
            if "try" in self.request.POST:
                return self.shown(form, policy_id, **self.tried(form, policy_id))
            return self.put_in_force(form, policy_id)
        except Validation as problem:
            form.refuse(problem)
            return self.shown(form, policy_id, status=422)

    def shown(self, form: RuledForm, policy_id: UUID | None, *, status: int = 200, **more: Any) -> HttpResponse:
        return self.show({"form": form, "policy_id": policy_id} | more, status=status)

    def tried(self, form: Any, policy_id: UUID | None) -> Mapping[str, Any]:
        """What the page says of a simulation of what was typed; raises `Validation`."""
        raise NotImplementedError

    def put_in_force(self, form: Any, policy_id: UUID | None) -> HttpResponse:
        """Make it, or a new version of it."""
        raise NotImplementedError


def _chosen(request: HttpRequest, versions: Sequence[Any]) -> tuple[Any, Any] | None:
    """The two versions that were asked for, or else the last two."""
    by_number = {str(each.policy.version): each for each in versions}
    asked = [by_number[text] for name in ("from", "to") if (text := request.GET.get(name, "")) in by_number]
    if len(asked) == 2:
        return asked[0], asked[1]
    return (versions[1], versions[0]) if len(versions) > 1 else None
