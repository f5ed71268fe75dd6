"""The bundled trainer: token arrays in, a model that Hugging Face's transformers loads out.

    config        train.yaml, typed; no torch
    start, setup  from train.yaml to a training that can begin; fitting: what goes together
    loop          the training loop, out of feed, loss, optimizer, schedule, parallel, signals
    checkpoint    what is saved, and gone on with; meta: where a training was
    model/        OLMo 1, 2 and 3: shapes and presets (no torch), the model, weights on disk
    data/         instances of token arrays, by number, and their order (no torch)
    metrics/      what is told while it trains
    checkpoints/ evaluation/ tuning/ plots/    tools apart from the loop

A machine that only trains needs torch, numpy, safetensors, ruamel.yaml, msgspec, click and tqdm.
"""
