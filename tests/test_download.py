"""The downloader, against a server on this machine that misbehaves in every way."""

import errno
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fastscratch.data import download as module
from fastscratch.data.download import DownloadError, download

CONTENT = bytes(range(256)) * 1100  # 281,600 bytes, several pieces
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """``/<way>/file`` answers in one way; what was asked for is recorded."""

    def do_GET(self):
        way = self.path.split("/")[1]
        asked = self.headers.get("Range")
        self.server.requests.append((way, asked))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        getattr(self, way)(start)

    def send(self, body, *, status=200, length=None, **headers):
        self.send_response(status)
        if length is not False:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def partial(self, start, content=CONTENT, **more):
        if start >= len(content):
            self.send(b"", status=416)
        else:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(content[start:], status=206, Content_Range=span, **more)

    def good(self, start):
        self.partial(start) if start else self.send(CONTENT)

    def no_range(self, start):
        self.send(CONTENT)

    def no_length(self, start):
        self.send(CONTENT, length=False)

    def cut(self, start):
        """Each answer promises the rest and delivers 100 kB of it."""
        body, rest = CONTENT[start : start + 100_000], len(CONTENT) - start
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        self.send(body, status=206 if start else 200, length=rest, Content_Range=span)

    def cut_early(self, start):
        self.send(CONTENT[start : start + 10], length=len(CONTENT)) if not start else self.cut(start)

    def silent(self, start):
        self.send(CONTENT[:100_000], length=len(CONTENT))
        self.server.released.wait(5)

    def wrong(self, start):
        wrong = CONTENT[:-1] + b"?"
        self.partial(start, wrong) if start else self.send(wrong)

    def wrong_span(self, start):
        self.send(CONTENT, status=206, Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")

    def missing(self, start):
        self.send(b"nothing here", status=404)

    def empty(self, start):
        self.send_response(204)
        self.end_headers()

    def large(self, start):
        self.send(CONTENT * 2)

    def large_unannounced(self, start):
        self.send(CONTENT * 2, length=False)

    def moved(self, start):
        self.send(b"", status=302, Location="/good/file")

    def moved_away(self, start):
        self.send(b"", status=302, Location="http://mirror.invalid/file")

    def moved_to_disk(self, start):
        self.send(b"", status=302, Location="file:///etc/hostname")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.released = [], threading.Event()
    server.url = lambda way: f"http://127.0.0.1:{server.server_port}/{way}/file"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    """Download from mirrors that answer in the ways given."""

    def fetch(*ways, **options):
        options = {"sha256": SHA256, "timeout": 5.0, **options}
        return download([server.url(way) for way in ways], tmp_path / "folder" / "file", **options)

    fetch.file = tmp_path / "folder" / "file"
    fetch.part = tmp_path / "folder" / "file.part"
    return fetch


def assert_delivered(fetch):
    assert fetch.file.read_bytes() == CONTENT
    assert [entry.name for entry in fetch.file.parent.iterdir()] == ["file"]


def put_part(fetch, content):
    fetch.part.parent.mkdir()
    fetch.part.write_bytes(content)


@pytest.mark.parametrize("way", ["good", "no_length", "moved"])
def test_file_arrives(fetch, server, way):
    assert fetch(way) == server.url(way)
    assert_delivered(fetch)


def test_progress_is_told(fetch):
    seen = []
    fetch("good", progress=lambda *args: seen.append(args))
    assert seen[-1] == ("file", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert len(seen) > 2
    fetch("no_length", progress=lambda *args: seen.append(args))
    assert seen[-1] == ("file", len(CONTENT), None)


def test_cut_connection_is_resumed_on_the_same_mirror(fetch, server):
    fetch("cut")
    assert_delivered(fetch)
    ranges = [None, "bytes=100000-", "bytes=200000-"]
    assert server.requests == [("cut", asked) for asked in ranges]


def test_cut_connection_is_resumed_on_the_next_mirror(fetch, server, monkeypatch):
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    fetch("cut", "good")
    assert_delivered(fetch)
    assert server.requests == [("cut", None), ("good", "bytes=100000-")]


def test_cut_connection_is_resumed_in_the_next_run(fetch, server, monkeypatch):
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    with pytest.raises(DownloadError, match="cut after 100000 of 281600 bytes"):
        fetch("cut")
    assert not fetch.file.exists()
    assert fetch.part.read_bytes() == CONTENT[:100_000]
    fetch("good")
    assert_delivered(fetch)
    assert server.requests[-1] == ("good", "bytes=100000-")


def test_a_mirror_that_never_finishes_is_given_up(fetch, server):
    with pytest.raises(DownloadError, match="cut after"):
        fetch("cut_early")
    assert len(server.requests) == 3
    assert not fetch.file.exists()


def test_silence_is_a_cut(fetch, monkeypatch):
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    with pytest.raises(DownloadError, match="the connection was cut: timed out"):
        fetch("silent", timeout=0.2)
    content = fetch.part.read_bytes()
    assert content == CONTENT[: len(content)]


@pytest.mark.parametrize("size", [1000, len(CONTENT) + 1])
def test_server_that_ignores_ranges_starts_over(fetch, server, size):
    put_part(fetch, b"x" * size)
    fetch("no_range")
    assert_delivered(fetch)
    assert server.requests == [("no_range", f"bytes={size}-")]


def test_complete_part_is_taken_as_it_is(fetch):
    put_part(fetch, CONTENT)
    fetch("good")
    assert_delivered(fetch)


@pytest.mark.parametrize("part", [b"x" * 1000, CONTENT + b"x", b"x" * len(CONTENT)])
def test_bad_part_is_thrown_away_and_fetched_anew(fetch, server, part):
    put_part(fetch, part)
    fetch("good")
    assert_delivered(fetch)
    assert [asked for _, asked in server.requests] == [f"bytes={len(part)}-", None]


def test_wrong_checksum_is_refused_and_leaves_nothing(fetch, server):
    found = hashlib.sha256(CONTENT[:-1] + b"?").hexdigest()
    with pytest.raises(DownloadError, match=f"SHA-256 is {found}, expected {SHA256}"):
        fetch("wrong")
    assert list(fetch.file.parent.iterdir()) == []
    assert len(server.requests) == 1


def test_next_mirror_serves_when_the_first_is_bad(fetch, server):
    assert fetch("missing", "wrong", "large", "good", max_bytes=400_000) == server.url("good")
    assert_delivered(fetch)


def test_every_mirror_is_named(fetch, server):
    with pytest.raises(DownloadError) as caught:
        fetch("missing", "wrong")
    message = str(caught.value)
    assert message.startswith("file could not be downloaded; ")
    assert f"{server.url('missing')}: HTTP 404 Not Found; {server.url('wrong')}: SHA-256" in message


@pytest.mark.parametrize("way", ["large", "large_unannounced"])
def test_size_is_capped(fetch, way):
    with pytest.raises(DownloadError, match="larger than 400000 bytes"):
        fetch(way, max_bytes=400_000)
    assert not fetch.file.exists()
    assert not fetch.part.exists()
    assert fetch.part.parent.exists() == (way == "large_unannounced")  # else nothing was written


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("missing", "HTTP 404 Not Found"),
        ("empty", "unexpected answer 204"),
        ("wrong_span", "unexpected answer 206 bytes 0-281599/281600"),
        ("moved_away", "redirects to http://mirror.invalid/file, which is not https"),
        ("moved_to_disk", "url .file:///etc/hostname. is not allowed"),
    ],
)
def test_odd_answers(fetch, way, fault):
    put_part(fetch, CONTENT[:1000])
    with pytest.raises(DownloadError, match=fault):
        fetch(way)
    assert fetch.part.read_bytes() == CONTENT[:1000]


