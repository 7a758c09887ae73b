"""One module per signal: a pure function of the record and the evidence, giving a raw score that rises with
suspicion.
"""
