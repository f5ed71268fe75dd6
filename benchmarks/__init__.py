"""Measured claims: our figure, a peer's figure and the ratio, from one run.

`python -m benchmarks --help` says how.
"""
