"""One training at a time in a folder."""

import sys
from pathlib import Path

import pytest
from test_cli import QUICK, run_folder
from test_processes import run_python

from fastscratch.cli import main
from fastscratch.files import leftovers
from fastscratch.train.claim import claim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks on folders")


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    for _ in range(2):
        with claim(tmp_path):
            with pytest.raises(BlockingIOError, match="another training is writing to it"), claim(tmp_path):
                pass
            code = f"from fastscratch.train.claim import claim\nwith claim({str(tmp_path)!r}): pass"
            assert "BlockingIOError" in run_python(code).stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owner_leaves_no_lock_and_its_rests_go(tmp_path: Path) -> None:
    code = f"""
    import os, signal
    from fastscratch.files import atomic_write
    from fastscratch.train.claim import claim
    with claim({str(tmp_path)!r}), atomic_write({str(tmp_path / "x")!r}) as file:
        file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_python(code).returncode == -9
    assert len(leftovers(tmp_path)) == 1
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine.tmp").touch()
    with claim(tmp_path):
        assert leftovers(tmp_path) == []
    assert (tmp_path / "checkpoints" / "mine.tmp").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), claim(tmp_path / "none"):
        pass


def test_resume_is_refused_while_the_training_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)]) == 0
    folder = run_folder(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    with claim(folder):
        assert main(["resume", str(folder)]) == 2
    assert capsys.readouterr().err == f"fastscratch: error: {folder}: another training is writing to it\n"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert main(["resume", str(folder)]) == 0


def test_where_there_are_no_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks half-written may be another's, who is writing it."""
    code = f"""
    import os, signal
    from fastscratch.files import atomic_write
    with atomic_write({str(tmp_path / "x")!r}) as file:
        file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    run_python(code)
    monkeypatch.setattr("fastscratch.train.claim.fcntl", None)
    with claim(tmp_path), claim(tmp_path):
        assert len(leftovers(tmp_path)) == 1
    monkeypatch.undo()
    with claim(tmp_path):
        assert leftovers(tmp_path) == []
