"""E-mail addresses, phone numbers and IP addresses the obvious way: `re` and `ipaddress` on str."""

import ipaddress
import re

Spans = list[tuple[int, int]]

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(
    r"(?<![A-Za-z0-9_.%+-])[.%+-]*+"
    r"(?P<email>(?=[^@]{1,64}@)[A-Za-z0-9_][A-Za-z0-9_%+-]*+(?:\.[A-Za-z0-9_%+-]++)*+@"
    rf"(?:{LABEL}\.)+(?!(?i:png|jpg|jpeg|gif|svg|webp)(?!-*[A-Za-z0-9]))"
    r"[A-Za-z]{2,24}(?!-*[A-Za-z0-9]))"
)
VERSION_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(?:v|ver|vers|versions?|releases?|rev|revision|build|firmware|sections?|sec"
    r"""|chapter|appendix|clause|figure|fig|table|oid)[ :=."'(#]{0,3}\Z""",
    re.I | re.A,
)
PHONE_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(?:tel|telephone|telefon|telefono|telefax|phone|fax|mobile|mobil|cell"
    r"""|whatsapp|hotline)[ :=."'(#]{0,3}\Z""",
    re.I | re.A,
)
IPV4 = re.compile(
    r"(?<![A-Za-z0-9_.])(?<![A-Za-z][-/])(?=[1-9])\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9_])"
    r"(?!\.[A-Za-z0-9])(?!-(?!\d{1,3}\.)[A-Za-z0-9])",
    re.A,
)
IPV6 = re.compile(r"(?<![A-Za-z0-9_.:])(?=[0-9A-Fa-f]{4}:)[0-9A-Fa-f:]++(?!\.?[A-Za-z0-9_])")
FIRST_GROUPS = [ipaddress.ip_network(n) for n in ("2000::/3", "fc00::/7", "fe80::/10")]
RESERVED = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 "
        "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 "
        "fc00::/7 fe80::/10 2001:db8::/32"
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
    return not any(ipaddress.ip_address(address) in network for network in RESERVED)


def ipv4(text: str, at: int, public_only: bool) -> int:
    m = IPV4.match(text, at)
    if m is None or VERSION_WORD.search(text[:at]):
        return -1
    try:
        ipaddress.IPv4Address(m[0])
    except ValueError:
        return -1
    octets = list(map(int, m[0].split(".")))
    first_on_line = re.search(r"(?:\A|\n)[ \t]*\Z", text[:at])
    if max(octets) < 32 and (octets[0] != 10 or first_on_line):
        return -1
    return m.end() if not public_only or is_public(m[0]) else -1


def ipv6(text: str, at: int, public_only: bool) -> int:
    m = IPV6.match(text, at)
    if m is None:
        return -1
    run = m[0]
    if run.endswith(":") and not run.endswith("::"):
        run = run[:-1]
    try:
        address = ipaddress.IPv6Address(run)
    except ValueError:
        return -1
    if not re.search(r"\d", run) or not any(address in network for network in FIRST_GROUPS):
        return -1
    if len([g for g in run.split(":") if g]) < 2:
        return -1
    return at + len(run) if not public_only or is_public(run) else -1


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


def find_pii(text: str, public_only: bool) -> tuple[Spans, Spans, Spans]:
    """Spans of e-mail addresses, phone numbers and IP addresses, in characters."""
    phones: Spans = []
    ips: Spans = []
    at = 0
    while at < len(text):
        if (end := ipv6(text, at, public_only)) > 0 or (end := ipv4(text, at, public_only)) > 0:
            ips.append((at, end))
            at = end
        elif text[at] in "+(0123456789" and (end := phone(text, at)) > 0:
            phones.append((at, end))
            at = end
        else:
            at += 1
    return emails(text), phones, ips
