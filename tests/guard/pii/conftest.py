"""What the PII tests share: the models, loaded once and only where the distribution that carries them is installed."""

import pytest

from guard.pii.policy import DEFAULT
from guard.pii.redactor import PooledRedactor
from guard.pii.workers import Limits, Pool

KEY = b"k" * 32


@pytest.fixture(scope="session")
def detector():
    """The detector in this process, as a worker has it."""
    from guard.pii.detector import Detector

    return Detector.load({})


@pytest.fixture(scope="session")
def redactor():
    """The whole adapter: one real worker with the real models."""
    pool = Pool("guard.pii.worker", {}, limits=Limits(job=60, start=300, queue=300))
    yield PooledRedactor(pool)
    pool.close()


@pytest.fixture
def redact(redactor):
    def redacted(document, policy=DEFAULT, key=KEY, **options):
        document = {"/content": document} if isinstance(document, str) else document
        return redactor.redact(document, policy, key=key, **options)

    return redacted
