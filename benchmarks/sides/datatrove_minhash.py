"""datatrove's MinHash deduplication in its four stages, one process.

python -m benchmarks.sides.datatrove_minhash FOLDER WORK BANDS ROWS WORDS
"""

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from loguru import logger

logger.remove()


def main(folder: str, work: str, bands: str, rows: str, words: str) -> None:
    config = MinhashConfig(num_buckets=int(bands), hashes_per_bucket=int(rows), n_grams=int(words))
    tasks = len(list(Path(folder).iterdir()))
    reader = JsonlReader(folder, glob_pattern="*.jsonl")
    writer = JsonlWriter(f"{work}/out", output_filename="${rank}.jsonl", compression=None)
    stages = [
        ([reader, MinhashDedupSignature(f"{work}/sig", config=config)], tasks),
        ([MinhashDedupBuckets(f"{work}/sig", f"{work}/buckets", config=config)], int(bands)),
        ([MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config)], 1),
        ([reader, MinhashDedupFilter(f"{work}/remove"), writer], tasks),
    ]
    for number, (pipeline, count) in enumerate(stages):
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=count, workers=1, logging_dir=f"{work}/logs/{number}"
        ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
