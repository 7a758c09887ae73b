"""`memwrit check --deploy`: refuse an unsafe deployment, saying why."""

from __future__ import annotations

import argparse
import json
import sys

from memwrit import deployment


def run(arguments: argparse.Namespace) -> int:
    """0 safe, 1 refused."""
    refusals, warnings = deployment.refusals(), deployment.warnings()
    if arguments.json:
        print(json.dumps({"safe": not refusals, "refusals": refusals, "warnings": warnings}))
    else:
        for word, reasons in (("refused", refusals), ("warning", warnings)):
            for reason in reasons:
                print(f"{word}: {reason}", file=sys.stderr)
        print("unsafe" if refusals else "safe")
    return 1 if refusals else 0
