"""The memory explorer's form: what is looked for, when, and through whose eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms

from foundation.kernel.principal import Role
from foundation.kernel.problems import FieldError, Validation
from governance.explorer import Wanted
from governance.models import Kind, State
from governance.services.search import Question
from governance.services.search_as import Standpoint
from governance.timeline import Moment
from memwrit.console.fields import MomentField, choose, identified
from memwrit.console.forms import ServiceForm

LISTED = (State.HELD, State.RESTRICTED, State.EXPIRED, State.ARCHIVED, State.MERGED)
ANY = {"any-agent": Role.AGENT, "any-reader": Role.READER}
FOUND = 20


class Exploring(ServiceForm):
    """Everything is optional: without a question the newest memories are listed.

    `others`: the credentials through whose eyes may be looked; None where the asker may not.
    """

    query = forms.CharField(label="Question", required=False, max_length=4096)
    through = forms.ChoiceField(label="Seen as", required=False)
    space = forms.ChoiceField(required=False)
    kind = forms.ChoiceField(required=False, choices=[("", "All"), *((each.value, each.value) for each in Kind)])
    state = forms.ChoiceField(
        required=False,
        choices=[("", "in service"), *((each.value, each.value) for each in LISTED)],
        help_text="For lists; a question finds what is in service.",
    )
    labels = forms.CharField(required=False, max_length=512, help_text="Separated by spaces; all of them.")
    subject = forms.CharField(label="Person", required=False, max_length=256, help_text="Your own name for them.")
    as_of = MomentField(label="As of", required=False, help_text="What was true then.")
    known_at = MomentField(label="Known at", required=False, help_text="What the store knew then.")

    def __init__(
        self, *args: Any, spaces: Mapping[UUID, str], others: Sequence[Standpoint] | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "space", [("", "All that I reach"), *((str(id), name) for id, name in spaces.items())])
        self.others = {str(number): each for number, each in enumerate(others or ())}
        if others is None:
            del self.fields["through"]
        else:
            named = [(key, f"{each.name or 'unnamed'} ({each.role})") for key, each in self.others.items()]
            general = [(key, f"any {role} of the chosen space") for key, role in ANY.items()]
            choose(self, "through", [("", "myself"), *named, *general])

    def standpoint(self) -> Standpoint | None:
        """Whose eyes were chosen; None: the asker's own. Raises `Validation` where a space is missing."""
        chosen = self.cleaned_data.get("through", "")
        if chosen not in ANY:
            return self.others.get(chosen)
        space_id = identified(self.cleaned_data["space"])
        if space_id is None:
            raise Validation(errors=[FieldError("/space", "required", "Choose a space.")])
        return Standpoint(ANY[chosen], frozenset({space_id}))

    @property
    def moment(self) -> Moment:
        return Moment(self.cleaned_data["as_of"], self.cleaned_data["known_at"])

    def question(self) -> Question:
        """What a search is asked."""
        told, space_id = self.cleaned_data, identified(self.cleaned_data["space"])
        return Question(
            query=told["query"],
            spaces=(space_id,) if space_id else (),
            k=FOUND,
            kinds=(told["kind"],) if told["kind"] else (),
            labels=tuple(told["labels"].split()),
            subjects=(told["subject"],) if told["subject"] else (),
            moment=self.moment,
        )

    def wanted(self, before: UUID | None) -> Wanted:
        """What a list is asked, where there is no question."""
        told = self.cleaned_data
        return Wanted(
            space_id=identified(told["space"]),
            kind=told["kind"] or None,
            labels=tuple(told["labels"].split()),
            subject=told["subject"] or None,
            state=told["state"] or None,
            moment=self.moment,
            before=before,
        )
