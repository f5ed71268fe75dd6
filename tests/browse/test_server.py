"""The server: nobody but this machine's user, who has the token, and nothing but reading."""

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dolma_pipe.browse.api import Api
from dolma_pipe.browse.page import page_of
from dolma_pipe.browse.server import Browser
from dolma_pipe.errors import UserError
from tests.corpus import command, dolma_pipe

Headers = dict[str, str]


@pytest.fixture(scope="module")
def served(looked: Path) -> Iterator[Browser]:
    api = Api(str(looked / "work/looked"))
    with Browser(api, page_of(api.name, api.place), 0) as browser:
        thread = threading.Thread(target=browser.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield browser
        browser.shutdown()
        thread.join()


def asked(
    served: Browser, path: str, *, method: str = "GET", host: str | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{served.port}")
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def cookie(served: Browser) -> Headers:
    return {"Cookie": f"{served.cookie}={served.token}"}


def test_the_address_opens_it_and_the_cookie_keeps_it_open(served: Browser) -> None:
    path = served.address().removeprefix(f"http://127.0.0.1:{served.port}")
    status, headers, body = asked(served, path)
    assert (status, "<h1>looked</h1>" in body) == (200, True)
    kept = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(kept.split("; "))
    assert served.token not in body
    status, _, body = asked(served, "/api/run", Cookie=kept.split(";")[0])
    assert (status, '"name":"looked"' in body) == (200, True)


def test_it_listens_on_this_machine_alone(served: Browser) -> None:
    assert served.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/?token=x", "/?token=", "/api/run", "/api/run?token=é"])
def test_nobody_without_the_token(served: Browser, path: str) -> None:
    path = path.replace("é", "%C3%A9")
    for headers in ({}, {"Cookie": f"{served.cookie}=x"}, {"Cookie": ";;="}):
        status, _, body = asked(served, path, **headers)
        assert status == 403
        assert "looked" not in body
    token = served.token
    assert asked(served, f"/?token={token}&token={token}")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80"])
def test_no_other_name(served: Browser, host: str) -> None:
    """A name of somebody else that leads here, as in DNS rebinding."""
    status, _, body = asked(served, "/api/run", host=host, **cookie(served))
    assert (status, "looked" in body) == (403, False)
    assert asked(served, "/api/run", host=f"localhost:{served.port}", **cookie(served))[0] == 200
    assert asked(served, "/api/run", Host="evil.example", **cookie(served))[0] == 403


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_only_get(served: Browser, method: str) -> None:
    assert asked(served, "/api/run", method=method, **cookie(served))[0] == 405
    assert asked(served, "/api/run", method="BREW", **cookie(served))[0] == 501


def test_not_for_other_sites(served: Browser) -> None:
    other = {"Sec_Fetch_Site": "cross-site", **cookie(served)}
    assert asked(served, "/api/run", **other)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/api/../mix.yaml",
        "/runs/looked/manifest.json",
        "/browse/",
        "/browse/../base.html.j2",
        "http://evil.example/",
        "/api/document?shard=..%2F..%2Fmix&line=1",
        "/api/document?shard=%2Fetc%2Fpasswd&line=1",
        "/favicon.ico",
    ],
)
def test_no_path_of_the_disk(served: Browser, path: str) -> None:
    status, headers, _ = asked(served, path, **cookie(served))
    assert status in (400, 404)
    assert headers["Content-Type"].startswith(("application/json", "text/plain"))


def test_scripts_are_served_to_who_has_the_token(served: Browser) -> None:
    page = asked(served, "/", **cookie(served))[2]
    started = set(re.findall(r'<script type="module" src="([^"]+)">', page))
    wanted, seen = {*started}, set[str]()
    while wanted - seen:
        path = min(wanted - seen)
        seen.add(path)
        status, headers, script = asked(served, path, **cookie(served))
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert asked(served, path)[0] == 403
        wanted |= {f"/browse/{name}" for name in re.findall(r'from "\./([^"]+)"', script)}
    assert started < seen == {*served.page.modules}


@pytest.mark.parametrize("path", ["/", "/api/run", "/api/nothing", "/?token=x"])
def test_headers(served: Browser, path: str) -> None:
    for headers in ({}, cookie(served)):
        _, told, _ = asked(served, path, **headers)
        policy = told["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert told["X-Content-Type-Options"] == "nosniff"
        assert told["Cache-Control"] == "no-store"
        assert told["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in told


def test_what_is_malformed_is_one_line(served: Browser) -> None:
    status, _, body = asked(served, "/api/documents?verdict=%ff", **cookie(served))
    assert (status, body.count("\n")) == (400, 0)
    status, _, body = asked(served, "/?" + "a=1&" * 60, **cookie(served))
    assert status == 400
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"\x16\x03\x01 <b>nonsense\r\n\r\n")
        assert b"<b>" not in connection.recv(10_000)
    assert asked(served, "/api/run", **cookie(served))[0] == 200


def test_a_port_that_is_taken_is_one_line(served: Browser) -> None:
    with pytest.raises(UserError, match=r"port \d+ of 127.0.0.1 cannot be had .*: --port 0"):
        Browser(served.api, served.page, served.port)


def test_the_command(looked: Path) -> None:
    """It prints the address, and Ctrl-C ends it; no run is one line."""
    told = dolma_pipe(looked, "browse", "nowhere", "--no-open", code=1).stderr
    assert told == "dolma-pipe: nowhere is no work directory of a run that has ended\n"
    process = subprocess.Popen(
        command("browse", "work/looked", "--no-open"),
        cwd=looked,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    match = re.fullmatch(r"work/looked: http://127\.0\.0\.1:(\d+)/\?token=[\w-]{30,}\n", first)
    assert match, first
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert told == ""
