"""The product's settings with the suite's quick recogniser and encoder, for processes that a test starts."""

from memwrit.settings import *  # noqa: F403

PII_REDACTOR = "tests.governance.plain.MarkedRedactor"
EMBEDDER = "hash"
