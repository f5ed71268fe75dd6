"""The methods of deduplication: which function does all steps of an entry, by its method."""

from collections.abc import Callable

from dolma_pipe.stages.dedup.contamination import find_contamination
from dolma_pipe.stages.dedup.exact import find_equal
from dolma_pipe.stages.dedup.found import Found
from dolma_pipe.stages.dedup.plan import Plan, Steps
from dolma_pipe.stages.dedup.semantic import find_alike
from dolma_pipe.stages.dedup.similar import find_similar_texts

FINDERS: dict[str, Callable[[Steps, Plan], Found]] = {
    "exact": find_equal,
    "minhash": find_similar_texts,
    "semantic": find_alike,
    "decontaminate": find_contamination,
}
