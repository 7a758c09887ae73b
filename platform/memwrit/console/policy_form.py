"""A PII policy as a form: its terms, and a row for each rule."""

from __future__ import annotations

from typing import Any

from django import forms

from guard.api.policies import PATH
from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, Action, Mode, PiiPolicy, Rule
from guard.services.pii_policies import Terms
from memwrit.console.fields import choose
from memwrit.console.forms import ServiceForm
from memwrit.console.ruled_form import NamedForm, RuledForm, rows_of
from tenants.roles import CREDENTIAL_ROLES

MODES = {
    Mode.STRICT: "strict: whatever any recogniser suspects",
    Mode.BALANCED: "balanced: what has context or confidence",
}
ACTIONS = {
    Action.REDACT: "redact: gone",
    Action.MASK: "mask: the last four signs stay",
    Action.PSEUDONYMISE: "pseudonymise: a token, which may be revealed",
    Action.HASH: "hash: a token, never revealed",
    Action.KEEP: "keep",
    Action.REJECT: "reject the whole memory",
}
MOST_RULES = 200


class TermsForm(NamedForm):
    """What a policy says where no rule does."""

    mode = forms.ChoiceField(choices=[(each.value, words) for each, words in MODES.items()])
    default_action = forms.ChoiceField(
        label="Otherwise", choices=[(each.value, words) for each, words in ACTIONS.items()]
    )


class RuleForm(ServiceForm):
    """One rule. An empty row is none."""

    entity = forms.ChoiceField(label="What", required=False)
    path = forms.RegexField(PATH, label="Where", required=False, max_length=256, error_messages={"invalid": "No path."})
    action = forms.ChoiceField(label="Then", required=False)
    reveal_to = forms.MultipleChoiceField(
        label="Revealed to",
        required=False,
        choices=[(role.value, role.value) for role in CREDENTIAL_ROLES],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "entity", [("", "anything"), *((each.value, each.value) for each in Entity)])
        choose(self, "action", [("", "no rule"), *((each.value, each.value) for each in Action)])

    @property
    def rule(self) -> Rule | None:
        told = self.cleaned_data
        if not told.get("action"):
            return None
        entity = Entity(told["entity"]) if told["entity"] else None
        return Rule(Action(told["action"]), entity, told["path"] or None, tuple(told["reveal_to"]))


RuleForms = rows_of(RuleForm, MOST_RULES)


class PolicyForm(RuledForm):
    """Terms and rules together. `policy`: what they say before anybody typed."""

    def __init__(self, data: Any = None, *, policy: PiiPolicy = DEFAULT, match: str = "", named: str = "") -> None:
        initial = {"mode": policy.mode.value, "default_action": policy.default_action.value, "match": match}
        self.terms_form: TermsForm = TermsForm(data, initial=initial, named=named)
        self.rules = RuleForms(data, initial=[rule.as_json() for rule in policy.rules], prefix="rules")

    @property
    def terms(self) -> Terms:
        told = self.terms_form.cleaned_data
        return Terms(Mode(told["mode"]), Action(told["default_action"]), tuple(self.given()))

    def draft(self) -> PiiPolicy:
        """The policy that would be, for a simulation."""
        terms = self.terms
        return PiiPolicy(self.name, 0, terms.mode, terms.default_action, terms.rules)
