"""The guard's tables, one file per matter. None of them holds a memory."""

from guard.models.policies import PiiPolicyRecord, PiiPolicyVersion

__all__ = ["PiiPolicyRecord", "PiiPolicyVersion"]
