"""Mixtures learned from proxy runs: draw candidates, fit a law of the losses, propose the best."""
