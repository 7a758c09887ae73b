"""The job: MemCubes under policy. Admit, review, revise, search, roll back, hold, forget."""
