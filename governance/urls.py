"""The doors of governance, under `/v1`."""

from django.urls import path

from governance.api import erasure, feedback, holds, incidents, memories, pseudonyms, reviews, spaces

urlpatterns = [
    path("spaces", spaces.Spaces.as_view()),
    path("spaces/<uuid:id>", spaces.OneSpace.as_view()),
    path("memories", memories.Memories.as_view()),
    path("memories:search", memories.MemorySearch.as_view()),
    path("memories:batch_create", memories.MemoryBatch.as_view()),
    path("memories/<uuid:id>", memories.OneMemory.as_view()),
    path("memories/<uuid:id>:rollback", memories.MemoryRollback.as_view()),
    path("memories/<uuid:id>:feedback", feedback.MemoryFeedback.as_view()),
    path("memories/<uuid:id>:reveal", pseudonyms.MemoryReveal.as_view()),
    path("memories/<uuid:id>/versions", memories.MemoryVersions.as_view()),
    path("memories/<uuid:id>/versions/<int:number>", memories.MemoryVersion.as_view()),
    path("memories/<uuid:id>/diff", memories.MemoryDiff.as_view()),
    path("memories/<uuid:id>/lineage", memories.MemoryLineage.as_view()),
    path("pii_policies:simulate", pseudonyms.PolicySimulation.as_view()),
    path("pii_policies/<uuid:id>:simulate", pseudonyms.OnePolicySimulation.as_view()),
    path("retrievals/<uuid:id>", memories.OneRetrieval.as_view()),
    path("admissions", reviews.Admissions.as_view()),
    path("admissions/<uuid:id>", reviews.OneAdmission.as_view()),
    path("admissions/<uuid:id>:approve", reviews.Approval.as_view()),
    path("admissions/<uuid:id>:reject", reviews.Rejection.as_view()),
    path("incidents", incidents.Incidents.as_view()),
    path("incidents/<uuid:id>", incidents.OneIncident.as_view()),
    path("incidents/<uuid:id>:approve", incidents.IncidentApproval.as_view()),
    path("incidents/<uuid:id>:reject", incidents.IncidentRejection.as_view()),
    path("legal_holds", holds.LegalHolds.as_view()),
    path("legal_holds/<uuid:id>", holds.OneLegalHold.as_view()),
    path("legal_holds/<uuid:id>:release", holds.HoldRelease.as_view()),
    path("erasure_requests", erasure.ErasureRequests.as_view()),
    path("erasure_requests/<uuid:id>", erasure.OneErasureRequest.as_view()),
    path("erasure_requests/<uuid:id>:approve", erasure.ErasureApproval.as_view()),
    path("erasure_requests/<uuid:id>:execute", erasure.ErasureExecution.as_view()),
    path("erasure_certificates/<uuid:id>", erasure.OneCertificate.as_view()),
    path("operations/<uuid:id>", erasure.OneOperation.as_view()),
]
