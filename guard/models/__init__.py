"""The guard's tables, one file per matter. None of them holds a memory."""

from guard.models.policies import PiiPolicyRecord, PiiPolicyVersion
from guard.models.trust import CalibrationVersion, GuardPolicyVersion, Source, SourceOutcome

__all__ = [
    "CalibrationVersion",
    "GuardPolicyVersion",
    "PiiPolicyRecord",
    "PiiPolicyVersion",
    "Source",
    "SourceOutcome",
]
