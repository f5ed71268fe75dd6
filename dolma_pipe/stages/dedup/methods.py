"""The methods of deduplication: which function does all steps of an entry, by its method."""

from collections.abc import Callable

from dolma_pipe.stages.dedup.contamination import find_contamination
from dolma_pipe.stages.dedup.exact import find_equal
from dolma_pipe.stages.dedup.found import Found
from dolma_pipe.stages.dedup.lines import find_repeated_units
from dolma_pipe.stages.dedup.near import find_near
from dolma_pipe.stages.dedup.plan import Plan, Steps
from dolma_pipe.stages.dedup.semantic import find_alike
from dolma_pipe.stages.dedup.similar import find_similar_texts
from dolma_pipe.stages.dedup.structure import find_structures
from dolma_pipe.stages.dedup.substring import find_repeated_runs

FINDERS: dict[str, Callable[[Steps, Plan], Found]] = {
    "exact": find_equal,
    "lines": find_repeated_units,
    "substring": find_repeated_runs,
    "minhash": find_similar_texts,
    "simhash": find_near,
    "semantic": find_alike,
    "ast": find_structures,
    "decontaminate": find_contamination,
}
