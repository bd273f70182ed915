"""The supervisor: starts the Procfile's lines, keeps them up, stops all of them, and says what is wrong."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from wholesale.platform import supervisor
from wholesale.platform.services.places import MARKER, claim

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import signal, sys
from pathlib import Path
from wholesale.platform.supervisor import main
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored, and rightly kept so, when the tests run under nohup
sys.exit(main(sys.argv[2:], Path(sys.argv[1])))
"""
WEB = """
import http.server, os, pathlib
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = self.path != "/readyz" or pathlib.Path("ready").exists()
        self.send_response(200 if ready else 503)
        self.end_headers()
        names = ["DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "WHOLESALE_DATA", "PUBLIC_URL", "WHOLESALE_ENV"]
        self.wfile.write(" ".join([str(os.getpid()), *(os.environ[name] for name in names)]).encode())
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
# Says when it is asked to stop, and has a child in a process group of its own, as RQ's worker does.
WORKER = """
import os, signal, subprocess, sys, time
name = sys.argv[1]
horse = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
def leave(number, frame):
    horse.kill()
    print(name, "leaves", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print(name, os.getpid(), horse.pid, flush=True)
time.sleep(600)
"""
FLASK = """#!/bin/sh
echo "$*" >> flask.log
"""
ELSEWHERE = {"DATABASE_URL": "postgresql://nowhere/db", "REDIS_URL": "redis://nowhere"}


def free_port():
    # Below the ports that the kernel hands out by itself, and by chance: other tests look for one as well.
    for port in random.sample(range(20000, 32000), 50):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition, seconds=15.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)


class Running:
    """A supervisor in a process of its own, with everything it has said so far."""

    def __init__(self, root, port, arguments, environment):
        self.root, self.port = root, port
        names = {"PATH": os.environ["PATH"], "PORT": str(port), "PYTHONPATH": str(ROOT), "HOME": str(root)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(root), *arguments],
            env={**names, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        with self.process.stdout as lines:
            self.lines.extend(iter(lines.readline, ""))

    @property
    def text(self):
        return "".join(self.lines)

    def await_line(self, part, count=1):
        eventually(lambda: self.text.count(part) >= count or self.process.poll() is not None)
        assert self.text.count(part) >= count, self.text

    def words_after(self, part):
        """The words that follow it in the last line that has it."""
        return next(line for line in reversed(self.lines) if part in line).partition(part)[2].split()

    def get(self, path="/"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.reader.join(timeout=10)
        return code


@pytest.fixture
def root(tmp_path):
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "flask").write_text(FLASK)
    (programs / "flask").chmod(0o755)
    (tmp_path / "web.py").write_text(WEB)
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "Procfile").write_text(
        f"# as in a deployment\nweb: {sys.executable} web.py\n\n"
        f"worker: {sys.executable} worker.py worker\nscheduler: {sys.executable} worker.py scheduler\n"
    )
    (tmp_path / "ready").touch()
    return tmp_path


@pytest.fixture
def start(root):
    started = []

    def starter(*arguments, port=None, environment=ELSEWHERE):
        site = Running(root, port or free_port(), arguments, environment)
        started.append(site)
        return site

    yield starter
    for site in started:
        if site.process.poll() is None:
            site.process.kill()
        site.process.wait()
        site.reader.join(timeout=10)


@pytest.mark.torture
class TestSite:
    def test_starts_all_tells_the_logins_and_stops_in_order(self, root, start):
        site = start()
        site.await_line("newbuyer@demo.example")
        assert f"\nready http://127.0.0.1:{site.port}\n" in site.text
        assert "demo tea and jute" in site.text
        process, *told = site.get().split()
        data = str(root / ".data" / "demo")
        own = f"http://127.0.0.1:{site.port}"
        assert told == [
            "postgresql://nowhere/db",
            "postgresql://nowhere/db",
            "redis://nowhere",
            data,
            own,
            "development",
        ]
        site.await_line("worker    | worker")
        site.await_line("scheduler |")
        pids = [int(process), *map(int, site.words_after("worker    | worker"))]
        assert site.end(signal.SIGINT) == 0
        assert site.text.index("worker leaves") < site.text.index("scheduler leaves") < site.text.index("| stopped")
        assert not any(map(alive, pids))
        again = start(port=site.port)
        again.await_line("ready http")
        assert (root / "flask.log").read_text() == "--app wsgi demo load\n"  # once, not at the second start
        assert again.end(signal.SIGHUP) == 0

    def test_a_dead_process_is_started_again_and_leaves_no_orphan(self, start):
        site = start()
        site.await_line("ready http")
        site.await_line("worker    | worker")
        worker, horse = map(int, site.words_after("worker    | worker"))
        os.kill(worker, signal.SIGKILL)
        site.await_line("worker was killed by SIGKILL; starting it again")
        site.await_line("worker    | worker", count=2)
        assert not alive(horse)
        web = int(site.get().split()[0])
        os.kill(web, signal.SIGTERM)
        site.await_line("web was killed by SIGTERM")

        def answers():
            with contextlib.suppress(OSError):
                return int(site.get().split()[0]) != web
            return False

        eventually(answers)
        assert site.end() == 0

    def test_nothing_survives_a_kill_of_the_supervisor(self, start):
        site = start()
        site.await_line("ready http")
        site.await_line("scheduler | scheduler")
        pids = [int(site.get().split()[0]), *map(int, site.words_after("scheduler | scheduler"))]
        site.end(signal.SIGKILL)
        eventually(lambda: not any(map(alive, pids)))

    def test_a_site_that_cannot_start_says_what_it_said(self, root, start):
        (root / "web.py").write_text("raise SystemExit('no such setting')")
        site = start()
        assert site.process.wait(timeout=30) == 1
        site.reader.join(timeout=10)
        assert "web failed 5 times in a row. The last it said:\ndemo      |     no such setting" in site.text

    def test_a_second_request_to_stop_does_not_wait(self, root, start):
        (root / "worker.py").write_text(
            "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('up', flush=True)\ntime.sleep(600)\n"
        )
        site = start()
        site.await_line("ready http")
        site.await_line("worker    | up")
        site.process.send_signal(signal.SIGINT)
        site.await_line("| stopping")
        assert site.end(signal.SIGINT) == 130

    def test_a_failing_step_stops_the_start(self, root, start):
        (root / ".venv" / "bin" / "flask").write_text("#!/bin/sh\necho broken data; exit 4\n")
        site = start()
        assert site.process.wait(timeout=30) == 1
        site.reader.join(timeout=10)
        assert "data      | broken data" in site.text
        assert "`flask --app wsgi demo load` ended with code 4" in site.text

    def test_with_embedded_servers_it_migrates_once_and_stops_them(self, root, start):
        versions = root / "migrations" / "versions"
        versions.mkdir(parents=True)
        (versions / "0001_first.py").write_text('revision: str = "0001"\ndown_revision = None\n')
        upgrade = (
            'import os, psycopg\nurl = os.environ["DATABASE_OWNER_URL"].replace("+psycopg", "")\n'
            "with psycopg.connect(url) as connection:\n"
            "    connection.execute(\"CREATE TABLE alembic_version AS SELECT '0001'::text AS version_num\")\n"
        )
        (root / "upgrade.py").write_text(upgrade)
        (root / ".venv" / "bin" / "flask").write_text(
            f'{FLASK}case "$*" in *upgrade) exec {sys.executable} upgrade.py;; esac\n'
        )
        data = root / "data"
        site = start("--data", str(data), environment={})
        site.await_line("ready http")
        assert site.get().split()[1].startswith("postgresql+psycopg://wholesale_app:")
        assert site.end() == 0
        again = start("--data", str(data), environment={})
        again.await_line("ready http")
        assert (root / "flask.log").read_text() == "--app wsgi db upgrade\n--app wsgi demo load\n"
        assert again.end() == 0
        fresh = start("--data", str(data), "--fresh", environment={})
        fresh.await_line("ready http")
        assert (root / "flask.log").read_text().count("db upgrade") == 2
        assert fresh.end() == 0
        supervisor.erase(data)


class TestRefusals:
    def test_a_port_in_use_is_named_with_its_user(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(
                supervisor.Refusal, match=rf"Port {port} is in use by process {os.getpid()} .*\n.*PORT=5000"
            ):
                supervisor.check_port(port)

    def test_a_port_that_is_none(self):
        assert supervisor.read_port({}) == 5000
        assert supervisor.read_port({"PORT": "8000"}) == 8000
        for wrong in ("http", "0", "65536", "-1", "5000 "):
            with pytest.raises(supervisor.Refusal, match="from 1 to 65535"):
                supervisor.read_port({"PORT": wrong})

    def test_a_folder_of_somebody_else_is_neither_used_nor_deleted(self, tmp_path):
        (tmp_path / "letter.txt").write_text("dear")
        for fresh in (False, True):
            with pytest.raises(supervisor.Refusal, match="was not made by this program"):
                supervisor.prepare_folder(tmp_path, fresh=fresh)
        with pytest.raises(supervisor.Refusal, match="not a folder"):
            supervisor.prepare_folder(tmp_path / "letter.txt", fresh=True)
        assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]

    def test_fresh_empties_a_folder_of_its_own_and_follows_no_link(self, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "letter.txt").write_text("dear")
        data = tmp_path / "data"
        claim(data)
        (data / "files").mkdir()
        (data / "files" / "a.pdf").touch()
        (data / "link").symlink_to(outside)
        (data / supervisor.LOADED).touch()
        supervisor.prepare_folder(data, fresh=True)
        assert [path.name for path in data.iterdir()] == [MARKER]
        assert (outside / "letter.txt").exists()

    def test_a_procfile_with_a_bad_line_names_it(self, tmp_path):
        procfile = tmp_path / "Procfile"
        procfile.write_text("# none\nweb: serve --now: yes\n\nworker without colon\n")
        with pytest.raises(supervisor.Refusal, match="line 4"):
            supervisor.read_procfile(procfile)
        procfile.write_text("web: serve --now: yes\n")
        assert supervisor.read_procfile(procfile) == {"web": "serve --now: yes"}


def test_the_newest_migrations_are_those_that_no_other_follows(tmp_path):
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001_first.py").write_text("revision = '0001'\ndown_revision = None\n")
    (versions / "0002_second.py").write_text('revision: str = "0002"\ndown_revision: str | None = "0001"\n')
    assert supervisor.newest_revisions(tmp_path) == {"0002"}
    (versions / "0003_join.py").write_text('revision = "0003"\ndown_revision = ("0002", "000x")\n')
    assert supervisor.newest_revisions(tmp_path) == {"0003"}
    assert supervisor.newest_revisions(tmp_path / "none") == set()
