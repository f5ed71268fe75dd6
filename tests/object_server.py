"""The S3 server of the tests, a process of its own: moto behind real HTTP, which notes every
request and fails where it is told to. Public files are there for plain HTTP: ADDRESS/bucket/key.

It prints its port as its first line and ends with its standard input. POST /_control takes JSON:

    {"faults": [Fault, ...]}     what goes wrong from now on, in place of what did before
    {"forget": true}             the requests so far, and the faults
    {"ask": true}                each request is printed as a line [method, path], and answered by a
                                 line: a Fault or null
    {"down": 1.5}                refuse connections for so many seconds

GET /_control gives [[method, path], ...], all requests since the last "forget".
"""

import json
import os
import queue
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

MESSAGES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "ConditionalRequestConflict",
    500: "InternalError",
    503: "SlowDown",
}
PIECE = 1 << 16


class Fault(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What goes wrong with requests: the first one that fits counts.

    method, path: regular expressions, of which the second is looked for in /bucket/key. after,
    count: the first that it passes over, and how many it takes then. status: answered instead.
    delay: seconds until the answer. rate: bytes of the body a second. reset, close: the connection
    is, after so many bytes of the body. headers: of the answer, set or (null) left out.
    whole: the file from its begin, whatever range is asked for.
    """

    method: str = ".*"
    path: str = ""
    after: int = 0
    count: int = 1 << 60
    status: int | None = None
    delay: float = 0
    rate: float | None = None
    reset: int | None = None
    close: int | None = None
    headers: dict[str, str | None] = {}
    whole: bool = False


class App:
    """moto's, with faults."""

    def __init__(self) -> None:
        self._inner: Any = DomainDispatcherApplication(create_backend_app)
        self._faults: list[Fault] = []
        self._asking = False
        self._requests: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._answers: queue.Queue[str] = queue.Queue()
        self.server: Any = None
        self.down = 0.0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        if path == "/_control":
            start_response("200 OK", [("Content-Type", "application/json")])
            content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return [self._control(method, content)]
        path += "?uploads" if environ["QUERY_STRING"].startswith("uploads") else ""
        with self._lock:
            self._requests.append((method, path))
            fault = self._fault(method, path)
        return (
            self._answer(fault, environ, start_response)
            if fault
            else self._inner(environ, start_response)
        )

    def listen(self) -> None:
        """Answers to what was asked; whoever started the server is gone when they end."""
        for line in sys.stdin:
            self._answers.put(line)
        os._exit(0)

    def _control(self, method: str, content: bytes) -> bytes:
        with self._lock:
            if method == "GET":
                return json.dumps(self._requests).encode()
            told = json.loads(content)
            if told.get("forget"):
                self._requests.clear()
                self._faults, self._asking = [], False
            if "faults" in told:
                self._faults = msgspec.convert(told["faults"], list[Fault])
            self._asking = told.get("ask", self._asking)
            self.down = told.get("down", 0.0)
            if self.down:
                threading.Thread(target=self.server.shutdown).start()
        return b"null"

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if re.fullmatch(fault.method, method) and re.search(fault.path, path):
                if fault.after > 0:
                    fault.after -= 1
                elif fault.count > 0:
                    fault.count -= 1
                    return fault
        if not self._asking:
            return None
        print(json.dumps([method, path]), flush=True)
        return msgspec.json.decode(self._answers.get(), type=Fault | None)

    def _answer(
        self, fault: Fault, environ: dict[str, Any], start_response: Any
    ) -> Iterator[bytes]:
        time.sleep(fault.delay)
        if fault.status is not None:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{fault.status} Refused", [("Content-Type", "application/xml")])
            code = MESSAGES.get(fault.status, fault.status)
            yield f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            return
        if fault.whole:
            environ.pop("HTTP_RANGE", None)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            ours = {name.lower() for name in fault.headers}
            kept = [item for item in headers if item[0].lower() not in ours]
            new = [(name, value) for name, value in fault.headers.items() if value is not None]
            return start_response(status, kept + new, *more)

        body = b"".join(self._inner(environ, start))
        end = fault.reset if fault.reset is not None else fault.close
        piece = PIECE if fault.rate is None else max(1, int(fault.rate / 10))
        for at in range(0, len(body[:end]), piece):
            yield body[at : min(at + piece, len(body) if end is None else end)]
            if fault.rate is not None:
                time.sleep(piece / fault.rate)
        if end is not None and end < len(body):
            _hang_up(environ["werkzeug.socket"], reset=fault.reset is not None)


def _hang_up(connection: socket.socket, *, reset: bool) -> None:
    if reset:  # close() sends a RST instead of a FIN
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
    raise ConnectionAbortedError  # to werkzeug: the client is gone


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None: ...


def main() -> None:
    app, port = App(), 0
    threading.Thread(target=app.listen, daemon=True).start()
    while True:
        app.server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
        if not port:
            port = app.server.server_port
            print(port, flush=True)
        app.server.serve_forever()
        app.server.server_close()
        time.sleep(app.down)


if __name__ == "__main__":
    main()
