"""The optional judge: a language model's opinion on held memories and disputed ones. Off unless asked for, twice.

It is one voice among others: shown to those who review, counted once at reading, never a decision. Whatever goes wrong
with it, a held memory stays held and a dispute a dispute.
"""
