"""Learn a tenant's own thresholds from what it admitted and what its reviewers let pass."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance.models import Admission
from governance.opening import decision_of
from guard.calibration import Scored, calibrate
from guard.models import CalibrationVersion
from guard.selectors import calibration
from guard.standing import NEW_SOURCE
from guard.trust import voices
from guard.types import Calibration, GuardPolicy
from tenants.roles import POLICY

MOST = 5000
"""The newest so many benign records teach; a tenant's writing changes."""

BATCH = 500
BENIGN = (Admission.State.ADMITTED, Admission.State.APPROVED)


def recalibrate() -> Calibration | None:
    """The new calibration; None while nothing changed, or no kind has records enough. Run by upkeep."""
    with tenant_transaction():
        now_in_force = calibration()
        rows = list(Admission.objects.filter(state__in=BENIGN, sealed_verdict__isnull=False).order_by("-id")[:MOST])
        benign = _believed(rows)
    scored = [each for place in range(0, len(benign), BATCH) for each in _scores(benign[place : place + BATCH])]
    made = calibrate(now_in_force.version + 1, scored, GuardPolicy().tenant_calibration_from)
    if not made.tails or dict(made.tails) == dict(now_in_force.tails):
        return None
    _keep(made, len(benign))
    return made


def _believed(rows: Sequence[Admission]) -> list[Admission]:
    """Without what comes from voices that were found wrong: an attacker must not teach us what is usual."""
    known = voices({bytes(row.source_key) for row in rows})
    return [
        row for row in rows if row.principal_id and known.trust((bytes(row.source_key), row.principal_id)) >= NEW_SOURCE
    ]


def _scores(rows: Sequence[Admission]) -> Iterator[Scored]:
    secrets = keys.open_many([row.version_id for row in rows])
    for row in rows:
        if secret := secrets.get(row.version_id):
            decision = decision_of(row, secret)
            for name, score in decision.get("scores", ()):
                yield Scored(decision["shape"], name, bytes(row.source_key).hex(), score)


def _keep(made: Calibration, records: int) -> None:
    tails = {name: [tail.points, tail.groups] for name, tail in made.tails.items()}
    row = CalibrationVersion(number=made.version, tails=tails, records=records)
    with tenant_transaction():
        row.save(force_insert=True)
        target, detail = _target(row.id, made.version), {"records": records, "kinds": len(tails)}
        record(Principal.system(current_tenant()), Act.CONFIG_CHANGE, target=target, policy=POLICY, detail=detail)


def _target(row_id: UUID, number: int) -> Target:
    return Target("calibration", row_id, number)
