"""A URL as block lists see it: its host and the whole of it, each in one spelling.

After RFC 3986 (6.2) where lists and crawls differ in spelling, and forgiving as browsers are: a
missing scheme, user names, backslashes and percent-encoded or upper-case hosts are all read.
"""

import ipaddress
import re
from contextlib import suppress
from urllib.parse import quote, unquote

LONGEST_HOST = 253
"""Of a name in the DNS; what is longer is no host."""

_PLAIN_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+").fullmatch
_PLAIN_URL = re.compile(r"(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(/[\w./~-]*)?", re.A)
_SCHEME = re.compile(r"[a-z][a-z0-9+-]*:[/\\]+|https?:|[/\\]{2,}", re.IGNORECASE)
_AUTHORITY_END = re.compile(r"[/\\?#]")
_HEX = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]").fullmatch
_SPELLED = re.compile(r"[!-~]*").fullmatch
_SIGNS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")
_SAFE = "/?:@!$&'()*+,;=~-._[]|^`{}<>\"\\%"
_BLANK = "".join(map(chr, range(33)))


def host_of(url: str) -> str | None:
    """The host of a URL, or of a line of a list of domains; None where there is none.

    In small letters, without user, port, a last dot and a first "www."; international names in
    Punycode (IDNA 2003, as Python has it); IPv6 in its short form in brackets. A line of a list may
    also be one of a hosts file ("0.0.0.0 example.com") or of a filter list ("||example.com^").
    """
    if len(url) <= LONGEST_HOST and _PLAIN_HOST(url):
        return _bare(url)
    url = url.strip(_BLANK)
    if url.startswith("||"):
        url = url[2:].partition("^")[0]
    elif len(parts := url.split(maxsplit=2)) > 1:
        if _is_address(parts[0]):
            url = parts[1]
        elif parts[1].startswith("#"):
            url = parts[0]
    return _host(_split(url)[0])[0]


def key_of(url: str) -> str | None:
    """Host, port, path and query of a URL in one spelling; None without host.

    Without scheme, user, fragment and a usual port; a path ends without slash; percent-encoding
    only where it is needed, in capitals.
    """
    if plain := _PLAIN_URL.fullmatch(url):
        host, path = plain.groups("")
        if len(host) <= LONGEST_HOST:
            return host + path.rstrip("/")
    authority, rest = _split(url.strip(_BLANK))
    host_name, port = _host(authority)
    if host_name is None:
        return None
    path, mark, query = rest.partition("#")[0].partition("?")
    path = path.replace("\\", "/").rstrip("/")
    return host_name + (f":{port}" if port else "") + _spelled(path) + _spelled(mark + query)


def domains_of(host: str) -> list[str]:
    """A host and every domain above it; of an address only itself."""
    if host.startswith("[") or host.replace(".", "").isdecimal():
        return [host]
    labels = host.split(".")
    return [".".join(labels[k:]) for k in range(len(labels))]


def words_of(url: str) -> str:
    """The text of a URL, percent-decoded, a space for every run of signs."""
    return _SIGNS.sub(" ", unquote(url, errors="replace") if "%" in url else url)


def _split(url: str) -> tuple[str, str]:
    """Authority, and all that follows."""
    found = _SCHEME.match(url)
    url = url[found.end() :] if found else url
    end = _AUTHORITY_END.search(url)
    return (url[: end.start()], url[end.start() :]) if end else (url, "")


def _host(authority: str) -> tuple[str | None, str]:
    """Host and unusual port of an authority."""
    authority = authority.rpartition("@")[2]
    if authority.startswith("["):
        inside, _, after = authority[1:].partition("]")
        return _short_address(inside), _unusual(after.removeprefix(":"))
    host, _, port = authority.partition(":")
    if len(host) > 9 * LONGEST_HOST:  # not even if every byte were percent-encoded thrice
        return None, ""
    host = unquote(host, errors="replace") if "%" in host else host
    if not host.isascii():
        with suppress(UnicodeError):  # no name: it still equals itself
            host = host.encode("idna").decode()
    host = _bare(host.lower().rstrip("."))
    return (host if 0 < len(host) <= LONGEST_HOST else None), _unusual(port)


def _bare(host: str) -> str:
    """Without www., unless that is the name itself (www.com)."""
    rest = host.removeprefix("www.")
    return rest if "." in rest else host


def _unusual(port: str) -> str:
    return "" if port in ("", "80", "443") else port


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _short_address(text: str) -> str | None:
    try:
        return f"[{ipaddress.IPv6Address(text.partition('%')[0])}]"
    except ValueError:
        return None


def _spelled(part: str) -> str:
    """Percent-encoded where RFC 3986 wants it and nowhere else."""
    if "%" in part:
        part = _HEX.sub(_decoded, part)
    return part if _SPELLED(part) else quote(part, safe=_SAFE)


def _decoded(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if _UNRESERVED(character) else escape[0].upper()
