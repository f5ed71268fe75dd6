"""Loss, perplexity and bits per byte of each source, and their averages."""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from torch import nn

from dolma_pipe.train.evaluation.held_out import HeldOut
from dolma_pipe.train.evaluation.scoring import BATCH_TOKENS, log_likelihoods
from dolma_pipe.train.parallel import World


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How well text is predicted.

    loss: nats a target, the EOS after each document among them. bits_per_byte: of the text, to
    which an EOS adds bits and no byte. tokens, bytes: of targets.
    """

    loss: float
    perplexity: float
    bits_per_byte: float
    documents: int
    tokens: int
    bytes: int


class Fits(msgspec.Struct, frozen=True, kw_only=True):
    """macro: every source counts the same, micro: every token does."""

    sources: dict[str, Fit]
    macro: Fit
    micro: Fit


def perplexity(
    model: nn.Module,
    held_out: HeldOut,
    world: World,
    *,
    batch_tokens: int = BATCH_TOKENS,
    told: str | None = None,
) -> Fits:
    """Score every window once."""
    scores = log_likelihoods(model, held_out, world, batch_tokens=batch_tokens, told=told)
    return fits(held_out, -scores)


def chance_fits(held_out: HeldOut, vocab_size: int) -> Fits:
    """Of a model to which all tokens are alike."""
    return fits(held_out, held_out.targets * math.log(vocab_size))


def fits(held_out: HeldOut, nats: npt.NDArray[np.floating[Any]]) -> Fits:
    """nats: float64[windows], the loss of each."""
    sums = np.bincount(held_out.source_numbers, nats, len(held_out.sources)).tolist()
    each = {
        source.name: _fit(loss, source.documents, source.tokens, source.bytes)
        for loss, source in zip(sums, held_out.sources, strict=True)
    }
    found = list(each.values())
    documents, tokens, text = (
        sum(getattr(fit, name) for fit in found) for name in ("documents", "tokens", "bytes")
    )
    micro = _fit(math.fsum(sums), documents, tokens, text)
    loss = math.fsum(fit.loss for fit in found) / len(found)
    bits = math.fsum(fit.bits_per_byte for fit in found) / len(found)
    macro = msgspec.structs.replace(
        micro, loss=loss, perplexity=_exponential(loss), bits_per_byte=bits
    )
    return Fits(sources=each, macro=macro, micro=micro)


def _fit(nats: float, documents: int, tokens: int, text_bytes: int) -> Fit:
    loss = nats / tokens
    return Fit(
        loss=loss,
        perplexity=_exponential(loss),
        bits_per_byte=nats / math.log(2) / text_bytes,
        documents=documents,
        tokens=tokens,
        bytes=text_bytes,
    )


def _exponential(loss: float) -> float:
    return math.exp(loss) if not loss > 700 else math.inf
