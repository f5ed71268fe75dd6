"""What a model is made of: sizes, parameter counts, config.json of Hugging Face; no torch."""

import math
from typing import Annotated, Any, Literal

import msgspec

from dolma_pipe.errors import TrainError, UserError
from dolma_pipe.settings import nearest, one_line, settle
from dolma_pipe.train.config import Above0, AttentionSettings, Count, Positive, Settings

ARCHITECTURES = {
    "olmo": "OlmoForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "olmo3": "Olmo3ForCausalLM",
}
OURS = "dolma_pipe"
"""The key of config.json under which stands what transformers knows no key for."""
ROPE_THETA = {"olmo": 10_000.0, "olmo2": 10_000.0, "olmo3": 500_000.0}
"""What transformers takes where config.json has none."""
YARN_KEYS = {
    "factor": "factor",
    "original_max_position_embeddings": "original_context",
    "beta_fast": "beta_fast",
    "beta_slow": "beta_slow",
    "attention_factor": "attention_factor",
}


class Yarn(Settings, frozen=True, kw_only=True):
    """Longer contexts by stretched rotations (Peng et al. 2023), on full-attention layers only."""

    factor: Annotated[float, msgspec.Meta(ge=1)]
    original_context: Positive
    """Tokens a window before."""
    beta_fast: Above0 = 32.0
    beta_slow: Above0 = 1.0
    attention_factor: Above0 | None = None
    """Of queries and keys; None: 0.1 ln(factor) + 1."""

    @property
    def scale(self) -> float:
        """What cosine and sine are multiplied with."""
        return self.attention_factor or 0.1 * math.log(self.factor) + 1.0


class Strided(Settings, frozen=True, kw_only=True):
    """Blocks of tokens that see the last `local` blocks, their own among them, and before these
    every `stride`-th one, counted back from their own (Child et al. 2019, in blocks)."""

    block: Positive
    local: Positive
    stride: Positive


