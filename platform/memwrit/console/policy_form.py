"""A PII policy as a form: its terms, and a row for each rule."""

from __future__ import annotations

from typing import Any

from django import forms

from foundation.kernel.problems import Problem
from guard.api.policies import PATH
from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, Action, Mode, PiiPolicy, Rule
from guard.services.pii_policies import Terms
from memwrit.console.fields import choose
from memwrit.console.forms import ServiceForm
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
BLANK = 3
MOST_RULES = 200


class TermsForm(ServiceForm):
    """What a policy says where no rule does."""

    name = forms.CharField(max_length=64)
    mode = forms.ChoiceField(choices=[(each.value, words) for each, words in MODES.items()])
    default_action = forms.ChoiceField(
        label="Otherwise", choices=[(each.value, words) for each, words in ACTIONS.items()]
    )
    match = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, named: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if named:  # decisions cite it, so it stays
            self.fields["name"].disabled = True
            self.initial["name"] = named


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


RuleForms = forms.formset_factory(RuleForm, extra=BLANK, max_num=MOST_RULES, absolute_max=MOST_RULES)


class PolicyForm:
    """Terms and rules together. `policy`: what they say before anybody typed."""

    def __init__(self, data: Any = None, *, policy: PiiPolicy = DEFAULT, match: str = "", named: str = "") -> None:
        initial = {"mode": policy.mode.value, "default_action": policy.default_action.value, "match": match}
        self.terms_form = TermsForm(data, initial=initial, named=named)
        self.rules = RuleForms(data, initial=[rule.as_json() for rule in policy.rules], prefix="rules")

    def is_valid(self) -> bool:
        return bool(self.terms_form.is_valid() & self.rules.is_valid())

    def refuse(self, problem: Problem) -> None:
        """Each wrong rule is told in its row, everything else above the form."""
        rows = [each for each in self.rules.forms if each.rule is not None]
        for wrong in problem.errors:
            _, about, place, *_ = [*wrong.pointer.split("/"), "", ""]
            if about == "rules" and place.isdigit() and int(place) < len(rows):
                rows[int(place)].add_error(None, wrong.detail or wrong.code)
            else:
                name = about if about in self.terms_form.fields else None
                self.terms_form.add_error(name, wrong.detail or wrong.code)
        if not problem.errors:
            self.terms_form.add_error(None, problem.detail)

    @property
    def name(self) -> str:
        return str(self.terms_form.cleaned_data["name"])

    @property
    def match(self) -> str:
        return str(self.terms_form.cleaned_data["match"])

    @property
    def terms(self) -> Terms:
        told = self.terms_form.cleaned_data
        rules = tuple(each.rule for each in self.rules.forms if each.rule is not None)
        return Terms(Mode(told["mode"]), Action(told["default_action"]), rules)

    def draft(self) -> PiiPolicy:
        """The policy that would be, for a simulation."""
        terms = self.terms
        return PiiPolicy(self.name, 0, terms.mode, terms.default_action, terms.rules)
