"""Ages as policies state them: ISO 8601 durations with calendar years and months (`P7Y`, `P90D`, `PT12H`)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_PARTS = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,3})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,5})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?",
    re.ASCII,
)
PATTERN = f"^{_PARTS.pattern}$"
_SOME_DAY = datetime(2001, 1, 1)
_TICK = timedelta(microseconds=1)
LONGEST = 100
"""Years."""


@dataclass(frozen=True, slots=True)
class Age:
    """Calendar months, then a length of time. A day that a month does not have is the first of the next month, so that
    a minimum is never cut short; by that rule, whoever was earlier is never later."""

    months: int
    rest: timedelta

    @classmethod
    def parse(cls, text: str) -> Age:
        """Raises ValueError unless it is a duration of more than nothing and at most 100 years."""
        found = _PARTS.fullmatch(text)
        if found is None:
            raise ValueError("not an ISO 8601 duration")
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        rest = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        age = cls(12 * years + months, rest)
        if not timedelta() < age.after(_SOME_DAY) - _SOME_DAY <= timedelta(days=LONGEST * 366):
            raise ValueError("not a length of time that can be waited for")
        return age

    def after(self, start: datetime) -> datetime:
        """When something that began at `start` reaches this age."""
        return _months_on(start, self.months) + self.rest

    def before(self, at: datetime) -> datetime:
        """The latest start of what is of this age at `at`: `after(start) <= at` exactly if `start <= before(at)`."""
        end = at - self.rest
        year, month = _month(end.year, end.month, -self.months)
        if end.day <= calendar.monthrange(year, month)[1]:
            return end.replace(year=year, month=month)
        return _first_of_next(end.replace(year=year, month=month, day=1)) - _TICK

    def is_longer_than(self, other: Age) -> bool:
        return self.after(_SOME_DAY) > other.after(_SOME_DAY)

    def __str__(self) -> str:
        years, months = divmod(self.months, 12)
        days, seconds = self.rest.days, self.rest.seconds
        hours, minutes = divmod(seconds // 60, 60)
        date = _written((years, "Y"), (months, "M"), (days, "D"))
        time = _written((hours, "H"), (minutes, "M"), (seconds % 60, "S"))
        return f"P{date}{'T' if time else ''}{time}"


def _written(*parts: tuple[int, str]) -> str:
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount)


def _month(year: int, month: int, months: int) -> tuple[int, int]:
    years, number = divmod(12 * year + month - 1 + months, 12)
    return years, number + 1


def _months_on(start: datetime, months: int) -> datetime:
    year, month = _month(start.year, start.month, months)
    if start.day <= calendar.monthrange(year, month)[1]:
        return start.replace(year=year, month=month)
    return _first_of_next(start.replace(year=year, month=month, day=1))


def _first_of_next(first: datetime) -> datetime:
    """Midnight of the month after, of some moment on a month's first day."""
    year, month = _month(first.year, first.month, 1)
    return first.replace(year=year, month=month, hour=0, minute=0, second=0, microsecond=0)
