"""The doors of the ledger: under `/v1`, and the keys beside it."""

from django.urls import path

from audit import api

urlpatterns = [
    path("audit/events", api.Events.as_view()),
    path("audit/checkpoint", api.CheckpointView.as_view()),
    path("audit/proofs/<uuid:event_id>", api.Proofs.as_view()),
    path("audit/consistency", api.Consistency.as_view()),
    path("audit/tiles/<path:path>", api.Tiles.as_view()),
]
root_urlpatterns = [path(".well-known/memwrit-keys.json", api.Keys.as_view())]
