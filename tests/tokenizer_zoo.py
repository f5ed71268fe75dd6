"""Tokenizers of every published make, small: their kinds of model, normaliser and pre-tokenizer."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tests.hard_texts import EOS, MASKS, TEXT

SPECIALS = ["<unk>", "<s>", EOS]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

Json = dict[str, Any]


def _trained(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    return tokenizer


def _byte_level(regex: str | None, size: int = 500, normaliser: Any = None) -> Tokenizer:
    """A byte-level BPE that splits by this regex, or by ByteLevel's own."""
    tokenizer = Tokenizer(models.BPE())
    if normaliser is not None:
        tokenizer.normalizer = normaliser
    if regex is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        steps = [
            pre_tokenizers.Split(Regex(regex), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=sorted(alphabet),
        special_tokens=[EOS],
        show_progress=False,
    )
    return _trained(tokenizer, trainer)


def _json(tokenizer: Tokenizer) -> Json:
    made: Json = json.loads(tokenizer.to_str())
    return made


def gpt2() -> Json:
    return _json(_byte_level(None))


def gpt_neox() -> Json:
    """NFC, runs of spaces and masks as plain added tokens."""
    tokenizer = _byte_level(None, normaliser=normalizers.NFC())
    runs = [" " * n for n in range(24, 1, -1)]
    tokenizer.add_tokens([AddedToken(run, normalized=True) for run in runs])
    tokenizer.add_tokens([AddedToken(mask, normalized=False) for mask in MASKS])
    return _json(tokenizer)


def llama3() -> Json:
    """Its regex, whole words before merges, and a template that adds a beginning of text."""
    tokenizer = _byte_level(LLAMA3)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    begin = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)]
    )
    made = _json(tokenizer)
    made["model"]["ignore_merges"] = True
    return made


def qwen2() -> Json:
    tokenizer = _byte_level(QWEN2, normaliser=normalizers.NFC())
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    return _json(tokenizer)


def own_regex() -> Json:
    """A split that no published tokenizer has."""
    return _json(_byte_level(r"\p{Lu}?\p{L}{1,4}|\p{N}|\s|[^\s\p{L}\p{N}]"))


def prefix_space() -> Json:
    """RoBERTa's: a space before the first word."""
    made = gpt2()
    made["pre_tokenizer"]["add_prefix_space"] = True
    return made


def _sentencepiece(tokenizer: Tokenizer) -> Json:
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=[*SPECIALS, *[f"<0x{b:02X}>" for b in range(256)]],
        show_progress=False,
    )
    made = _json(_trained(tokenizer, trainer))
    made["added_tokens"] = made["added_tokens"][: len(SPECIALS)]
    made["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    return made


def _metaspace_decoder(strip: int) -> Any:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, *([decoders.Strip(" ", strip, 0)] if strip else [])])


def llama2() -> Json:
    """SentencePiece: a space is put before the text, every space is ▁; no pre-tokenizer.

    The trainer needs words to stop at: the json has no such step.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = _metaspace_decoder(1)
    made = _sentencepiece(tokenizer)
    return made | {"pre_tokenizer": None}


def mistral() -> Json:
    """Metaspace as pre-tokenizer, the space before the first word only, no normaliser."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    tokenizer.decoder = _metaspace_decoder(1)
    made = _sentencepiece(tokenizer)
    made["pre_tokenizer"]["split"] = False
    return made


def gemma() -> Json:
    """Spaces become ▁, none is put first; runs of line ends and spaces are plain added tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = _metaspace_decoder(0)
    made = _sentencepiece(tokenizer)
    vocabulary = made["model"]["vocab"]
    for content in ["\n" * 2, "\n" * 3, "▁" * 2, "▁" * 3, "<strong>"]:
        i = vocabulary.setdefault(content, len(vocabulary))
        made["added_tokens"].append(_added(content, i))
    return made


def _added(content: str, i: int, **flags: bool) -> Json:
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": i, "content": content} | {name: flags.get(name, False) for name in names}


def _unigram(tokenizer: Tokenizer) -> Json:
    trainer = trainers.UnigramTrainer(
        vocab_size=260, special_tokens=SPECIALS, unk_token="<unk>", show_progress=False
    )
    return _json(_trained(tokenizer, trainer))


def t5() -> Json:
    """Unigram; the end of text is in its vocabulary, and added after a text by its template."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    made = _unigram(tokenizer)
    eos = {"SpecialToken": {"id": EOS, "type_id": 0}}
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    made["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [sequence, eos],
        "pair": [sequence, eos],
        "special_tokens": {EOS: {"id": EOS, "ids": [2], "tokens": [EOS]}},
    }
    return made