def test_closed_port_leaves_not_even_a_folder(tmp_path, server):
    url = server.url("good")
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="refused"):
        download([url], tmp_path / "folder" / "file", sha256=SHA256)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://example.org/a", "file:///etc/hostname", "ftp://x/a", "a"])
def test_only_https(tmp_path, url):
    with pytest.raises(ValueError, match="only https is allowed"):
        download([url], tmp_path / "file", sha256=SHA256)


def test_interrupt_keeps_the_part(fetch):
    def interrupt(name, done, total):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("good", progress=interrupt)
    assert not fetch.file.exists()
    content = fetch.part.read_bytes()
    assert len(content) > 100_000
    assert content == CONTENT[: len(content)]


def test_full_disk_is_not_the_mirrors_fault(fetch, server, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*file\.part") as caught:
        fetch("good", "good")
    assert not isinstance(caught.value, DownloadError)
    assert len(server.requests) == 1
    assert not fetch.file.exists()


def test_file_in_place_of_the_folder(tmp_path, server):
    (tmp_path / "folder").write_text("")
    with pytest.raises(OSError, match="folder"):
        download([server.url("good")], tmp_path / "folder" / "file", sha256=SHA256)


def test_another_process_that_was_faster(fetch):
    def steal(name, done, total):
        if done == total:
            fetch.part.write_bytes(CONTENT)
            fetch.part.rename(fetch.file)

    fetch("good", progress=steal)
    assert_delivered(fetch)
