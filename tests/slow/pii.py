"""Personal data and secrets the obvious way: `re` and `ipaddress` on str."""

import ipaddress
import re
from collections.abc import Callable, Collection

from dolma_pipe.kernels.credit_cards import ISSUERS
from dolma_pipe.kernels.ibans import LENGTHS
from dolma_pipe.kernels.pii import KINDS
from dolma_pipe.kernels.secrets import FORMS

Spans = list[tuple[int, int]]

PLAIN = str.maketrans("\xa0\u2007\u2009\u202f\u2010\u2011\u2012\u2013", "    ----")
"""Typographic spaces and hyphens as the plain ones."""

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(
    r"(?<![A-Za-z0-9_.%+-])[.%+-]*+"
    r"(?P<email>(?=[^@]{1,64}@)[A-Za-z0-9_][A-Za-z0-9_%+-]*+(?:\.[A-Za-z0-9_%+-]++)*+@"
    rf"(?:{LABEL}\.)+"
    r"(?:(?=[A-Za-z0-9-]{5,63}(?![A-Za-z0-9-]))(?i:xn)--[A-Za-z0-9-]*[A-Za-z0-9](?!-*[A-Za-z0-9])"
    r"|(?!(?i:png|jpg|jpeg|gif|svg|webp)(?!-?[A-Za-z0-9]))"
    r"[A-Za-z]{2,24}(?!-?[A-Za-z0-9])))"
)
VERSION_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(?:v|ver|vers|versions?|releases?|rev|revision|build|firmware|sections?|sec"
    r"""|chapter|appendix|clause|figure|fig|table|oid)[ \xa0\u2007\u2009\u202f:=."'(#]{0,3}\Z""",
    re.I | re.A,
)
NETWORK_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(?:ips?|ipv4|dns|host|hostname|nameserver|resolver|gateway|address|addresses"
    r"|addr|adresse|netmask|subnet|router|ping|traceroute|nslookup)"
    r"""[ \xa0\u2007\u2009\u202f:=."'(#]{0,3}\Z""",
    re.I | re.A,
)
PHONE_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(?:tel|telephone|telefon|telefono|telefax|phone|fax|mobile|mobil|mob|cell|cellphone"
    r"""|whatsapp|hotline)[ :=."'(#]{0,3}\Z""",
    re.I | re.A,
)
IPV4 = re.compile(
    r"(?<![A-Za-z0-9_.])(?<![A-Za-z][-/])(?=[1-9])\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9_])"
    r"(?!\.[A-Za-z0-9])(?!-(?!\d{1,3}\.\d)(?!\d{1,3}(?![A-Za-z0-9_]))[A-Za-z0-9])",
    re.A,
)
IPV6 = re.compile(
    r"(?:(?<![A-Za-z0-9_.:%\])])|(?<=[^0-9A-Fa-f:]:))(?=[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:]++"
)
OCTETS = re.compile(r"\d++(?:\.\d++){3}", re.A)
IN_USE = [
    ipaddress.ip_network(network)
    for network in (
        "2000::/3 fc00::/7 fe80::/10 ff00::/8 ::1/128 ::ffff:0:0/96 64:ff9b::/96 100::/64"
    ).split()
]
ZONE = re.compile(r"%[A-Za-z0-9]{1,15}(?![A-Za-z0-9_])")
WITH_ZONE = [ipaddress.ip_network(network) for network in ("fe80::/10", "ff00::/8")]
RESERVED = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 "
        "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 "
        "fc00::/7 fe80::/10 ff00::/8 2001:db8::/32 ::/96 100::/64"
    ).split()
]

GROUP = re.compile(r"(?P<separator>[ ./-]?)(?:\((?P<inside>\d++)\)|(?P<digits>\d++))", re.A)
NORTH_AMERICAN = re.compile(
    r"(?<!\d[./-])(?:1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?[2-9]\d\d[ .-]"
    r"|[2-9]\d\d(?P<separator>[.-])[2-9]\d\d(?P=separator))\d{4}",
    re.A,
)
FIRST_CODE = re.compile(
    r"1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?!20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])[2-689]\d\d"
)
PHONE_GOES_ON = re.compile(r"(?!x\d)[A-Za-z]|[\d_@]|[./-]\d", re.A | re.I)
DATE = re.compile(r"(19|20)\d\d (\d\d? \d\d?|(19|20)\d\d)( |\Z)|\d\d? \d\d? (19|20)\d\d( |\Z)")


