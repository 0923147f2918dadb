"""Files are written whole or not at all."""

import errno
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fastscratch import files
from fastscratch.files import FileFormatError, atomic_write, open_regular

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_new_file_holds_what_was_written(tmp_path):
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"\r\n\x00whole")
        assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\x00whole"
    assert names_in(tmp_path) == ["a.bin"]


def test_text_is_utf8_with_plain_line_ends(tmp_path):
    with atomic_write(str(tmp_path / "a.txt"), "w") as file:
        file.write("é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"


def test_unknown_mode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="mode must be 'wb' or 'w', got 'a'"):
        atomic_write(tmp_path / "a", "a").__enter__()


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(2)])
def test_any_exception_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)) as caught, atomic_write(target) as file:
        file.write(b"half of the n")
        raise error
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failing_step_leaves_the_old_file_and_names_it(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    monkeypatch.setattr(files.os, step, fail)
    message = r"No space left on device: .*a\.bin"
    with pytest.raises(OSError, match=message) as caught, atomic_write(target) as file:
        file.write(b"new")
    assert caught.value.errno == errno.ENOSPC
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


def test_disk_full_in_the_body_names_the_file(tmp_path):
    with pytest.raises(OSError, match=r"No space.*a\.bin"), atomic_write(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names_in(tmp_path) == []


def test_an_error_about_something_else_is_left_alone(tmp_path):
    with pytest.raises(OSError) as caught, atomic_write(tmp_path / "a.bin"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")
    assert caught.value.filename is None
    with pytest.raises(FileNotFoundError) as missing, atomic_write(tmp_path / "a.bin"):
        (tmp_path / "other").read_bytes()
    assert missing.value.filename == str(tmp_path / "other")


@posix
def test_file_size_limit_of_the_system(tmp_path):
    """A real write that fails half-way, in a process of its own."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    script = (
        "import resource, sys\n"
        "from fastscratch.files import atomic_write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as file: file.write(bytes(100_000))\n"
        "except OSError as error: print(error)\n"
    )
    root = str(Path(files.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == f"[Errno {errno.EFBIG}] File too large: {str(target)!r}"
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


def test_missing_folder_and_file_as_folder_name_the_file(tmp_path):
    missing, nested = tmp_path / "nowhere" / "a.bin", tmp_path / "plain" / "a.bin"
    with pytest.raises(FileNotFoundError, match=r"nowhere.a\.bin"), atomic_write(missing):
        pass
    (tmp_path / "plain").write_text("")
    with pytest.raises(OSError, match=r"plain.a\.bin"), atomic_write(nested):
        pass
    assert names_in(tmp_path) == ["plain"]


@posix
def test_read_only_folder_names_the_file(tmp_path):
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write anywhere")
        with pytest.raises(PermissionError, match=r"a\.bin"), atomic_write(tmp_path / "a.bin"):
            pass
    finally:
        tmp_path.chmod(0o755)


def test_folder_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path / "a"):
        pytest.fail("the body ran")
    assert names_in(tmp_path) == ["a"]


@posix
def test_device_or_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"), atomic_write(tmp_path / "pipe"):
        pytest.fail("the body ran")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@posix
def test_link_is_followed_and_mode_kept(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640


@posix
def test_new_file_has_the_mode_of_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a"):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_open_regular_reads_files_and_nothing_else(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"x"
    with pytest.raises(FileFormatError, match="not a regular file"):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "b")


@posix
def test_open_regular_does_not_wait_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="pipe: not a regular file"):
        open_regular(tmp_path / "pipe")


def test_format_error_survives_pickling():
    error = pickle.loads(pickle.dumps(FileFormatError("a", "cut short")))
    assert (str(error), error.path, error.fault) == ("a: cut short", "a", "cut short")
