"""The state of unified procedure steps, which knows no DIMSE.

Data sets go in, results and `StepError` come out: whatever transport carries them (PS3.4 CC.1
demands the same behaviour of all).
"""
