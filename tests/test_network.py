"""The network is asked for data sets, and for nothing else."""

import subprocess
import sys

import public_api

PROGRAM = """
import sys
from importlib import import_module
from pathlib import Path

def watch(event, arguments):
    if event.startswith("socket."):
        asked.append(event)

asked = []
sys.addaudithook(watch)
folder, *modules = sys.argv[1:]
for module in modules:
    import_module(module)
main = import_module("fastscratch.cli").main
digits = ["--data", "digits", "--samples", "200", "--validation", "50", "--epochs", "1"]
assert main(["train", "--model", "mlp", *digits, "--runs", folder]) == 0
assert main(["evaluate", str(next(Path(folder).iterdir()))]) == 0
assert main(["info"]) == 0
assert not asked, asked

import socket
socket.socket().close()
assert asked == ["socket.__new__"], asked  # so one would have been noticed
"""


def test_importing_training_and_evaluating_open_no_socket(tmp_path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "runs"), *public_api.MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
