"""Tools around checkpoints: list, compare, pack as deltas, unpack; published and removed whole.

publish    a checkpoint's folder appears whole, and outlives a power cut
retention  which checkpoints go, and how
weights    safetensors files as bit patterns, without torch
coding     bit patterns as differences to others: small, and exact
delta      the file model.delta
packing    whole checkpoints to deltas and back; open_checkpoint reads either
listing    what a run's folder holds
compare    what changed from one checkpoint to another
"""
