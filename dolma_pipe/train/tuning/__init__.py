"""Tuning of a trained model, and what a tuned model's folder holds.

lora      low-rank adapters on a model            adapters  their files, PEFT's
weights   whole weights of any checkpoint         merging   adapters into whole weights, on disk
deltas    checkpoints as differences to `start`
"""
