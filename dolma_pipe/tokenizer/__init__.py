"""A tokenizer.json at work: gigatoken for speed, `tokenizers` as reference and fallback.

json_file.py    what the file says, and what of it must not count for a corpus
fast.py         gigatoken           reference.py    `tokenizers`, in bounded memory
probe.py        where the two differ: texts that are hard, and this tokenizer's own tokens
unlike.py       characters that they are known to treat differently
sizes.py        bytes of text behind each token
tokenizer.py    all of it as one thing
chat.py         conversations as text and special tokens
"""

from dolma_pipe.tokenizer.chat import ChatEncoder, Pieces, load_template
from dolma_pipe.tokenizer.fast import EncoderFailed
from dolma_pipe.tokenizer.ids import Ids
from dolma_pipe.tokenizer.tokenizer import Tokenizer, TokenizeSettings, load_tokenizer

__all__ = [
    "ChatEncoder",
    "EncoderFailed",
    "Ids",
    "Pieces",
    "TokenizeSettings",
    "Tokenizer",
    "load_template",
    "load_tokenizer",
]
