"""`python -m benchmarks NAME [ARGS]`: JSON lines on stdout, a table on stderr. Each is a module with `run`."""

import sys

from benchmarks.running import main

sys.exit(main("benchmarks", sys.argv[1:]))
