"""Tuning of a trained model: low-rank adapters."""
