"""What the demo says: a bar while it works (on a terminal), then one aligned line or two for each promise."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO

from tqdm import tqdm

LABEL = 11
GREEN, RED, DIM, BOLD, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that was to be shown: what happened, or why it does not hold."""

    name: str
    lines: tuple[str, ...] = ()
    broken: str = ""


@dataclass(slots=True)
class Report:
    """The promises so far."""

    promises: list[Promise] = field(default_factory=list)

    @property
    def broken(self) -> list[Promise]:
        return [promise for promise in self.promises if promise.broken]

    def print(self, out: TextIO) -> None:
        """Every promise, kept ones with what happened."""
        paint = _colours(out)
        for promise in self.promises:
            mark = paint(RED, "✗") if promise.broken else paint(GREEN, "✓")
            for number, line in enumerate((*promise.lines, *_complaint(promise, paint))):
                head = f"{mark} {paint(BOLD, promise.name.ljust(LABEL))}" if number == 0 else " " * (LABEL + 2)
                print(f"  {head} {line}".rstrip(), file=out)


def _complaint(promise: Promise, paint: Any) -> Iterable[str]:
    return [paint(RED, f"NOT KEPT: {promise.broken}")] if promise.broken else []


def _colours(out: TextIO) -> Any:
    plain = not out.isatty()
    return lambda colour, text: text if plain else f"{colour}{text}{PLAIN}"


class Bar:
    """A progress bar on standard error, on a terminal alone."""

    def __init__(self, total: int) -> None:
        shape = "{desc:<42} {bar} {n_fmt}/{total_fmt} {elapsed}"
        self._bar = tqdm(total=total, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False, bar_format=shape)

    def say(self, doing: str) -> None:
        self._bar.set_description_str(doing)

    def step(self, steps: int = 1) -> None:
        self._bar.update(steps)

    def close(self) -> None:
        self._bar.close()


def shorten(text: str, width: int) -> str:
    """At most `width` characters of one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"


def visible(text: str) -> str:
    """Invisible characters made visible, as ⟨U+E0041⟩; a run of them is counted."""
    hidden = [sign for sign in text if not sign.isprintable()]
    plain = "".join(sign for sign in text if sign.isprintable())
    return f"{plain} ⟨{len(hidden)} invisible⟩" if hidden else plain
