"""Sides of a comparison, each in its own process: ours in this environment, peers in theirs."""
