"""The commands in bin/: the set-up repairs, repeats and says what is missing; bin/test passes on its arguments."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FONTS = [f"noto-sans-{script}-{weight}.woff2" for script in ("latin", "bengali") for weight in (400, 700)]

LDCONFIG = """#!/bin/sh
for name in libpango-1.0.so.0 libpangoft2-1.0.so.0 libharfbuzz-subset.so.0 libatomic.so.1; do echo "  $name"; done
"""
NPM = """#!/bin/sh
echo "$*" >> npm.log
for name in latin bengali; do
  package=noto-sans; [ $name = latin ] || package=noto-sans-bengali
  folder=node_modules/@fontsource/$package
  mkdir -p $folder/files
  echo licence > $folder/LICENSE
  for weight in 400 700; do echo $name > $folder/files/$package-$name-$weight-normal.woff2; done
done
mkdir -p node_modules/htmx.org/dist
echo "htmx()" > node_modules/htmx.org/dist/htmx.min.js
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path):
    """A project with nothing to download, beside stand-ins for what the machine has."""
    checkout = tmp_path / "checkout"
    program(checkout / "bin" / "setup", (ROOT / "bin" / "setup").read_text())
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-watching.txt"):
        (checkout / name).write_text("# nothing\n")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, checkout / name)
    program(tmp_path / "machine" / "ldconfig", LDCONFIG)
    program(tmp_path / "machine" / "npm", NPM)
    for name in ("redis-server", "chromium"):
        program(tmp_path / "machine" / name, "#!/bin/sh\n")
    return checkout


def environment(checkout):
    machine = checkout.parent / "machine"
    system = [str(Path(sys.executable).resolve().parent), "/usr/bin", "/bin"]
    return {"PATH": ":".join([str(machine), *system]), "HOME": str(checkout.parent), "PIP_NO_INDEX": "1"}


def setup(checkout, *arguments, **extra):
    return subprocess.run(
        [checkout / "bin" / "setup", *arguments],
        cwd="/",
        env={**environment(checkout), **extra},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.torture
def test_two_at_once_then_silence_then_repair(checkout):
    start = [checkout / "bin" / "setup"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment(checkout)}
    with subprocess.Popen(start, **pipes) as one, subprocess.Popen(start, **pipes) as two:
        texts = [process.communicate(timeout=120)[0] for process in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0), texts
    assert sorted("another set-up is running" in text for text in texts) == [False, True]
    assert (checkout / "npm.log").read_text() == "ci --ignore-scripts --no-audit --no-fund\n"  # only one of them
    vendor = checkout / "static" / "vendor"
    assert (vendor / "htmx.min.js").read_text() == "htmx()\n"
    assert (vendor / "htmx.min.js.gz").exists()
    assert [(vendor / "fonts" / name).read_text().strip() for name in FONTS] == ["latin"] * 2 + ["bengali"] * 2

    begun = time.monotonic()
    again = setup(checkout)
    assert time.monotonic() - begun < 2.0
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (checkout / ".venv" / "bin" / "python").unlink()
    program(checkout / ".venv" / "bin" / "python", "#!/bin/sh\nexit 1\n")
    program(checkout.parent / "machine" / "npm", "#!/bin/sh\necho no network; exit 1\n")
    shutil.rmtree(vendor)
    repaired = setup(checkout)
    assert repaired.returncode == 0, repaired.stderr
    assert "making it anew" in repaired.stdout
    assert "no network" in repaired.stderr
    assert "The site works without them" in repaired.stdout
    assert subprocess.run([checkout / ".venv" / "bin" / "python", "-c", "import pip"], check=False).returncode == 0


def test_what_cannot_be_installed_is_named_with_its_use_and_the_command(checkout):
    machine = checkout.parent / "machine"
    program(machine / "ldconfig", "#!/bin/sh\n")
    program(machine / "apt-get", "#!/bin/sh\nexit 1\n")
    program(machine / "id", "#!/bin/sh\necho 1000\n")
    program(machine / "sudo", "#!/bin/sh\nexit 1\n")
    program(machine / "python3", "#!/bin/sh\ncase $* in *ensurepip*|*venv*) exit 1;; esac\n")
    done = setup(checkout, "--dev")
    assert done.returncode == 1
    wanted = "python3-venv libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 libatomic1"
    assert f"Run: apt-get install {wanted}\n" in done.stdout
    assert "libpango-1.0-0: PDF invoices" in done.stdout
    assert "Run: apt-get install python3-venv" in done.stderr


def test_an_unknown_option_is_refused(checkout):
    done = setup(checkout, "--fast")
    assert (done.returncode, done.stderr) == (2, "usage: bin/setup [--dev]\n")


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], ["-n", "2"]),
        (["tests/a.py", "-k", "one two"], ["-n", "2", "tests/a.py", "-k", "one two"]),
        (["-n", "0"], ["-n", "0"]),
        (["-p", "no:xdist", "-x"], ["-p", "no:xdist", "-x"]),
        (["--pdb"], ["--pdb"]),
    ],
)
@pytest.mark.parametrize("codes", [(0, 0, 0), (1, 0, 1), (0, 3, 3), (1, 3, 3)])
def test_the_test_command_runs_the_gate_and_ends_with_pytest(tmp_path, given, passed, codes):
    gate, tests, code = codes
    program(tmp_path / "bin" / "test", (ROOT / "bin" / "test").read_text())
    program(tmp_path / "bin" / "setup", "#!/bin/sh\necho setup $*\n")
    program(tmp_path / "bin" / "check", f"#!/bin/sh\necho gate; exit {gate}\n")
    python = f'#!/bin/sh\nfor word in "$@"; do printf \'[%s]\' "$word"; done; exit {tests}\n'
    program(tmp_path / ".venv" / "bin" / "python", python)
    done = subprocess.run([tmp_path / "bin" / "test", *given], capture_output=True, text=True, cwd="/", check=False)
    shown = "".join(f"[{word}]" for word in ["-m", "pytest", *passed])
    assert done.stdout == f"setup --dev\ngate\n{shown}"
    assert done.returncode == code


def test_scripts_are_executable_and_strict():
    for path in [*(ROOT / "bin").iterdir(), ROOT / ".ci" / "run"]:
        text = path.read_text()
        if not text.startswith("#!/usr/bin/env bash"):
            continue
        assert os.access(path, os.X_OK), path
        assert "set -euo pipefail" in text, path
        assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_the_lock_names_no_host_and_pins_what_the_project_asks_for():
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert re.findall(r"https?://([^/\"]+)", lock) == ["github.com", "github.com"]  # the fonts' funding pages
    assert lock.count('"integrity"') == 3
