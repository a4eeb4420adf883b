"""De-identified instances: the contract of anonymizers, and what is around each of them.

An anonymizer knows data sets only; here is what makes an instance of its answer: pixel data without
what follows them, a new Part 10 header, and the look at what came back before anything goes on.
"""
