"""Ask the judge: one `POST {JUDGE_URL}/chat/completions`, through the one way out.

The model's name in an answer is not looked at: what is kept is the name the operator gave.
"""

from __future__ import annotations

import json
import re

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from foundation.egress import Answer, Client, EgressFailed, Limits, Use
from foundation.kernel.scope import in_transaction
from guard.optional_judge.answer import read
from guard.optional_judge.opinion import Later, Matter, NoOpinion, Opinion, Silence, Unreachable
from guard.optional_judge.question import request_body

MOST_ANSWER = 64 * 1024
LONGEST_WAIT = 3600
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}")


def model_name() -> str:
    """The model's name as the operator gave it: short and of few characters, for it is kept and shown."""
    name: str = settings.JUDGE_MODEL
    if not _MODEL.fullmatch(name):
        raise ImproperlyConfigured("JUDGE_MODEL: at most 64 letters, figures and . _ : / @ -")
    return name


def ask(matter: Matter) -> Opinion:
    """The judge's opinion. Raises `NoOpinion` (final), `Later`, `Unreachable` (worth another try), `EgressRefused`.

    `matter` has been cleared of personal data. Never inside a transaction: this waits for a stranger.
    """
    if in_transaction():
        raise RuntimeError("the judge is not asked inside a transaction")
    answer = _post(matter)
    if answer.status in (429, 503) and (seconds := _told_to_wait(answer)):
        raise Later(seconds)
    if answer.status >= 400:
        raise Unreachable
    if answer.status != 200:
        raise NoOpinion(Silence.STATUS)
    return read(answer.body, matter)


def _post(matter: Matter) -> Answer:
    limits = Limits(connect=min(5.0, settings.JUDGE_TIMEOUT), total=settings.JUDGE_TIMEOUT, body=MOST_ANSWER)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if settings.JUDGE_API_KEY:
        headers["authorization"] = f"Bearer {settings.JUDGE_API_KEY}"
    body = json.dumps(request_body(matter, model_name())).encode()
    url = f"{settings.JUDGE_URL.rstrip('/')}/chat/completions"
    try:
        return Client(Use.JUDGE, limits).request("POST", url, headers=headers, body=body)
    except EgressFailed:
        pass
    raise Unreachable


def _told_to_wait(answer: Answer) -> int:
    """Seconds, at most an hour; 0 where nothing was said that can be read (dates are not: clocks differ)."""
    said = answer.headers.get("retry-after", "").strip()
    return max(1, min(int(said), LONGEST_WAIT)) if said.isascii() and said.isdigit() and len(said) < 10 else 0
