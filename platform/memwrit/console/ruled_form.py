"""A policy as a form: what it says at large, and a row for each of its rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from foundation.kernel.problems import Problem
from memwrit.console.forms import ServiceForm

BLANK = 3


class NamedForm(ServiceForm):
    """A policy's name and the version that was looked at."""

    name = forms.CharField(max_length=64)
    match = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, named: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if named:  # decisions cite it, so it stays
            self.fields["name"].disabled = True
            self.initial["name"] = named


def rows_of(form: type[forms.Form], most: int) -> Any:
    """The formset of a policy's rules."""
    return forms.formset_factory(form, extra=BLANK, max_num=most, absolute_max=most)


class RuledForm:
    """`terms_form` and `rules` together. Each row's `rule` is what it says, None for an empty row."""

    terms_form: NamedForm
    rules: Any

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

    def given(self) -> Sequence[Any]:
        """The rules of the rows that are not empty."""
        return tuple(each.rule for each in self.rules.forms if each.rule is not None)
