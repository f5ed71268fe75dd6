"""What a training tells: metrics.jsonl, lines on the terminal, TensorBoard."""
