"""Downloading one file, from several mirrors, checked and resumable.

The bytes gather in ``<name>.part`` beside the target and get their final name only when their
SHA-256 is right. What a cut connection leaves in the part is where the next attempt goes on, on
the same mirror, another one, or in the next run.
"""

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ..files import StrPath, name_disk_fault, rename

Progress = Callable[[str, int, int | None], None]

_ATTEMPTS = 3  # on one mirror
_CHUNK = 1 << 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DownloadError(OSError):
    """No mirror delivered the file: names every one tried, and why it failed."""


class _MirrorFault(Exception):
    """One mirror failed."""


class _Cut(_MirrorFault):
    """The connection ended too soon; what has arrived is good."""


class _TooLarge(_MirrorFault):
    """The file passes the limit; what has arrived is useless."""


def download(
    urls: Sequence[str],
    target: StrPath,
    *,
    sha256: str,
    max_bytes: int = 1 << 28,
    progress: Progress | None = None,
    timeout: float = 10.0,
) -> str:
    """Download a file from the first of several mirrors that delivers it.

    Parameters
    ----------
    urls : sequence of str
        Where the file lies, in the order to try. https only; plain http is for this machine.
    target : str or path-like
        Where it goes; its folder is made as soon as a mirror answers.
    sha256 : str
        The expected sum, in hexadecimal.
    max_bytes : int
        A file that is larger is not taken.
    progress : callable, optional
        Called as ``progress(name, bytes_so_far, bytes_in_all_or_None)``.
    timeout : float
        Seconds without a byte before a mirror is given up.

    Returns
    -------
    str
        The URL that delivered.

    Raises
    ------
    ValueError
        If a URL is neither https nor on this machine.
    DownloadError
        If no mirror delivered the file.
    OSError
        If the file cannot be written.
    """
    for url in urls:
        if not _is_allowed(url):
            raise ValueError(f"{url}: only https is allowed")
    target = Path(target)
    part = target.with_name(target.name + ".part")
    failures = []
    for url in urls:
        transfer = _Transfer(url, part, max_bytes, progress, timeout)
        try:
            _deliver(transfer, sha256.lower())
            rename(part, target)
            return url
        except _MirrorFault as fault:
            failures.append(f"{url}: {fault}")
        except FileNotFoundError:
            if not target.exists():
                raise
            return url  # another process, with the same part, was done first
        except OSError as error:
            name_disk_fault(error, part)
            raise
    raise DownloadError(f"{target.name} could not be downloaded; " + "; ".join(failures))


def _deliver(transfer: "_Transfer", sha256: str) -> None:
    """Complete the part from one mirror."""
    fault = _MirrorFault()
    for _ in range(_ATTEMPTS):
        fresh = transfer.size() == 0
        try:
            transfer.run()
        except _TooLarge:
            transfer.part.unlink(missing_ok=True)
            raise
        except _Cut as cut:
            fault = cut
            continue
        found = _sha256_of(transfer.part)
        if found == sha256:
            return
        transfer.part.unlink()
        fault = _MirrorFault(f"SHA-256 is {found}, expected {sha256}")
        if fresh:  # else the fault may lie in what was there before
            break
    raise fault


class _Transfer:
    """What goes on between one mirror and the part."""

    def __init__(self, url: str, part: Path, max_bytes: int, progress: Progress | None, timeout: float) -> None:
        self.url = url
        self.part = part
        self.max_bytes = max_bytes
        self.progress = progress
        self.timeout = timeout

    def size(self) -> int:
        """Bytes that the part holds."""
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0

    def run(self) -> None:
        """Fetch what the part lacks."""
        have = self.size()
        response = self._open(have)
        if response is None:
            return
        with response:
            start = _start_of(response, have)
            length = response.length  # of the body; None if the server does not say
            total = None if length is None else start + length
            self._check_size(total or 0)
            self.part.parent.mkdir(parents=True, exist_ok=True)
            with open(self.part, "r+b" if have else "wb") as file:
                file.seek(start)
                file.truncate()
                done = start
                for piece in _pieces(response):
                    done += len(piece)
                    self._check_size(done)
                    file.write(piece)
                    if self.progress is not None:
                        self.progress(self.part.stem, done, total)
                file.flush()
                os.fsync(file.fileno())
        if total is not None and done < total:
            raise _Cut(f"the connection was cut after {done} of {total} bytes")

    def _open(self, have: int) -> http.client.HTTPResponse | None:
        """Ask for the bytes from `have` on; None if the server has no more than those."""
        headers = {"User-Agent": "fastscratch", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(self.url, headers=headers)
        opener = urllib.request.build_opener(_SafeRedirects())
        try:
            response: http.client.HTTPResponse = opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and have:
                return None  # complete, or not this file at all: the sum will tell
            raise _MirrorFault(f"HTTP {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise _MirrorFault(str(error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            raise _MirrorFault(str(error) or type(error).__name__) from None
        return response

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise _TooLarge(f"the file is larger than {self.max_bytes} bytes")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only to where a URL may point, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not _is_allowed(newurl) or (req.type == "https" and urlsplit(newurl).scheme != "https"):
            fp.close()
            raise _MirrorFault(f"redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_allowed(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _start_of(response: http.client.HTTPResponse, have: int) -> int:
    """The offset at which the body of a response begins."""
    if response.status == 200:
        return 0  # the server ignores ranges
    content_range = response.headers.get("Content-Range", "")
    if response.status != 206 or not re.match(rf"bytes {have}-", content_range):
        raise _MirrorFault(f"unexpected answer {response.status} {content_range}".rstrip())
    return have


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it arrives."""
    while True:
        try:
            piece = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"the connection was cut: {str(error) or type(error).__name__}") from None
        if not piece:
            return
        yield piece


def _sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
