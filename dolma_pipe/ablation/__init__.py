"""Which of two curations is better, measured: the same small model trained on what each gives.

settings     what is asked, and what a preset means here
vocabulary   a tokenizer of 4,096 ids from the texts that go into both recipes
curation     a recipe through all its stages, with tokenizer, seed and held-out share in common
overlap      which held-out documents a training set has too
yardstick    held-out arrays without those documents
training     a model for each recipe and seed, and its bits per byte; the only one with torch
intervals    differences over seeds with their confidence intervals, and the verdict
ablate       all of it in order
table        the result as text
"""
