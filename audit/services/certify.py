"""Sign a certificate, so that `memwrit verify certificate` can check it without us (form: `audit.evidence`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit.evidence import endorsed_text
from audit.notes import b64
from audit.origin import certificate_signer, log_signer, log_verifier
from foundation.kernel.canonical import canonical


def certify(body: Mapping[str, Any], proofs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{certificate, signature, key, endorsement, proofs}`; `proofs` are proof objects as `/v1/audit/proofs` answers.

    The body is completed by `log_key`, and the log's key endorses the certificate's: whoever trusts either of the two
    can verify the whole.
    """
    signer = certificate_signer()
    full = {**body, "log_key": log_verifier().vkey}
    vkey = signer.verifier.vkey
    return {
        "certificate": full,
        "signature": b64(signer.key.sign(canonical(full))),
        "key": vkey,
        "endorsement": b64(log_signer().key.sign(endorsed_text(vkey))),
        "proofs": list(proofs),
    }
