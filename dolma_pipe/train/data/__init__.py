"""Instances of length + 1 tokens out of token arrays, by number. numpy only.

corpus      arrays end to end, whoever wrote them, and their check
folders     our token folders           raw      arrays of dolma, OLMo, llm.c, Megatron
encoded     encoded/ of a work directory
views       which tokens an instance is made of
instances   ids, labels and segments of instances
"""

from dolma_pipe.train.data.instances import IGNORED, Batch, Instances, fit_model
from dolma_pipe.train.data.opening import open_instances

__all__ = ["IGNORED", "Batch", "Instances", "fit_model", "open_instances"]
