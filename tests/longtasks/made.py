"""Long documents of made-up words: parts with topics, names that come back, filler everywhere."""

import random
from collections.abc import Sequence

import numpy as np

from dolma_pipe.kernels.jit import U8
from dolma_pipe.longtasks.draw import Draw
from dolma_pipe.longtasks.sections import parts_of
from dolma_pipe.longtasks.words import Vocabulary

LATIN = (
    "mountain",
    "river",
    "harvest",
    "lantern",
    "violin",
    "glacier",
    "orchard",
    "compass",
    "meadow",
    "furnace",
    "vessel",
    "pilgrim",
    "granite",
    "parcel",
)
FILLER = ("that", "with", "from", "they", "have", "this", "would", "there", "of", "a", "to")
CYRILLIC = (
    "корабль",
    "дорога",
    "метель",
    "учитель",
    "берег",
    "письмо",
    "огонь",
    "зеркало",
    "крыша",
    "доктор",
    "музыка",
    "ветер",
    "лошадь",
    "колокол",
)
CYRILLIC_FILLER = ("который", "было", "только", "когда", "и", "на", "с", "если")
ARABIC = (
    "مدينة",
    "كتاب",
    "بستان",
    "سفينة",
    "جبال",
    "مكتبة",
    "قافلة",
    "صحراء",
    "حديقة",
    "مرآة",
    "فلاح",
    "نافذة",
    "طبيب",
    "موسيقى",
)
ARABIC_FILLER = ("الذي", "كان", "على", "هذا", "التي", "في", "من", "بعد")
CHINESE = (
    "长安",
    "红楼",
    "船舶",
    "山川",
    "书院",
    "麒麟",
    "蝴蝶",
    "琵琶",
    "葡萄",
    "玫瑰",
    "珊瑚",
    "琥珀",
    "蜻蜓",
    "骆驼",
)
CHINESE_FILLER = tuple("的了是在有和人这中大为上个国")


def document(
    seed: str,
    topics: Sequence[str] = LATIN,
    filler: Sequence[str] = FILLER,
    parts: int = 6,
    sentences: int = 40,
    names: Sequence[str] = ("Aldermere", "Corvane"),
    join: str = " ",
    stop: str = ". ",
) -> str:
    """`parts` headed sections; a part has four topics, of which it shares two with the next."""
    rng = random.Random(seed)
    sections = []
    for i in range(parts):
        own = [topics[(2 * i + k) % len(topics)] for k in range(4)]
        body = []
        for k in range(sentences):
            words = [rng.choice(filler) for _ in range(rng.randint(9, 14))]
            for word in own:
                if rng.random() < 0.3:
                    words.insert(rng.randint(1, len(words)), word)
            if k % sentences == 7:
                words.insert(4, names[i % len(names)])
            sentence = join.join([*words, filler[0]])
            body.append(sentence[0].upper() + sentence[1:])
        sections.append(f"## {i + 1} {rng.choice(topics)} {i}\n\n" + stop.join(body) + stop.strip())
    return "\n\n".join(sections) + "\n"


def buffer(text: str) -> U8:
    return np.frombuffer(text.encode(), np.uint8)


def vocabulary(text: str) -> Vocabulary:
    return Vocabulary(buffer(text), parts_of(buffer(text)))


def draw(name: str | int = 0, seed: int = 7) -> Draw:
    return Draw(seed, "made", str(name))
