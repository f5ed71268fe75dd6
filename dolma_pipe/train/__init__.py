"""The bundled trainer: token arrays in, a model that Hugging Face's transformers loads out.

    config       train.yaml, typed; no torch
    shape        what a model is made of, presets, parameter counts, config.json; no torch
    model        the model; attention, rope and initial beside it
    data         instances of token arrays, by number; order says which comes when, feed fetches
    loop         the training loop, out of loss, optimizer, schedule, parallel, checkpoint, metrics
    metrics      metrics.jsonl and lines on the terminal, out of metrics_file, pace, flops, numbers
    checkpoints/ evaluation/ tuning/ plots/   tools apart from the loop

A machine that only trains needs torch, numpy, safetensors, ruamel.yaml, msgspec, click and tqdm.
"""
