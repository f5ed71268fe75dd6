"""Files of web servers, http:// and https://."""

import ssl
import urllib.request
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from dolma_pipe.remote import file
from dolma_pipe.remote.file import Answer, Broken, Version
from dolma_pipe.settings import one_line

AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may be others the next time (RFC 9110)."""
MEANINGS = {
    401: "access denied (HTTP 401)",
    403: "access denied (HTTP 403)",
    404: "it is not there (HTTP 404)",
    410: "it is not there (HTTP 410)",
}


class WebFile:
    """The address as the recipe has it; redirections are followed, and shown nowhere."""

    def __init__(self, uri: str) -> None:
        self._url = quote(uri, safe="%/:=&?~#+!$,;'@()*[]|")

    def open(self, start: int, expected: Version | None) -> Answer:
        headers = {}
        if start:
            headers["Range"] = f"bytes={start}-"
            if expected is not None and (expected.mark or "").startswith('"'):
                headers["If-Match"] = str(expected.mark)
        answer = self._asked("GET", headers, expected)
        try:
            begin, size = _place(answer)
        except OSError:
            answer.close()
            raise
        return Answer(_Body(answer), begin, Version(size, _mark(answer)))

    def version(self) -> Version:
        """Without the file. Raises Broken and OSError."""
        with self._asked("HEAD", {}, None) as answer:
            size = answer.headers.get("Content-Length", "")
        return Version(int(size) if size.isdecimal() else None, _mark(answer))

    def _asked(self, method: str, headers: dict[str, str], expected: Version | None) -> Any:
        own = {"User-Agent": "dolma-pipe", "Accept-Encoding": "identity"}
        request = urllib.request.Request(self._url, headers=own | headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=file.TIMEOUT)
        except HTTPError as error:
            error.close()
            if error.code in AGAIN:
                raise Broken(f"HTTP {error.code}", _after(error.headers)) from error
            if expected is not None and error.code in (404, 410, 412, 416):
                raise OSError("it was changed while it was read: run again") from error
            raise OSError(MEANINGS.get(error.code, f"HTTP {error.code}")) from error
        except ssl.SSLEOFError as error:  # as a connection that breaks without TLS
            raise Broken("the connection broke (SSLEOFError)") from error
        except ssl.SSLError as error:
            raise OSError(_told(error)) from error
        except URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise OSError(f"its certificate is refused: {_told(error.reason)}") from error
            raise Broken(f"the server cannot be reached ({_told(error.reason)})") from error
        except (OSError, HTTPException) as error:
            raise Broken(f"the connection broke ({type(error).__name__})") from error
        except ValueError as error:  # a port that is none
            raise OSError("nothing opens such an address") from error


class _Body:
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def read(self, size: int) -> bytes:
        try:
            content: bytes = self._answer.read(size)
        except (OSError, HTTPException) as error:
            raise Broken(f"the connection broke ({type(error).__name__})") from error
        return content

    def close(self) -> None:
        self._answer.close()


def _place(answer: Any) -> tuple[int, int | None]:
    """At which byte of the file an answer begins, and how long the file is (None: as long as its
    chunks say). Raises OSError."""
    told = answer.headers.get("Content-Range", "")  # bytes 5-9/10
    if answer.status == 206:
        begin, size = told.removeprefix("bytes ").partition("-")[0], told.rpartition("/")[2]
        if not (begin.isdecimal() and size.isdecimal()):
            raise OSError("the server sends a part of it, and does not say which")
        return int(begin), int(size)
    size = answer.headers.get("Content-Length", "")
    if not size.isdecimal() and not answer.chunked:
        raise OSError(
            "the server does not say how long the file is: whether it has come in full would not"
            " be known"
        )
    return 0, int(size) if size.isdecimal() else None


def _mark(answer: Any) -> str | None:
    """A strong ETag, else when it was written. A weak one says that the meaning is the same."""
    etag = answer.headers.get("ETag", "")
    mark: str | None = etag if etag.startswith('"') else answer.headers.get("Last-Modified")
    return mark


def _after(headers: Message) -> float:
    told = headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 0.0


def _told(reason: object) -> str:
    return one_line(getattr(reason, "strerror", None) or reason)[:100]
