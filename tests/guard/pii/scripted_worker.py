"""A helper process that does as it is told: what the pool must survive, without models."""

import os
import re
import time

from guard.pii.port import PiiUnavailable, Reason
from guard.pii.worker import serve


def answering(config):
    time.sleep(config.get("slow_start", 0))
    if config.get("fail") == "load":
        raise RuntimeError("canary-in-an-exception")
    if config.get("fail") == "die":
        os._exit(3)
    return answer


def answer(job):
    print("canary-printed")  # must not disturb the answers
    match job["do"]:
        case "echo":
            return {"said": job["text"], "pid": os.getpid()}
        case "sleep":
            time.sleep(job["seconds"])
        case "backtrack":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "die":
            os._exit(1)
        case "raise":
            raise ValueError("canary-in-an-exception")
        case "refuse":
            raise PiiUnavailable(Reason.LANGUAGE)
        case "environment":
            return {"names": sorted(os.environ)}
        case "babble":
            os.write(4, b"\xff" * 64)
    return {"pid": os.getpid()}


if __name__ == "__main__":
    serve(answering)
