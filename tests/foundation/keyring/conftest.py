"""Every test here has a KMS folder of its own, and begins with nothing in the process's caches."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def kms_folder(tmp_path: Path, settings) -> Path:
    from foundation.keyring import keys, wrapping  # models: importable once Django is set up

    folder = tmp_path / "kms"
    settings.KMS = f"file:{folder}"
    settings.KEYRING_COPIES = f"file:{tmp_path / 'copies'}"
    keys.opened.clear()
    wrapping._hints.clear()
    return folder
