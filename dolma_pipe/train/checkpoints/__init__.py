"""Tools around checkpoints: list, compare, pack as deltas, unpack."""
