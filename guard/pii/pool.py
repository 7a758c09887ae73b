"""The process's redactor: helper processes that are shared by all its threads and started when first needed."""

from __future__ import annotations

import threading
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from guard.pii.port import PiiRedactor
from guard.pii.rampart_files import model_directory
from guard.pii.redactor import PooledRedactor
from guard.pii.workers import Limits, Pool

_ADAPTER = "guard.pii.pool.pooled_redactor"
_lock = threading.Lock()


def redactor() -> PiiRedactor:
    """The process's redactor, by `settings.PII_REDACTOR` (the dotted path of what makes one)."""
    with _lock:
        return _made(getattr(settings, "PII_REDACTOR", _ADAPTER))


@cache
def _made(path: str) -> PiiRedactor:
    adapter: PiiRedactor = import_string(path)()
    return adapter


def pooled_redactor() -> PooledRedactor:
    """The usual adapter: PII_WORKERS processes (1), PII_TIMEOUT seconds a document (10), PII_LANGUAGE (en)."""
    pool = Pool(
        "guard.pii.worker",
        {"models": str(model_directory())},
        size=int(getattr(settings, "PII_WORKERS", 1)),
        limits=Limits(job=float(getattr(settings, "PII_TIMEOUT", 10))),
    )
    return PooledRedactor(pool, language=getattr(settings, "PII_LANGUAGE", "en"))
