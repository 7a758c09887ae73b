"""Forms read what was typed; services decide. What a service refuses is shown at the field it names."""

from __future__ import annotations

from typing import Any

from django import forms

from foundation.kernel.problems import Problem


class ServiceForm(forms.Form):
    """A form whose fields are named as the service's are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def refuse(self, problem: Problem) -> None:
        """Show a refused call: each wrong field where it stands, everything else above the form."""
        if not problem.errors:
            self.add_error(None, problem.detail)
        for wrong in problem.errors:
            name = wrong.pointer.strip("/").split("/")[0]
            self.add_error(name if name in self.fields else None, wrong.detail or wrong.code)
