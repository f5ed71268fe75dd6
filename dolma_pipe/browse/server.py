"""The page's server: this machine alone, who has the token alone, GET alone.

The standard library's: it reads only, for one person, and no other package need be kept up to date.
"""

import secrets
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from dolma_pipe import __version__
from dolma_pipe.browse.api import Api
from dolma_pipe.errors import UserError
from dolma_pipe.report.html.render import Page

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
SECONDS = 30
"""That a connection may be silent."""
FIELDS = 50
"""Parameters of an address."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
CLOSED = "open the address that dolma-pipe browse has printed: it has the token"


class Browser(ThreadingHTTPServer):
    """Serves one run until it is interrupted."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, api: Api, page: Page, port: int) -> None:
        """port: 0 for any that is free. Raises UserError where it cannot be had."""
        self.api, self.page = api, page
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), Handler)
        except OSError as error:
            told = error.strerror or error
            raise UserError(f"port {port} of {ADDRESS} cannot be had ({told}): --port 0") from None

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def cookie(self) -> str:
        """Its name: browsers do not tell ports apart."""
        return f"dolma-pipe-{self.port}"

    def address(self) -> str:
        """What is opened in a browser."""
        return f"http://{ADDRESS}:{self.port}/?token={self.token}"

    def hosts(self) -> set[str]:
        """What a request may call this server: another name stands for somebody else's page."""
        bare = set(NAMES) if self.port == 80 else set()
        return bare | {f"{name}:{self.port}" for name in NAMES}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Browser
    timeout = SECONDS
    server_version = f"dolma-pipe/{__version__}"
    sys_version = ""

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts():
            return self._text(403, f"this server is {ADDRESS}:{self.server.port} and nobody else")
        if self.command != "GET":
            return self._text(405, "only GET", {"Allow": "GET"})
        if self.headers.get("Sec-Fetch-Site") == "cross-site" and self._is_api():
            return self._text(403, "another site asks")
        try:
            asked = urlsplit(self.path)
            query = parse_qs(
                asked.query,
                keep_blank_values=True,
                errors="surrogateescape",
                max_num_fields=FIELDS,
            )
        except ValueError:
            return self._text(400, "this is no address")
        if asked.scheme or asked.netloc or not self.path.startswith("/"):
            return self._text(400, "this is no address of this server")
        tokens = query.pop("token", [])
        if not (self._is_token(tokens) or self._has_cookie()):
            return self._text(403, CLOSED)
        if asked.path == "/":
            kept = f"{self.server.cookie}={self.server.token}; Path=/; HttpOnly; SameSite=Strict"
            policy = f"{self.server.page.policy}; frame-ancestors 'none'"
            more = {"Set-Cookie": kept, "Content-Security-Policy": policy}
            return self._send(200, "text/html", self.server.page.content.encode(), more)
        if asked.path in self.server.page.modules:
            script = self.server.page.modules[asked.path]
            return self._send(200, "text/javascript", script.encode(), {})
        answer = self.server.api.answer(asked.path, query)
        return self._send(answer.status, "application/json", answer.body, {})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = _answer

    def _is_api(self) -> bool:
        return self.path.startswith("/api/")

    def _is_token(self, given: list[str]) -> bool:
        return len(given) == 1 and _same(given[0], self.server.token)

    def _has_cookie(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self.server.cookie)
        return found is not None and _same(found.value, self.server.token)

    def _text(self, status: int, told: str, more: dict[str, str] | None = None) -> None:
        self._send(status, "text/plain", f"{told}\n".encode(), more or {})

    def _send(self, status: int, kind: str, body: bytes, more: dict[str, str]) -> None:
        self.close_connection = True
        try:
            self.send_response(status)
            headers = {"Content-Security-Policy": NOTHING, **HEADERS, **more}
            headers |= {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # who asked has gone on to something else

    def send_error(self, code: int, message: str | None = None, _: str | None = None) -> None:
        """What is no HTTP: without repeating any of it."""
        del message
        self._text(code, "this is no request that is understood")

    def log_message(self, *_: object) -> None:
        """Addresses have what people look for; nobody needs to read them."""


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), token.encode())
