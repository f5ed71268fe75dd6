"""Pictures of a run from its metrics.jsonl."""
