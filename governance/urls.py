"""Governance's part of `/v1`."""

from django.urls import path

from governance.api import erasure, holds, memories, reviews, spaces

urlpatterns = [
    path("v1/spaces", spaces.Spaces.as_view()),
    path("v1/spaces/<uuid:id>", spaces.OneSpace.as_view()),
    path("v1/memories", memories.Memories.as_view()),
    path("v1/memories:search", memories.MemorySearch.as_view()),
    path("v1/memories:batch_create", memories.MemoryBatch.as_view()),
    path("v1/memories/<uuid:id>", memories.OneMemory.as_view()),
    path("v1/memories/<uuid:id>:rollback", memories.MemoryRollback.as_view()),
    path("v1/memories/<uuid:id>/versions", memories.MemoryVersions.as_view()),
    path("v1/memories/<uuid:id>/versions/<int:number>", memories.MemoryVersion.as_view()),
    path("v1/memories/<uuid:id>/diff", memories.MemoryDiff.as_view()),
    path("v1/memories/<uuid:id>/lineage", memories.MemoryLineage.as_view()),
    path("v1/retrievals/<uuid:id>", memories.OneRetrieval.as_view()),
    path("v1/admissions", reviews.Admissions.as_view()),
    path("v1/admissions/<uuid:id>", reviews.OneAdmission.as_view()),
    path("v1/admissions/<uuid:id>:approve", reviews.Approval.as_view()),
    path("v1/admissions/<uuid:id>:reject", reviews.Rejection.as_view()),
    path("v1/legal_holds", holds.LegalHolds.as_view()),
    path("v1/legal_holds/<uuid:id>", holds.OneLegalHold.as_view()),
    path("v1/legal_holds/<uuid:id>:release", holds.HoldRelease.as_view()),
    path("v1/erasure_requests", erasure.ErasureRequests.as_view()),
    path("v1/erasure_requests/<uuid:id>", erasure.OneErasureRequest.as_view()),
    path("v1/erasure_requests/<uuid:id>:approve", erasure.ErasureApproval.as_view()),
    path("v1/erasure_requests/<uuid:id>:execute", erasure.ErasureExecution.as_view()),
    path("v1/erasure_certificates/<uuid:id>", erasure.OneCertificate.as_view()),
    path("v1/operations/<uuid:id>", erasure.OneOperation.as_view()),
]
