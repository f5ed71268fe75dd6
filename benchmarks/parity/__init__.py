"""Parity with older tools: the same rules on the same documents, every difference with its cause.

`python -m benchmarks.parity FOLDER ...` runs it.
"""
