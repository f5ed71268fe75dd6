"""The bundled trainer: token arrays in, a model that Hugging Face's transformers loads out.

    config       train.yaml, typed; no torch
    shape        what a model is made of, parameter counts, config.json; presets by name; no torch
    model        the model; attention (self_test chooses its code), rope and initial beside it
    weights      directories of Hugging Face, written and read
    data         instances of token arrays, by number; order says which comes when, feed fetches
    loop         the training loop, out of loss, optimizer, schedule, parallel, checkpoint, metrics
    checkpoints/ evaluation/ tuning/ plots/   tools apart from the loop

A machine that only trains needs torch, numpy, safetensors, ruamel.yaml, msgspec, click and tqdm.
"""
