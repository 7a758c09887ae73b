"""The doors of the guard, under `/v1`."""

from django.urls import path

from guard.api import check, guard_policy, lessons, policies

urlpatterns = [
    path("pii_policies", policies.PiiPolicies.as_view()),
    path("pii_policies/<uuid:id>", policies.OnePiiPolicy.as_view()),
    path("guard_policy", guard_policy.OneGuardPolicy.as_view()),
    path("lessons", lessons.Lessons.as_view()),
    path("lessons/<uuid:id>", lessons.OneLesson.as_view()),
    path("lessons/<uuid:id>:promote", lessons.LessonPromotion.as_view()),
    path("lessons/<uuid:id>:retire", lessons.LessonRetirement.as_view()),
    path("guard:check", check.GuardCheck.as_view()),
]
