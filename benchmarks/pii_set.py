"""A labelled set for personal data, made by rule from public formats; precision and recall on it.

Every positive is a value that its issuer's rules allow (reserved or random, nobody's on purpose) in
a sentence; every hard negative is something that looks like one: versions, OIDs, dates, ISBNs,
hashes, code. `python -m benchmarks.pii_set` prints the table.
"""

import random
import string
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dolma_pipe.batch import batch_of
from dolma_pipe.kernels.credit_cards import ISSUERS
from dolma_pipe.kernels.ibans import LENGTHS
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Spans, Tagger

Labelled = tuple[str, list[tuple[int, int, str]]]
"""A text, and (start, end, kind) of what is personal in it, in characters."""

KINDS = ("email", "phone", "ip", "credit_card", "iban", "secret")
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "CH", "AT", "IN", "BR", "JP", "AU")
PHONES = {
    "US": ("({a}) {e}-{d4}", "{a}-{e}-{d4}", "{a}.{e}.{d4}", "+1 {a} {e} {d4}", "1-{a}-{e}-{d4}"),
    "GB": ("020 7946 0{d3}", "+44 20 7946 0{d3}", "0161 496 0{d3}", "+44 161 496 0{d3}"),
    "DE": ("030 {n}{d5}", "030/{n}{d5}", "+49 30 {n}{d5}", "+49 (0)30 {n}{d5}", "0151 {n}{d4}{d3}"),
    "FR": ("01 4{d1} {d2} {d2} {d2}", "+33 1 4{d1} {d2} {d2} {d2}", "01.4{d1}.{d2}.{d2}.{d2}"),
    "ES": ("91{n} {d2} {d2} {d2}", "+34 91{n} {d2} {d2} {d2}"),
    "IT": ("+39 06 {n}{d3} {d4}", "06 {n}{d3} {d4}"),
    "NL": ("020 {n}{d2} {d4}", "+31 20 {n}{d2} {d4}"),
    "CH": ("044 {n}{d2} {d2} {d2}", "+41 44 {n}{d2} {d2} {d2}"),
    "AT": ("+43 1 {n}{d3}{d3}", "01 {n}{d3}{d3}"),
    "IN": ("+91 98{d3} {d5}", "098{d3} {d5}"),
    "BR": ("+55 11 3{d3}-{d4}", "(11) 3{d3}-{d4}"),
    "JP": ("03-3{d3}-{d4}", "+81 3-3{d3}-{d4}"),
    "AU": ("(02) 9{d3} {d4}", "+61 2 9{d3} {d4}"),
}
"""Ways to write numbers of areas that are in use (national numbering plans)."""
CARRIERS = {
    "email": (
        "Write to {}.",
        "Contact: {}",
        "<{}>",
        "mailto:{}?subject=x",
        "My address ({}) is",
        "{}",
    ),
    "phone": (
        "Call {} today.",
        "Tel.: {}",
        "Fax {}",
        "You can reach us on {}, daily.",
        "({})",
        "{}",
    ),
    "ip": (
        "The host {} did not answer.",
        "from {}:",
        "ping {}",
        "Blocked {}, twice.",
        "http://{}/",
    ),
    "credit_card": ("Card {} was declined.", "Visa: {}", "Paid with {}.", "{} 12/27"),
    "iban": ("IBAN {}", "Please pay to {}.", "Konto: {}, BIC folgt", "({})"),
    "secret": ("key = '{}'", "export TOKEN={}", "the token {} leaked", '"{}"'),
}


class Score(NamedTuple):
    """Spans found, right and expected. Right is a span that covers the labelled one exactly."""

    found: int
    right: int
    expected: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0


def labelled(seed: int, each: int = 400) -> list[Labelled]:
    """`each` texts of every kind, and three times as many hard negatives, in random order."""
    rng = random.Random(seed)
    rows: list[Labelled] = []
    negatives = [rng.choice(NEGATIVES)(rng) for _ in range(3 * each)]
    for kind in KINDS:
        for _ in range(each):
            value = VALUES[kind](rng)
            before, after = rng.choice(CARRIERS[kind]).split("{}")
            lead = rng.choice(("", "It began in May. ", "Seit gestern gilt: ", "你好，", "\n"))
            start = len(lead) + len(before)
            text = lead + before + value + after
            rows.append((text, [(start, start + len(value), kind)]))
    rows += [(text, []) for text in negatives]
    rng.shuffle(rows)
    return rows


