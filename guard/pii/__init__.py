"""Personal data: found by recognisers in helper processes, replaced by policy before anything else sees the text.

Importing this is cheap: Presidio, spaCy and onnxruntime are loaded by the helper processes alone.
"""

from __future__ import annotations

import threading
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from guard.pii.port import PiiRedactor, PiiUnavailable, Reason, Redaction, Span

__all__ = ["PiiRedactor", "PiiUnavailable", "Reason", "Redaction", "Span", "redactor"]

_ADAPTER = "guard.pii.pooled_redactor"
_lock = threading.Lock()


def redactor() -> PiiRedactor:
    """The process's redactor, by `settings.PII_REDACTOR` (the dotted path of what makes one)."""
    with _lock:
        return _made(getattr(settings, "PII_REDACTOR", _ADAPTER))


@cache
def _made(path: str) -> PiiRedactor:
    adapter: PiiRedactor = import_string(path)()
    return adapter


def pooled_redactor() -> PiiRedactor:
    """The usual adapter: PII_WORKERS processes (1), PII_TIMEOUT seconds a document (10), PII_LANGUAGE (en)."""
    from guard.pii.pool import Limits, Pool
    from guard.pii.rampart_files import model_directory
    from guard.pii.redactor import PooledRedactor

    pool = Pool(
        "guard.pii.worker",
        {"models": str(model_directory())},
        size=int(getattr(settings, "PII_WORKERS", 1)),
        limits=Limits(job=float(getattr(settings, "PII_TIMEOUT", 10))),
    )
    return PooledRedactor(pool, language=getattr(settings, "PII_LANGUAGE", "en"))