def emails(text: str) -> Spans:
    return [m.span("email") for m in EMAIL.finditer(text)]


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if ip in ipaddress.ip_network("::ffff:0:0/96") or ip in ipaddress.ip_network("64:ff9b::/96"):
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return not any(ip in network for network in RESERVED)


def is_ipv4(written: str) -> bool:
    octets = written.split(".")
    return all(octet == str(int(octet)) and int(octet) < 256 for octet in octets)


def ipv4(text: str, at: int, public_only: bool) -> int:
    m = IPV4.match(text, at)
    if m is None or VERSION_WORD.search(text[:at]) or not is_ipv4(m[0]):
        return -1
    octets = list(map(int, m[0].split(".")))
    first_on_line = re.search(r"(?:\A|\n)[ \t]*\Z", text[:at])
    known = octets[0] == 10 or m[0] in ("8.8.8.8", "8.8.4.4")
    prefix = re.match(r"/(3[0-2]|[0-2]?[0-9])(?![A-Za-z0-9_/])", text[m.end() :], re.A)
    upto = re.match(r"-(\d{1,3})(?!\.?\d)", text[m.end() :], re.A)
    if upto and not octets[3] < int(upto[1]) < 256:
        return -1
    if (
        max(octets) < 32
        and not (known and not first_on_line)
        and not text[:at].endswith("//")
        and not NETWORK_WORD.search(text[:at])
        and not prefix
    ):
        return -1
    return m.end() if not public_only or is_public(m[0]) else -1


def ipv6(text: str, at: int, public_only: bool) -> int:
    m = IPV6.match(text, at)
    if m is None:
        return -1
    run = m[0]
    last = run.rindex(":") + 1
    octets = OCTETS.match(text, at + last)
    dotted = octets is not None and is_ipv4(octets[0])
    if octets is not None and dotted:
        run = run[:last] + octets[0]
    elif run.endswith(":") and not run.endswith("::"):
        run = run[:-1]
    end = at + len(run)
    if re.match(r"[A-Za-z0-9_]|\.[A-Za-z0-9_]", text[end:], re.A) or (
        text[end - 1 : end + 1] == "::"
    ):
        return -1
    try:
        address = ipaddress.IPv6Address(run)
    except ValueError:
        return -1
    compatible = dotted and 0xFFFF < int(address) < 1 << 32
    if not any(address in network for network in IN_USE) and not compatible:
        return -1
    loopback = run == "::1" and not re.search(r"[A-Za-z0-9_\])]\[\Z", text[:at], re.A)
    several = len([g for g in run.split(":") if g]) > 1
    if not re.search(r"\d", run, re.A) or not (dotted or loopback or several):
        return -1
    if public_only and not is_public(run):
        return -1
    zone = ZONE.match(text, end) if any(address in network for network in WITH_ZONE) else None
    return zone.end() if zone else end


def groups(text: str, at: int, limit: int) -> tuple[int, list[str], str]:
    """Where the groups of digits end, the groups, and the separators between them."""
    found: list[str] = []
    separators = ""
    while len(found) < 8 and (m := GROUP.match(text, at)):
        digits = m["inside"] or m["digits"]
        if m["separator"] and not found:
            break
        if (m["inside"] and len(found) > 2) or (len(digits) == 1 and len(found) > 1):
            break
        if sum(map(len, found)) + len(digits) > limit:
            break
        separators += m["separator"] if found else ""
        found.append(digits)
        at = m.end()
    return at, found, separators


def is_decimal(found: list[str], separators: str) -> bool:
    return len(found) == 2 and separators == "."


