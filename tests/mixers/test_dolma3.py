"""configs/dolma3-mix.yaml gives, of the published pool, the published mix."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.mix_settings import Curve, MixSettings
from dolma_pipe.mixer import Budget, times
from dolma_pipe.settings import read_yaml
from tests.mixers.made import mixer, supply

RECIPE = Path(__file__).parents[2] / "configs" / "dolma3-mix.yaml"
MILLIONS = {  # of tokens: the pool, the mix
    "web": (8_140_000, 4_510_000),
    "pdf": (972_000, 805_000),
    "code": (137_000, 409_000),
    "math": (34_100, 152_000),
    "arxiv": (21_400, 50_800),
    "wiki": (3_690, 2_510),
}


def test_the_published_pool_gives_the_published_mix() -> None:
    mix = msgspec.convert(read_yaml(RECIPE)["mix"], MixSettings)
    assert sum(mix.shares.values()) == pytest.approx(1, abs=1e-12)
    assert list(mix.shares) == list(MILLIONS)
    pool = [tokens for tokens, _ in MILLIONS.values()]
    published = [tokens for _, tokens in MILLIONS.values()]
    most = []
    for name, tokens in zip(MILLIONS, pool, strict=True):
        factor = mix.upsample[name]
        if isinstance(factor, Curve):
            curve = mixer("quality", max=factor.max, discard=factor.discard)
            most.append(curve.reach(supply([tokens // 20] * 20)))
        else:
            most.append(times(factor, tokens))
    parts = supply(pool, most, " ".join(MILLIONS))
    portions = mixer("shares", shares=mix.shares).plan(parts, Budget(sum(published)))
    assert portions.tokens == pytest.approx(published, rel=1e-3)
    assert portions.notes == ()
    for found, cap, (tokens, wanted) in zip(portions.tokens, most, MILLIONS.values(), strict=True):
        assert found / tokens == pytest.approx(wanted / tokens, rel=1e-3)
        assert found <= cap
    assert np.array(most)[2:4] == pytest.approx(np.array(published)[2:4], rel=2e-3)
