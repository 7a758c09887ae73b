"""The guard's tables, one file per matter. None of them holds a memory."""

from guard.models.lessons import Lesson, LessonEvidence, LessonVersion
from guard.models.opinions import JudgeOpinion
from guard.models.policies import PiiPolicyRecord, PiiPolicyVersion
from guard.models.trust import CalibrationVersion, GuardPolicyVersion, Voice, VoiceOutcome
from guard.models.vault import PseudonymOwner, PseudonymReveal, PseudonymUse, PseudonymValue

__all__ = [
    "CalibrationVersion",
    "GuardPolicyVersion",
    "JudgeOpinion",
    "Lesson",
    "LessonEvidence",
    "LessonVersion",
    "PiiPolicyRecord",
    "PiiPolicyVersion",
    "PseudonymOwner",
    "PseudonymReveal",
    "PseudonymUse",
    "PseudonymValue",
    "Voice",
    "VoiceOutcome",
]
