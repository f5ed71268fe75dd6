"""The model: OLMo 1, 2 and 3, their shapes, first weights, and weights on disk."""