def xlm_roberta() -> Json:
    """Unigram without a split of words by the normaliser, runs of spaces kept."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    return _unigram(tokenizer)


def unigram_bytes() -> Json:
    """Unigram that spells unknown characters in bytes."""
    made = t5()
    made["model"]["vocab"] += [[f"<0x{b:02X}>", -10.0] for b in range(256)]
    made["model"]["byte_fallback"] = True
    return made


def bert() -> Json:
    """WordPiece: lower case, accents off, ## before what continues a word."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", EOS]
    trainer = trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=specials, show_progress=False
    )
    return _json(_trained(tokenizer, trainer))


def bert_cased() -> Json:
    made = bert()
    made["normalizer"] |= {"lowercase": False, "strip_accents": False}
    return made


def word_level() -> Json:
    """Whole words between white space: a literal end of text is a word of its vocabulary."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=SPECIALS, show_progress=False)
    return _json(_trained(tokenizer, trainer))


def characters() -> Json:
    """A BPE over characters with an ending on words; what it does not know is unknown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, end_of_word_suffix="</w>", show_progress=False
    )
    return _json(_trained(tokenizer, trainer))


def shortened() -> Json:
    """Truncation and padding, which are for training's batches, stand in the json."""
    tokenizer = _byte_level(None)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16, pad_id=0, pad_token=EOS)
    return _json(tokenizer)


def odd_added_tokens() -> Json:
    """Overlapping, with stripped sides, normalised or not, whole words only; special or not."""
    made = _json(_byte_level(None, normaliser=normalizers.Lowercase()))
    first = len(made["model"]["vocab"])
    tokens = [
        ("<|a|>", {"special": True}),
        ("|a|", {}),
        ("|a|b", {"normalized": True}),
        ("<MASK>", {"lstrip": True}),
        ("<LEFT>", {"rstrip": True, "normalized": True}),
        ("cat", {"single_word": True}),
        ("é", {"normalized": True}),
        ("  x", {"lstrip": True, "rstrip": True}),
        ("<pad>", {"special": True, "lstrip": True, "rstrip": True}),
    ]
    made["added_tokens"] += [
        _added(content, first + i, **flags) for i, (content, flags) in enumerate(tokens)
    ]
    return made


def overlapping() -> Json:
    """A plain added token inside of a special one, which hides it from `tokenizers`."""
    made = gpt2()
    first = len(made["model"]["vocab"])
    made["added_tokens"] += [_added("<|a|>", first, special=True), _added("|a|", first + 1)]
    return made


def holes() -> Json:
    """Ids that nobody has, among the tokens and before those that are added."""
    made = gpt2()
    vocabulary = {token: 3 * i for token, i in made["model"]["vocab"].items()}
    made["model"]["vocab"] = vocabulary
    made["added_tokens"] = [_added(EOS, vocabulary[EOS], special=True)]
    made["added_tokens"] += [_added(MASKS[0], 3 * len(vocabulary) + 100)]
    return made


def sized(count: int) -> Json:
    """A vocabulary of so many ids, most of them unused."""
    made = gpt2()
    vocabulary = made["model"]["vocab"]
    vocabulary |= {f"unused {i}": i for i in range(len(vocabulary), count)}
    return made


def dropout() -> Json:
    """Leaves out merges by chance: for training a model's robustness, not for a corpus."""
    made = gpt2()
    made["model"]["dropout"] = 0.5
    return made


def plain_eos() -> Json:
    """Its end of text is an added token that is not special."""
    made = gpt2()
    made["added_tokens"][0]["special"] = False
    return made


ZOO: dict[str, Callable[[], Json]] = {
    "GPT-2": gpt2,
    "GPT-NeoX": gpt_neox,
    "Llama 3": llama3,
    "Qwen 2": qwen2,
    "own regex": own_regex,
    "RoBERTa": prefix_space,
    "Llama 2": llama2,
    "Mistral": mistral,
    "Gemma": gemma,
    "T5": t5,
    "XLM-R": xlm_roberta,
    "Unigram with bytes": unigram_bytes,
    "BERT": bert,
    "BERT cased": bert_cased,
    "word level": word_level,
    "characters": characters,
    "truncation and padding": shortened,
    "odd added tokens": odd_added_tokens,
    "overlapping added tokens": overlapping,
    "holes": holes,
    "65,536 ids": lambda: sized(1 << 16),
    "65,537 ids": lambda: sized((1 << 16) + 1),
    "dropout": dropout,
    "plain end of text": plain_eos,
}


@cache
def content_of(kind: str) -> bytes:
    """The tokenizer.json of a kind."""
    return json.dumps(ZOO[kind]()).encode()