class ModelShape(Settings, frozen=True, kw_only=True):
    """OLMo 1 (olmo): non-parametric layer norms before attention and feed-forward. OLMo 2 and 3:
    RMSNorm after them, and of queries and keys. OLMo 3: sliding windows, too."""

    family: Literal["olmo", "olmo2", "olmo3"]
    vocab_size: Annotated[int, msgspec.Meta(ge=2)]
    """Ids that may occur, 0 to vocab_size - 1."""
    hidden_size: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive | None = None
    """Heads of keys and values, which groups of query heads share; None: heads."""
    intermediate_size: Positive
    """Width of SwiGLU."""
    context: Positive
    """Tokens a window that it is made for."""
    rope_theta: Above0
    yarn: Yarn | None = None
    sliding_window: Positive | None = None
    """Tokens that a token sees, itself among them, on layers that are not full."""
    full_every: Positive = 4
    """Every so many layers one is full."""
    last_full: bool = True
    """The last layer is full in any case."""
    tied: bool
    """Input embeddings are the output matrix."""
    norm_eps: Above0
    clip_qkv: Above0 | None = None
    pad_rows_to: Positive = 128
    """Rows of the embeddings are vocab_size, rounded up to a multiple of this."""
    pattern: Strided | None = None
    eos_id: Count | None = None
    pad_id: Count | None = None

    def __post_init__(self) -> None:
        """Raises TrainError where the numbers do not go together."""
        at = "model.{}: {}".format
        if self.hidden_size % (2 * self.heads):
            told = f"hidden_size {self.hidden_size} is no multiple of 2 * heads ({2 * self.heads})"
            raise TrainError(at("heads", f"{told}: a head needs an even width"))
        if self.heads % self.key_heads:
            told = f"{self.key_heads} does not divide heads ({self.heads})"
            raise TrainError(at("kv_heads", told))
        if self.sliding_window is not None and self.family != "olmo3":
            raise TrainError(at("sliding_window", f"{self.family} has none (family: olmo3)"))
        if self.clip_qkv is not None and self.family != "olmo":
            raise TrainError(at("clip_qkv", f"{self.family} has none (family: olmo)"))
        if self.norm_eps != 1e-5 and self.family == "olmo":
            raise TrainError(at("norm_eps", "is 1e-5 in olmo, transformers has no other"))
        for name in ("eos_id", "pad_id"):
            if (number := getattr(self, name)) is not None and number >= self.rows:
                raise TrainError(at(name, f"{number} is not below the {self.rows} embedding rows"))

    @property
    def rows(self) -> int:
        """Rows of the embeddings, and logits a token."""
        return -(-self.vocab_size // self.pad_rows_to) * self.pad_rows_to

    @property
    def key_heads(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def head_size(self) -> int:
        """Width of a head."""
        return self.hidden_size // self.heads

    @property
    def full_layers(self) -> list[bool]:
        """Of each layer whether a token sees all tokens before it."""
        ends = [self.last_full and layer == self.layers for layer in range(1, self.layers + 1)]
        every = [layer % self.full_every == 0 for layer in range(1, self.layers + 1)]
        return [self.sliding_window is None or a or b for a, b in zip(ends, every, strict=True)]

    @property
    def matmul_parameters(self) -> int:
        """Parameters that a token is multiplied with: all matrices, the output's and not the
        input's embeddings."""
        queries = self.heads * self.head_size
        keys = self.key_heads * self.head_size
        attention = self.hidden_size * (2 * queries + 2 * keys)
        feed_forward = 3 * self.hidden_size * self.intermediate_size
        return self.layers * (attention + feed_forward) + self.rows * self.hidden_size

    @property
    def parameters(self) -> int:
        """All numbers that are trained: rows of padding counted, tied embeddings once."""
        embeddings = 0 if self.tied else self.rows * self.hidden_size
        norms = 0
        if self.family != "olmo":
            keys = self.key_heads * self.head_size
            norms = self.layers * (3 * self.hidden_size + keys) + self.hidden_size
        return self.matmul_parameters + embeddings + norms

    def flops(self, length: int) -> int:
        """Floating-point operations a token of a training step, forward and backward, in windows
        of length tokens: 6 N + 12 L H Q T (PaLM, Chowdhery et al. 2022, appendix B; not causal,
        no discount for masked documents), T at most the sliding window of the layer."""
        window = self.sliding_window or length
        seen = sum(length if full else min(length, window) for full in self.full_layers)
        return 6 * self.matmul_parameters + 12 * self.hidden_size * seen

    def with_pattern(self, attention: AttentionSettings) -> "ModelShape":
        """The shape with the block-sparse pattern of train.yaml, or its own where that has none."""
        if attention.pattern is None:
            return self
        pattern = Strided(block=attention.block, local=attention.local, stride=attention.stride)
        return msgspec.structs.replace(self, pattern=pattern)

    def to_hf(self) -> dict[str, Any]:
        """config.json: what transformers 5 reads, and 4 (rope_theta, rope_scaling). The true
        vocab_size and the pattern, which transformers has no keys for, stand under dolma_pipe."""
        plain = {"rope_type": "default", "rope_theta": self.rope_theta}
        scaling = self._yarn_of_hf()
        full = plain | scaling
        config = {
            "architectures": [ARCHITECTURES[self.family]],
            "model_type": self.family,
            "vocab_size": self.rows,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "rope_theta": self.rope_theta,
            "rope_parameters": full,
            "attention_bias": False,
            "tie_word_embeddings": self.tied,
            "bos_token_id": None,
            "eos_token_id": self.eos_id,
            "pad_token_id": self.pad_id,
            OURS: {"vocab_size": self.vocab_size, "pattern": msgspec.to_builtins(self.pattern)},
        }
        if scaling:
            config["rope_scaling"] = scaling
        if self.family == "olmo":
            return config | {"clip_qkv": self.clip_qkv}
        config["rms_norm_eps"] = self.norm_eps
        if self.family == "olmo3":
            kinds = ["full_attention" if full else "sliding_attention" for full in self.full_layers]
            config["layer_types"] = kinds
            config["sliding_window"] = self.sliding_window or self.context
            config["rope_parameters"] = {"full_attention": full, "sliding_attention": plain}
        return config

    def _yarn_of_hf(self) -> dict[str, Any]:
        if self.yarn is None:
            return {}
        keys = {theirs: getattr(self.yarn, ours) for theirs, ours in YARN_KEYS.items()}
        return {"rope_type": "yarn"} | keys | {"attention_factor": self.yarn.scale}

    @classmethod
    def from_hf(cls, config: dict[str, Any]) -> "ModelShape":
        """The shape of a config.json. Raises TrainError where it asks for what we do not do."""
        family = config.get("model_type")
        if family not in ARCHITECTURES:
            told = nearest(str(family), list(ARCHITECTURES))
            raise TrainError(f"model_type '{family}' is none of OLMo's{told}")
        for key, usual in (("attention_bias", False), ("hidden_act", "silu")):
            if config.get(key, usual) != usual:
                raise TrainError(f"{key} {config[key]} is not supported, only {usual}")
        theta, yarn = _rope_of(config, family)
        vocab_size, pad_rows_to = _vocabulary_of(config)
        shape = {
            "family": family,
            "vocab_size": vocab_size,
            "pad_rows_to": pad_rows_to,
            "hidden_size": config.get("hidden_size"),
            "layers": config.get("num_hidden_layers"),
            "heads": config.get("num_attention_heads"),
            "kv_heads": config.get("num_key_value_heads"),
            "intermediate_size": config.get("intermediate_size"),
            "context": config.get("max_position_embeddings", 2048),
            "rope_theta": theta,
            "yarn": yarn,
            "tied": config.get("tie_word_embeddings", False),
            "norm_eps": 1e-5 if family == "olmo" else config.get("rms_norm_eps", 1e-5),
            "clip_qkv": config.get("clip_qkv") if family == "olmo" else None,
            "pattern": (config.get(OURS) or {}).get("pattern"),
            "eos_id": _id_of(config, "eos_token_id"),
            "pad_id": _id_of(config, "pad_token_id"),
        }
        if family == "olmo3":
            shape |= _windows_of(config)
        try:
            return settle(shape, cls, "")
        except UserError as error:
            raise TrainError(one_line(error)) from None


def _vocabulary_of(config: dict[str, Any]) -> tuple[Any, int]:
    """vocab_size and what its rows are rounded up to; transformers' vocab_size counts rows."""
    rows = config.get("vocab_size")
    ours = (config.get(OURS) or {}).get("vocab_size")
    if isinstance(rows, int) and isinstance(ours, int) and -(-ours // 128) * 128 == rows:
        return ours, 128
    return rows, 1


def _id_of(config: dict[str, Any], key: str) -> Any:
    """The first of several ids; None where there is no such embedding, as in small models that
    keep transformers' default."""
    given = config.get(key)
    number = given[0] if isinstance(given, list) and given else given
    return None if isinstance(number, int) and number >= config.get("vocab_size", 0) else number


def _rope_of(config: dict[str, Any], family: str) -> tuple[float, dict[str, Any] | None]:
    given = config.get("rope_parameters") or {}
    full = given.get("full_attention", given) | (config.get("rope_scaling") or {})
    sliding = given.get("sliding_attention") or {}
    theta = full.get("rope_theta") or config.get("rope_theta") or ROPE_THETA[family]
    kind = full.get("rope_type", full.get("type", "default"))
    if kind not in ("default", "yarn") or sliding.get("rope_type", "default") != "default":
        raise TrainError(f"rope_type '{kind}' is not supported (known: default, yarn)")
    if sliding.get("rope_theta", theta) != theta:
        raise TrainError("rope_parameters: sliding and full attention have different rope_theta")
    if kind == "default":
        return theta, None
    known = {*YARN_KEYS, "rope_type", "type", "rope_theta"}
    if odd := sorted(key for key, value in full.items() if key not in known and value is not None):
        raise TrainError(f"rope_parameters: {', '.join(odd)}: not supported in yarn")
    yarn = {ours: full[theirs] for theirs, ours in YARN_KEYS.items() if full.get(theirs)}
    return theta, {"original_context": config.get("max_position_embeddings")} | yarn


def _windows_of(config: dict[str, Any]) -> dict[str, Any]:
    """full_every and last_full that give layer_types. Raises TrainError where none do."""
    count = config.get("num_hidden_layers") or 0
    kinds = config.get("layer_types") or [
        "full_attention" if layer % 4 == 0 else "sliding_attention" for layer in range(1, count + 1)
    ]
    if len(kinds) != count or not {*kinds} <= {"full_attention", "sliding_attention"}:
        raise TrainError(
            f"layer_types: not one of full_attention and sliding_attention for each of"
            f" {count} layers"
        )
    full = [kind == "full_attention" for kind in kinds]
    if all(full):
        return {}
    window = {"sliding_window": config.get("sliding_window", 4096)}
    for every in range(1, len(full) + 2):
        regular = [layer % every == 0 for layer in range(1, len(full) + 1)]
        if full == regular:
            return {**window, "full_every": every, "last_full": full[-1]}
        if full == [*regular[:-1], True]:
            return {**window, "full_every": every, "last_full": True}
    raise TrainError("layer_types: only every n-th layer, and the last, can be full_attention")
