"""A proposed mixture as YAML that a recipe can take."""

from pathlib import Path

import numpy as np

from dolma_pipe.mixture.fit import Fit
from dolma_pipe.mixture.recipes import base_of, mix_section, recipe_text, written_shares
from dolma_pipe.recipe import Recipe


def proposal_text(
    fit: Fit, recipe: Recipe | None, path: Path | None, max_repeats: float | None
) -> str:
    """The `mix` section; with a recipe one that extends it, of the same name and so in the same
    work directory, where only the mix is made anew. Its other sources get share 0.

    max_repeats: None where the repeats are nobody's concern.
    """
    caps = np.array([1.0 if row.cap is None else row.cap for row in fit.domains])
    shares = written_shares(np.array([row.share.value for row in fit.domains]), caps)
    name, base = base_of(path) if path is not None else (None, {})
    section = mix_section(
        base, [row.name for row in fit.domains], shares, fit.target_tokens, max_repeats
    )
    others = [source.name for source in recipe.sources] if recipe is not None else []
    section["shares"] |= {other: 0 for other in others if other not in section["shares"]}
    told = (
        f"dolma-pipe mix fit on {fit.runs} runs: {fit.mean.at_proposal.value:.4f} bits per byte "
        f"predicted, {fit.mean.at_prior.value:.4f} at the prior"
    )
    return recipe_text(told, path, name, section)
