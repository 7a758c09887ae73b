"""The product, assembled."""

import os

# Matrices here are small and processes many: the linear algebra's own threads mostly spin (measured: half the processor
# time of writing the index). It reads this once, when it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
