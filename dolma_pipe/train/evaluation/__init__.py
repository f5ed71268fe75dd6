"""What a model is worth: bits per byte of held-out text, zero-shot multiple choice."""
