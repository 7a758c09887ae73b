"""A retention policy as a form: a row for each rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from governance.api.retention import MOST_RULES
from governance.models import Kind
from governance.retention.ages import Age
from governance.retention.rules import RetentionPolicy, Rule
from guard.api.shapes import LABEL
from memwrit.console.fields import choose, identified
from memwrit.console.forms import ServiceForm
from memwrit.console.ruled_form import NamedForm, RuledForm, rows_of


class AgeField(forms.CharField):
    """An ISO 8601 duration; empty for none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=48, **kwargs)

    def clean(self, value: Any) -> Age | None:  # type: ignore[override]
        text = super().clean(value).strip().upper()
        try:
            return Age.parse(text) if text else None
        except ValueError as error:
            raise forms.ValidationError("As P90D, P18M or P7Y; at most 100 years.") from error


class RetentionRuleForm(ServiceForm):
    """One rule. An empty row is none."""

    kind = forms.ChoiceField(label="Kind", required=False)
    label = forms.RegexField(LABEL, required=False, max_length=64, error_messages={"invalid": "No label."})
    space = forms.ChoiceField(label="Space", required=False)
    minimum = AgeField(label="At least")
    maximum = AgeField(label="At most")

    def __init__(self, *args: Any, spaces: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "kind", [("", "every kind"), *((each.value, each.value) for each in Kind)])
        choose(self, "space", [("", "wherever it is named"), *((str(id), name) for id, name in spaces.items())])

    @property
    def rule(self) -> Rule | None:
        told = self.cleaned_data
        if not any(told.get(name) for name in self.fields):
            return None
        space = identified(told.get("space"))
        return Rule(
            told.get("minimum"), told.get("maximum"), told.get("kind") or None, told.get("label") or None, space
        )


RuleForms = rows_of(RetentionRuleForm, MOST_RULES)


class RetentionForm(RuledForm):
    """Name and rules together. `policy`: what it says before anybody typed."""

    def __init__(
        self,
        data: Any = None,
        *,
        spaces: Mapping[UUID, str],
        policy: RetentionPolicy | None = None,
        match: str = "",
    ) -> None:
        self.terms_form = NamedForm(data, initial={"match": match}, named=policy.name if policy else "")
        initial = [rule.as_json() for rule in policy.rules] if policy else []
        self.rules = RuleForms(data, initial=initial, prefix="rules", form_kwargs={"spaces": spaces})