def evaluate(rows: Iterable[Labelled], **settings: object) -> dict[str, Score]:
    """Precision and recall of the tagger pii by kind; settings are its own."""
    rows = list(rows)
    tagger = load(find("taggers", "pii"), Tagger)(find=KINDS, **settings)
    columns = tagger.tag(batch_of([text for text, _ in rows]))
    found, right, expected = Counter[str](), Counter[str](), Counter[str]()
    for kind in KINDS:
        spans = columns[kind]
        assert isinstance(spans, Spans)
        for d, (text, labels) in enumerate(rows):
            raw = text.encode()
            wanted = {(a, b) for a, b, of in labels if of == kind}
            first, last = spans.offsets[d], spans.offsets[d + 1]
            got = {
                (len(raw[:a].decode()), len(raw[:b].decode()))
                for a, b in zip(spans.starts[first:last], spans.ends[first:last], strict=True)
            }
            found[kind] += len(got)
            right[kind] += len(got & wanted)
            expected[kind] += len(wanted)
    return {kind: Score(found[kind], right[kind], expected[kind]) for kind in KINDS}


def _pick(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _digits(rng: random.Random, count: int) -> str:
    return _pick(rng, string.digits, count)


def _hex(rng: random.Random, count: int) -> str:
    return _pick(rng, "0123456789abcdef", count)


def _email(rng: random.Random) -> str:
    name = rng.choice(("jane", "j.doe", "info", "a_b", "max+news", "x-1", "Anna.Maria", "1984"))
    host = rng.choice(("example", "mail.example", "my-host", "sub.domain.example"))
    return f"{name}@{host}.{rng.choice(('com', 'org', 'co.uk', 'de', 'museum', 'xn--p1ai', 'io'))}"


def _phone(rng: random.Random) -> str:
    form = rng.choice(PHONES[rng.choice(sorted(PHONES))])
    area = rng.choice(("212", "415", "312", "617", "206"))
    exchange = rng.choice("23456789") + _pick(rng, "02345678", 2)
    lengths = {f"d{n}": _pick(rng, "0123456789", n) for n in range(1, 6)}
    number = form.format(a=area, e=exchange, n=rng.choice("2345678"), **lengths)
    typed = rng.random()
    if typed < 0.1:
        return number.replace(" ", "\xa0")
    return number.replace("-", "\u2011") if typed < 0.2 else number


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.6:
        octets = [rng.randint(11, 223), *(rng.randint(0, 255) for _ in range(3))]
        octets[3] = rng.randint(32, 254)
        return ".".join(map(str, octets))
    groups = [f"{rng.randint(0, 65535):x}" for _ in range(6)]
    return rng.choice(
        (
            f"2001:{':'.join(groups)}:1",
            f"2a00:{groups[0]}::{groups[1]}:{rng.randint(1, 9)}",
            f"fe80::{rng.randint(1, 9)}{groups[0][:3]}",
            f"fe80::{rng.randint(1, 9)}{groups[0][:3]}%eth0",
            f"::ffff:{rng.randint(11, 223)}.0.2.{rng.randint(1, 254)}",
            f"2001:DB8:0:0:8:800:{groups[0].upper()}:417A",
        )
    )


def _credit_card(rng: random.Random) -> str:
    _, low, high, lengths = rng.choice(ISSUERS)
    length = rng.choice([n for n in lengths if n in (14, 15, 16)] or [16])
    digits = str(rng.randint(low, high)) + _pick(rng, "0123456789", length - 7)
    if length not in lengths:
        return _credit_card(rng)
    digits += next(c for c in "0123456789" if _luhn(digits + c))
    separator = rng.choice(("", " ", "-"))
    cuts = {14: (4, 10, 14), 15: (4, 10, 15), 16: (4, 8, 12, 16)}[length]
    return separator.join(digits[a:b] for a, b in zip((0, *cuts), cuts, strict=False))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _iban(rng: random.Random) -> str:
    country = rng.choice(sorted(LENGTHS))
    letters = string.ascii_uppercase if country in ("GB", "NL", "MT", "FR") else ""
    account = _pick(rng, string.digits + letters, LENGTHS[country] - 4)
    number = int("".join(str(int(c, 36)) for c in account + country + "00"))
    written = f"{country}{98 - number % 97:02d}{account}"
    grouped = " ".join(written[k : k + 4] for k in range(0, len(written), 4))
    return rng.choice((written, grouped))


def _secret(rng: random.Random) -> str:
    alnum = string.ascii_letters + string.digits
    url_safe = alnum + "_-"
    end = rng.choice(alnum)
    return rng.choice(
        (
            "AKIA" + _pick(rng, string.ascii_uppercase + "234567", 16),
            f"ghp_{_pick(rng, alnum, 36)}",
            f"github_pat_{_pick(rng, alnum, 22)}_{_pick(rng, alnum, 59)}",
            f"glpat-{_pick(rng, alnum, 20)}",
            f"xoxb-{_digits(rng, 12)}-{_digits(rng, 12)}-{_pick(rng, alnum, 24)}",
            f"AIza{_pick(rng, url_safe, 34)}{end}",
            f"sk_live_{_pick(rng, alnum, 24)}",
            f"hf_{_pick(rng, string.ascii_letters, 34)}",
            f"eyJ{_pick(rng, alnum, 33)}.eyJ{_pick(rng, alnum, 60)}.{_pick(rng, url_safe, 9) * 5}",
            f"-----BEGIN EC PRIVATE KEY-----\n{_pick(rng, alnum, 64)}\n{_pick(rng, alnum, 40)}==\n"
            "-----END EC PRIVATE KEY-----",
        )
    )


def _date(rng: random.Random) -> str:
    year, month, day = rng.randint(1950, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}"))


def _version(rng: random.Random) -> str:
    numbers = ".".join(str(rng.randint(0, 25)) for _ in range(rng.choice((3, 4))))
    name = rng.choice(("zlib", "version", "v", "Python/", "release", "requires foo>="))
    return f"{name}{'' if name[-1] in '/=v' else ' '}{numbers} is out"


def _oid(rng: random.Random) -> str:
    return "OID 1.3.6.1." + ".".join(str(rng.randint(1, 400)) for _ in range(rng.randint(2, 6)))


def _isbn(rng: random.Random) -> str:
    digits = _digits(rng, 9)
    return f"ISBN 978-{digits[0]}-{digits[1:3]}-{digits[3:9]}-{rng.choice(string.digits)}"


def _hash(rng: random.Random) -> str:
    return f"sha {_hex(rng, rng.choice((32, 40, 64)))} matches"


def _mac(rng: random.Random) -> str:
    count, separator = rng.choice((6, 8, 16)), rng.choice(":-")
    return "hw " + separator.join(_pick(rng, "0123456789abcdef", 2) for _ in range(count))


NEGATIVES: tuple[Callable[[random.Random], str], ...] = (
    _version,
    _oid,
    _isbn,
    _hash,
    _mac,
    lambda rng: (
        f"On {_date(rng)} at {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:59 it rained."
    ),
    lambda rng: (
        f"{_date(rng)} to {_date(rng)}, {rng.randint(1900, 2020)}-{rng.randint(1900, 2020)}"
    ),
    lambda rng: f"doi:10.{rng.randint(1000, 9999)}/j.{_digits(rng, 4)}.{_digits(rng, 8)}",
    lambda rng: f"ISSN {_digits(rng, 4)}-{_digits(rng, 4)}",
    lambda rng: f"a ratio of {rng.random():.12f} or {rng.uniform(1, 999):.9f}",
    lambda rng: f"at {rng.uniform(-90, 90):+.6f}, {rng.uniform(-180, 180):+.7f}",
    lambda rng: f"Order {_digits(rng, rng.choice((8, 10, 12)))} was sent.",
    lambda rng: f"ticket #{_digits(rng, 9)}-{_digits(rng, 2)}",
    lambda rng: f"timestamp {rng.randint(1_000_000_000, 1_900_000_000)}",
    lambda rng: f"{rng.randint(1, 999)},{rng.randint(100, 999)},{rng.randint(100, 999)} people",
    lambda rng: (
        f"a[::{rng.choice('12')}], a[::-1], std::{rng.choice(('face', 'add', 'dead'))}::beef()"
    ),
    lambda rng: (
        f"Section {rng.randint(1, 20)}.{rng.randint(1, 20)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}"
    ),
    lambda rng: (
        f"uuid {_hex(rng, 8)}-{_digits(rng, 4)}-4{_digits(rng, 3)}-a{_hex(rng, 3)}-{_hex(rng, 12)}"
    ),
    lambda rng: f"@user{rng.randint(1, 99)} said lodash@4.17.{rng.randint(1, 99)} icon@2x.png",
    lambda rng: f"x = [{', '.join(str(rng.randint(0, 999)) for _ in range(8))}]",
    lambda rng: f"KEY=ghp_{rng.choice('xX0') * 36} token=AKIA{'X' * 16} sk_live_{'0' * 24}",
    lambda rng: f"DE{_digits(rng, 2)} is a road, GB{_digits(rng, 7)} a patent",
    lambda rng: f"SSN {_pick(rng, '12345678', 3)}-{_digits(rng, 2)}-{_digits(rng, 4)}",
)
VALUES: dict[str, Callable[[random.Random], str]] = {
    "email": _email,
    "phone": _phone,
    "ip": _ip,
    "credit_card": _credit_card,
    "iban": _iban,
    "secret": _secret,
}


def _print_table(title: str, scores: dict[str, Score]) -> None:
    print(f"{title}\n{'kind':12} {'labelled':>8} {'found':>6} {'precision':>10} {'recall':>7}")
    for kind, score in scores.items():
        print(
            f"{kind:12} {score.expected:8} {score.found:6}"
            f" {score.precision:10.3f} {score.recall:7.3f}"
        )


if __name__ == "__main__":
    rows = labelled(1)
    _print_table("patterns alone", evaluate(rows))
    _print_table(f"regions {' '.join(REGIONS)}", evaluate(rows, regions=REGIONS))
