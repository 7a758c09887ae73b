"""`/v1/lessons`: what was learnt from attacks and from outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.problems import Erased
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.idempotency import Done
from foundation.rest.pages import page_of, pager
from foundation.rest.views import Endpoint
from guard.api import shapes
from guard.lessons import store
from guard.lessons.pattern import Family
from guard.lessons.port import records
from guard.lessons.reading import reach_lesson, shown_to
from guard.lessons.terms import described
from guard.lessons.wording import Body
from guard.models import Lesson, LessonEvidence
from guard.services.promote_lesson import promote_lesson
from guard.services.retire_lesson import delete_lesson, retire_lesson
from guard.services.revise_lesson import revise_lesson
from guard.services.write_lesson import Teaching, Written, write_lesson

CITED = (LessonEvidence.State.COUNTED, LessonEvidence.State.CONFIRMED, LessonEvidence.State.CITED)


class _Lessons(Endpoint):
    """What every door of lessons shares: how they are rendered for this asker."""

    def bodies(self, found: Sequence[tuple[Lesson, Body]]) -> list[dict[str, Any]]:
        """Lessons as the asker may see them: only evidence that it may read is cited."""
        with tenant_transaction():
            grounds = {lesson.id: store.grounds_of(lesson) for lesson, _ in found}
            cited = LessonEvidence.objects.filter(lesson_id__in=grounds, state__in=CITED, memcube_id__isnull=False)
            rows = list(cited.order_by("id").values_list("lesson_id", "memcube_id", "version"))
        readable = records().readable(self.principal, list({cube_id for _, cube_id, _ in rows}))
        evidence = [row for row in dict.fromkeys(rows) if row[1] in readable]
        return [_body(lesson, body, grounds[lesson.id], evidence) for lesson, body in found]

    def told(self, written: Written, status: int = 200) -> Response:
        lesson = written.lesson
        [body] = self.bodies([(lesson, written.body)])
        headers = {"ETag": etag(lesson.version, lesson.rev)}
        if status == 201:
            headers["Location"] = f"/v1/lessons/{lesson.id}"
        return Response(body | {"receipt": written.receipt}, status=status, headers=headers)

    def again(self, lesson_id: UUID, status: int = 200) -> Response:
        """A lesson as it stands; raises `NotFound`, or `Erased` once its key is gone."""
        with tenant_transaction():
            lesson = reach_lesson(self.principal, lesson_id)
        found = store.bodies([lesson])
        if lesson.id not in found:
            raise Erased
        return self.told(Written(lesson, found[lesson.id], None), status)


class Lessons(_Lessons):
    """Lessons within reach."""

    acts = {"GET": "lesson.read", "POST": "lesson.write"}
    requests = {"POST": shapes.LessonBody}
    queries = {"GET": shapes.LessonQuery}
    answers = {"GET": {200: page_of(shapes.LessonShape)}, "POST": {201: shapes.LessonShape}}
    operations = {"GET": "list_lessons", "POST": "write_lesson"}

    def get(self, request: Request) -> Response:
        """List lessons, newest first. Those who do not write lessons see the active ones."""
        pages = pager("lessons", self.query)
        with tenant_transaction():
            page = pages.page(self._listed(), lambda row: row)
            store.verify(page.data)
        texts = store.bodies(page.data)
        found = [(lesson, texts[lesson.id]) for lesson in page.data if lesson.id in texts]
        return Response(page.body() | {"data": self.bodies(found)})

    def post(self, request: Request) -> Response:
        """Write a lesson: a candidate, until someone promotes it."""
        fields = self.fields()
        teaching = Teaching(
            space_id=fields["space"],
            body=described(fields),
            outcome=Family(fields["outcome"]),
            pattern=shapes.PatternBody.told(fields.get("pattern")),
            evidence=tuple(fields.get("evidence", ())),
            labels=tuple(fields.get("labels", ())),
        )
        return self.told(write_lesson(self.principal, teaching=teaching), 201)

    def replay(self, request: Request, done: Done) -> Response:
        return self.again(done.resource_id, 201)

    def _listed(self) -> Any:
        wanted = {"state": "state", "space": "space_id"}
        filters = {column: self.query[name] for name, column in wanted.items() if name in self.query}
        return shown_to(self.principal).filter(**filters)


class OneLesson(_Lessons):
    """One lesson."""

    acts = {"GET": "lesson.read", "PATCH": "lesson.write", "DELETE": "lesson.retire"}
    requests = {"PATCH": shapes.LessonChange}
    answers = {method: {200: shapes.LessonShape} for method in ("GET", "PATCH", "DELETE")}
    operations = {"GET": "get_lesson", "PATCH": "revise_lesson", "DELETE": "delete_lesson"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a lesson."""
        return self.again(id)

    def patch(self, request: Request, id: UUID) -> Response:
        """Revise a lesson: a candidate again, until someone promotes what it now says."""
        fields = self.fields(partial=True)
        pattern = shapes.PatternBody.told(fields.pop("pattern", None))
        tag = if_match(request)
        return self.told(revise_lesson(self.principal, lesson_id=id, if_match=tag, text=fields, pattern=pattern))

    def delete(self, request: Request, id: UUID) -> Response:
        """Delete a lesson: out of use at once, its text destroyed."""
        return self.told(delete_lesson(self.principal, lesson_id=id, if_match=if_match(request)))


class LessonPromotion(_Lessons):
    """A person's word for a lesson."""

    acts = {"POST": "lesson.promote"}
    answers = {"POST": {202: shapes.LessonShape}}
    operations = {"POST": "promote_lesson"}

    def post(self, request: Request, id: UUID) -> Response:
        """Promote: it becomes active once it was tried on benign records and flags at most 0.5 % of them."""
        return self.told(promote_lesson(self.principal, lesson_id=id), 202)

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return self.again(id, 202)


class LessonRetirement(_Lessons):
    """A lesson's end."""

    acts = {"POST": "lesson.retire"}
    requests = {"POST": shapes.RetireBody}
    answers = {"POST": {200: shapes.LessonShape}}
    operations = {"POST": "retire_lesson"}

    def post(self, request: Request, id: UUID) -> Response:
        """Retire: nothing is compared with it any more."""
        return self.told(retire_lesson(self.principal, lesson_id=id, **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return self.again(id)


def _body(
    lesson: Lesson, body: Body, grounds: store.Grounds, evidence: Sequence[tuple[UUID, UUID, int]]
) -> dict[str, Any]:
    names = ("id", "version", "state", "labels", "origin", "family", "at_writing", "hits", "last_hit_at", "created_at")
    replay = {"state": lesson.replayed, "records": lesson.replay_records, "flagged": lesson.replay_flagged}
    shown = {name: getattr(lesson, name) for name in names} | body.to_dict()
    shown |= {
        "space": lesson.space_id,
        "pattern": shapes.pattern_shown(store.pattern_of(lesson)),
        "evidence": [{"id": cube_id, "version": number} for of, cube_id, number in evidence if of == lesson.id],
        "detections": grounds.witnesses,
        "confirmations": grounds.confirmed,
        "refutations": grounds.refuted,
        "replay": replay,
        "expires_at": lesson.expires_at,
        "receipt": None,
    }
    return dict(shapes.LessonShape(shown).data)
