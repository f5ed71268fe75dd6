"""Mixers as the stages get them: found by name, built from settings."""

from typing import Any

import msgspec
import numpy as np

from dolma_pipe.mixer import Mixer, Supply, supply_of
from dolma_pipe.shelf import find, load


def mixer(name: str, **settings: Any) -> Mixer:
    built: Mixer = msgspec.convert(settings, load(find("mixers", name), Mixer))
    return built


def supply(tokens: list[int], most: list[int] | None = None, names: str = "") -> Supply:
    parts = names.split() or [str(i) for i in range(len(tokens))]
    limits = None if most is None else np.array(most, np.int64)
    return supply_of(parts, np.array(tokens, np.int64), limits)