def international(text: str, at: int) -> int:
    first = re.match(r"\+(\d{1,15})(?!\d)", text[at : at + 17], re.A)
    if first is None:
        return -1
    code = FIRST_CODE.match(first[1]) if len(first[1]) > 3 else FIRST_CODE.fullmatch(first[1])
    if first[1][0] == "0" or (len(first[1]) <= 3 and code is None):
        return -1
    end, found, separators = groups(text, at + 1, 11 if first[1][0] in "17" else 15)
    digits = "".join(found)
    if first[1][0] in "17":
        good = len(digits) == 11 and (digits[0] == "7" or (digits[1] > "1" and digits[4] > "1"))
    else:
        good = len(digits) >= 8
    return end if good and not is_decimal(found, separators) else -1


def announced(text: str, at: int) -> int:
    if not PHONE_WORD.search(text[:at]):
        return -1
    end, found, separators = groups(text, at, 15)
    if is_decimal(found, separators) or DATE.match(" ".join(found)):
        return -1
    return end if sum(map(len, found)) >= 7 else -1


def phone(text: str, at: int) -> int:
    if re.search(r"[A-Za-z0-9_+]\Z", text[:at]):
        return -1
    if text[at] == "+":
        end = international(text, at)
        return -1 if PHONE_GOES_ON.match(text, end) else end
    m = NORTH_AMERICAN.match(text, at)
    if m and not PHONE_GOES_ON.match(text, m.end()):
        return m.end()
    end = announced(text, at)
    return -1 if PHONE_GOES_ON.match(text, end) else end


CARD_BEFORE = re.compile(r"[A-Za-z0-9_]\Z|[0-9][.,/ -]\Z")
CARD_AFTER = re.compile(r"[A-Za-z0-9_]|[.,/-][0-9]")
CARD_GROUPINGS = ("4 4 4 4 3", "4 4 4 4", "4 6 5", "4 6 4")


def is_card(digits: str) -> bool:
    doubled = [int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits))]
    if sum(d - 9 if d > 9 else d for d in doubled) % 10:
        return False
    prefix = int(digits[:6])
    return any(low <= prefix <= high and len(digits) in ns for _, low, high, ns in ISSUERS)


def phone_candidate(text: str, at: int) -> tuple[int, int]:
    """Where it ends, and 2 if it is announced, 4 if it is tied to what follows."""
    if re.search(r"[A-Za-z0-9_+]\Z|[A-Za-z0-9_][./-]\Z|[0-9][,:]\Z", text[:at]):
        return -1, 0
    plus = text[at] == "+"
    end, found, separators = groups(text, at + plus, 17)
    if is_decimal(found, separators) or DATE.match(" ".join(found)) or sum(map(len, found)) < 7:
        return -1, 0
    announced = PHONE_WORD.search(text[:at]) is not None
    if not announced and not plus and re.fullmatch("[0-9]+", text[at:end]):
        return -1, 0
    tied = PHONE_GOES_ON.match(text, end) or re.match("[./-][A-Za-z0-9_]", text[end:])
    return end, 2 * announced + 4 * (tied is not None)


def phone_candidates(text: str) -> list[tuple[int, int, int]]:
    plain = text.translate(PLAIN)
    candidates = []
    at = 0
    while at < len(plain):
        end, flags = phone_candidate(plain, at) if plain[at] in "+(0123456789" else (-1, 0)
        if end > 0:
            candidates.append((at, end, flags))
        at = max(end, at + 1)
    return candidates


def card(text: str, at: int) -> int:
    if CARD_BEFORE.search(text[:at]):
        return -1
    row = re.compile("[0-9]+").match(text, at)
    if row is None:
        return -1
    if len(row[0]) >= 13:
        good = len(row[0]) <= 19 and is_card(row[0]) and not CARD_AFTER.match(text, row.end())
        return row.end() if good else -1
    for separator in " -":
        for grouping in CARD_GROUPINGS:
            pattern = separator.join(f"[0-9]{{{n}}}" for n in grouping.split())
            m = re.compile(pattern + "(?![0-9])").match(text, at)
            if m is None or CARD_AFTER.match(text, m.end()):
                continue
            if separator == " " and re.match(" [0-9]{4}(?![0-9])", text[m.end() :]):
                continue
            if is_card(re.sub("[ -]", "", m[0])):
                return m.end()
    return -1


