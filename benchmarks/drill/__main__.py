"""`python -m benchmarks.drill NAME [ARGS]`; exit code 1 when something was found that must never be."""

import sys

from benchmarks.running import main

sys.exit(main("benchmarks.drill", sys.argv[1:]))