def iban(text: str, at: int) -> int:
    if re.search(r"[A-Za-z0-9_]\Z", text[:at]) or text[at : at + 2] not in LENGTHS:
        return -1
    length = LENGTHS[text[at : at + 2]]
    sizes = [4] * (length // 4) + [length % 4] * (length % 4 > 0)
    for separator in (" ", ""):
        pattern = separator.join(f"[A-Z0-9]{{{n}}}" for n in sizes)
        m = re.compile(pattern + "(?![A-Za-z0-9_])").match(text, at)
        if m and re.match("[A-Z]{2}[0-9]{2}", m[0]):
            written = m[0].replace(" ", "")
            value = int("".join(str(int(c, 36)) for c in written[4:] + written[:4]))
            if value % 97 == 1:
                return m.end()
    return -1


SECRETS = [
    re.compile(
        rf"(?<![A-Za-z0-9_-]){re.escape(form.prefix)}"
        rf"(?P<body>{'(?=[0-9])' if form.digit_first else ''}[{re.escape(form.alphabet)}]"
        rf"{{{form.shortest},{form.longest}}})(?![{re.escape(form.alphabet)}A-Za-z0-9_])"
    )
    for form in FORMS
]
TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{14,}+\.eyJ[A-Za-z0-9_-]{14,}+\.[A-Za-z0-9_-]{16,}+"
)
BLOCK = re.compile(
    r"-----BEGIN (?=[^-]{0,41}-)[^-]*?PRIVATE KEY(?: BLOCK)?-----(?=(?s:.{64}))(?s:(?!-----).)*"
    r"-----END [^-]{0,41}-----"
)


def secret(text: str, at: int) -> int:
    for m in (BLOCK.match(text, at), TOKEN.match(text, at)):
        if m:
            return m.end()
    for form, pattern in zip(FORMS, SECRETS, strict=True):
        m = pattern.match(text, at)
        if m and form.infix in m["body"] and len(set(m["body"])) >= 8:
            return m.end()
    return -1


def each(text: str, find: Callable[[str, int], int]) -> Spans:
    """What is found from left to right, going on behind each."""
    spans: Spans = []
    at = 0
    while at < len(text):
        if (end := find(text, at)) > 0:
            spans.append((at, end))
            at = end
        else:
            at += 1
    return spans


def ips(text: str, public_only: bool) -> Spans:
    def find(text: str, at: int) -> int:
        end = ipv6(text, at, public_only)
        return end if end > 0 else ipv4(text, at, public_only)

    return each(text, find)


def phones(text: str, closed: Spans) -> Spans:
    """closed: where no phone number starts."""

    def find(text: str, at: int) -> int:
        if text[at] not in "+(0123456789" or any(a <= at < b for a, b in closed):
            return -1
        return phone(text, at)

    return each(text.translate(PLAIN), find)


def find_pii(text: str, kinds: Collection[str], public_only: bool) -> dict[str, Spans]:
    """Spans by kind, in characters, without those that one of an earlier kind overlaps."""
    plain = text.translate(PLAIN)
    numbers = (ips(text, public_only) if "ip" in kinds else []) + (
        each(plain, card) if "credit_card" in kinds else []
    )
    finders: dict[str, Callable[[], Spans]] = {
        "secret": lambda: each(text, secret),
        "email": lambda: emails(text),
        "iban": lambda: each(plain, iban),
        "credit_card": lambda: each(plain, card),
        "ip": lambda: ips(text, public_only),
        "phone": lambda: phones(text, numbers),
    }
    found: dict[str, Spans] = {}
    for kind in KINDS:
        if kind in kinds:
            taken = [span for spans in found.values() for span in spans]
            found[kind] = [
                (a, b) for a, b in finders[kind]() if not any(a < d and c < b for c, d in taken)
            ]
    return found
