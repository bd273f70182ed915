"""What stands in `deploy/` and the Containerfile is valid, agrees with the code, and serves from a read-only tree."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import check_jsonschema
import jsonschema
import kubernetes_validate
import psycopg
import pytest
import yaml

from tests import database
from tests.torture.rig import free_port
from wholesale.config import _MAY_LIE_IN_FILES, ROOT, ConfigError, Settings
from wholesale.platform import gunicorn_conf, jobs
from wholesale.platform.connections import LIMITS
from wholesale.platform.services import postgres
from wholesale.platform.services.binaries import postgres_folder
from wholesale.platform.services.places import places
from wholesale.platform.services.secrets_file import read_secrets
from wholesale.platform.services.users import User

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MANIFESTS = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")
VERSIONS = ("1.32", "1.37")
CONTAINERFILE = ROOT / "Containerfile"
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
MIGRATION = "flask --app wsgi db upgrade"
ALL = {**PROCFILE, "migrate": MIGRATION}
STARTED = [name for name in PROCFILE if name != "backup" or os.environ.get("RELEASE") == "whole"]
SERVER = {"BIND", "PORT", "WEB_CONCURRENCY", "WEB_THREADS", "DRAIN_SECONDS"}
NAMES = {"vault_keys": "SECRET_KEYS_VAULT", "env": "WHOLESALE_ENV", "data_dir": "WHOLESALE_DATA"}
OURS = {NAMES.get(field.name, field.name.upper()) for field in fields(Settings)} | SERVER
SYSTEM = {"PATH", "HOME", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


COMPOSE = documents(DEPLOY / "compose.yaml")[0]
THINGS = [each for path in MANIFESTS for each in documents(path)]
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in THINGS
    if each["kind"] in {"Deployment", "Job", "StatefulSet", "DaemonSet"}
}


def thing(kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in THINGS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions with their arguments, continued lines joined, comments left out."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for word, rest in instructions() if word == "ENV" for pair in shlex.split(rest))


# --- valid ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_what_kubernetes_takes(path: Path, version: str) -> None:
    found = documents(path)
    assert found
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_check_of_manifests_finds_mistakes() -> None:
    wrong = json.loads(json.dumps(thing("Deployment", "web")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_kustomizations_list_every_manifest_but_the_examples() -> None:
    for kustomization in KUBERNETES.rglob("kustomization.yaml"):
        there = {path.name for path in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        wanted = {name for name in there if ".example." not in name}
        assert set(documents(kustomization)[0]["resources"]) == wanted


def compose_schema() -> Any:
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
    return json.loads((folder / "compose-spec.json").read_text())


def test_the_compose_file_is_valid() -> None:
    jsonschema.validate(COMPOSE, compose_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"web": {"readonly": True}}}, compose_schema())


def test_the_containerfile_passes_its_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", CONTAINERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_pinned_small_and_nobodys() -> None:
    words = instructions()
    bases = [rest.split()[0] for word, rest in words if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"docker\.io/[\w/]+:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert [rest for word, rest in words if word == "USER"][-1] == "10001:10001"
    assert all(rest.startswith("[") for word, rest in words if word in {"CMD", "ENTRYPOINT"})
    assert [word for word, _ in words].count("HEALTHCHECK") == 1
    assert "ADD" not in {word for word, _ in words}
    copied = " ".join(rest for word, rest in words if word == "COPY")
    assert not re.search(r"\b(tests|bench|docs|requirements-dev|\.git)\b|\s\.\s", copied), "only what serves goes in"
    assert not re.search(r"(?i)(secret|password|token|_key)\w*=", CONTAINERFILE.read_text())


def test_what_is_left_outside_is_the_same_for_every_builder() -> None:
    ignored = (ROOT / ".containerignore").read_text()
    assert (ROOT / ".dockerignore").read_text() == ignored
    allowed = {line[1:] for line in ignored.splitlines() if line.startswith("!")}
    assert allowed == set(copied_into_the_image())


def copied_into_the_image() -> list[str]:
    return [
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]


# --- agrees with the code ---------------------------------------------------------------------------------


def test_every_process_runs_the_procfiles_line() -> None:
    [command] = [rest for word, rest in instructions() if word == "CMD"]
    assert shlex.join(json.loads(command)) == PROCFILE["web"]
    for name, line in ALL.items():
        assert shlex.join(COMPOSE["services"][name]["command"]) == line
        assert shlex.join(PODS[name]["containers"][0]["args"]) == line


def test_one_image_for_all() -> None:
    images = {pod["containers"][0]["image"] for pod in PODS.values()}
    images |= {COMPOSE["services"][name]["image"] for name in ALL}
    [image] = images
    assert re.fullmatch(r"wholesale:\d+\.\d+\.\d+", image)
    others = [each["image"] for name, each in COMPOSE["services"].items() if name not in ALL]
    assert all(re.search(r":\d+\.\d+(\.\d+)?-\w+$", each) for each in others)


def named_variables() -> set[str]:
    names = set(image_environment()) - SYSTEM
    for name in ALL:
        names |= set(COMPOSE["services"][name]["environment"])
    for each in THINGS:
        if each["kind"] in {"ConfigMap", "Secret"} and not each["metadata"]["name"].endswith("-key"):
            names |= set(each.get("data", {})) | set(each.get("stringData", {}))
    return names


def test_every_variable_is_a_setting() -> None:
    secret = {
        name.removesuffix("_FILE") for name in named_variables() if name.removesuffix("_FILE") in _MAY_LIE_IN_FILES
    }
    plain = {name for name in named_variables() if name.removesuffix("_FILE") not in _MAY_LIE_IN_FILES}
    assert plain <= OURS
    assert secret <= OURS
    assert set(_MAY_LIE_IN_FILES) <= OURS


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    environment = {"PATH": os.environ["PATH"], "MAIL_URL": "smtp+starttls://shop:secret@smtp.example:587"}
    subprocess.run([DEPLOY / "make-secrets", folder], check=True, env=environment, stdout=subprocess.DEVNULL)
    return folder


def test_secrets_are_made_once_and_kept_from_others(made_secrets: Path) -> None:
    before = {path.name: path.read_text() for path in made_secrets.iterdir()}
    assert set(before) == set(COMPOSE["secrets"])
    assert made_secrets.stat().st_mode & 0o777 == 0o700
    assert len(set(before.values())) == len(before)
    subprocess.run([DEPLOY / "make-secrets", made_secrets], check=True, stdout=subprocess.DEVNULL)
    assert {path.name: path.read_text() for path in made_secrets.iterdir()} == before


def test_without_an_answer_about_letters_no_secrets_are_made(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [DEPLOY / "make-secrets", tmp_path / "s"], capture_output=True, env=environment, text=True, check=False
    )
    assert done.returncode == 1
    assert "MAIL_URL" in done.stderr


def compose_environment(name: str, folder: Path) -> dict[str, str]:
    """What a service of the compose file is told, with its secrets in `folder`."""
    service = COMPOSE["services"][name]
    told = image_environment() | {key: str(value) for key, value in service["environment"].items()}
    for key, value in told.items():
        if value.startswith("/run/secrets/"):
            secret = Path(value).name
            assert secret in service["secrets"], f"{name} is not given {secret}"
            told[key] = str(folder / secret)
    told["PUBLIC_URL"] = "https://paikar.example"
    told["TRUSTED_PROXIES"] = "1"
    if "BACKUP_URL" in told:
        told["BACKUP_URL"] = ""
    return told


@pytest.mark.parametrize("name", ALL)
def test_the_compose_file_tells_all_that_production_needs(name: str, made_secrets: Path) -> None:
    settings = Settings.from_environment(compose_environment(name, made_secrets))
    assert settings.is_production
    assert settings.secure_cookies
    assert settings.vault_keys != (settings.secret_key,)
    assert ("owner" in settings.database_owner_url) is (name == "migrate"), "who serves cannot change tables"


@pytest.mark.parametrize("name", ALL)
def test_the_manifests_tell_all_that_production_needs(name: str) -> None:
    told = image_environment()
    for source in PODS[name]["containers"][0]["envFrom"]:
        if "configMapRef" in source:
            told |= thing("ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            told |= thing("Secret", source["secretRef"]["name"])["stringData"]
    values = {
        "DATABASE_URL": "postgresql://app:x@db/wholesale",
        "DATABASE_OWNER_URL": "postgresql://owner:x@db/wholesale",
        "REDIS_URL": "redis://:x@redis",
        "SECRET_KEY": "x" * 64,
        "SECRET_KEYS_VAULT": "y" * 64,
        "MAIL_URL": "smtps://shop:secret@smtp.example",
        "METRICS_TOKEN": "z" * 32,
        "STORAGE_URL": "s3://bucket",
        "BACKUP_URL": "",
        "BACKUP_DATABASE_URL": "postgresql://backup:x@db/wholesale",
    }
    empty = {key for key, value in told.items() if value == ""}
    assert empty <= set(values), "a secret's value does not stand in the repository"
    settings = Settings.from_environment(told | {key: values[key] for key in empty})
    assert settings.is_production
    assert ("owner" in settings.database_owner_url) is (name == "migrate"), "who serves cannot change tables"


def test_in_compose_the_web_server_tells_for_all(made_secrets: Path) -> None:
    """They add up in a folder of the volume that each of them has."""
    told = [Settings.from_environment(compose_environment(name, made_secrets)) for name in PROCFILE]
    [folder] = {settings.prometheus_multiproc_dir for settings in told}
    assert folder.is_relative_to("/data")
    assert {tuple(COMPOSE["services"][name]["volumes"]) for name in PROCFILE} == {("data:/data",)}
    assert told[0].metrics_token, "who asks is never on the machine that a container takes for its own"


def test_on_kubernetes_each_can_be_asked() -> None:
    told = image_environment() | thing("ConfigMap", "wholesale")["data"]
    assert told["PROMETHEUS_MULTIPROC_DIR"].startswith("/tmp/")
    for policy, port in (
        ("web-from-the-ingress", 8000),
        ("metrics-of-worker-and-scheduler", int(told["METRICS_PORT"])),
    ):
        [rule] = thing("NetworkPolicy", policy)["spec"]["ingress"]
        spaces = [each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in rule["from"]]
        assert "monitoring" in spaces
        assert [each["port"] for each in rule["ports"]] == [port]


def test_what_is_missing_in_production_is_told() -> None:
    with pytest.raises(ConfigError) as told:
        Settings.from_environment({"WHOLESALE_ENV": "production"})
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "MAIL_URL"):
        assert f"{name} " in str(told.value)


def test_the_roles_have_the_limits_of_the_code() -> None:
    said = dict(re.findall(r"ALTER ROLE :\"app\" SET (\w+) = '(\w+)'", (DEPLOY / "postgres" / "roles.sql").read_text()))
    assert said
    assert said.items() <= LIMITS.items()


# --- safe -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_pod_may_do_little(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp", "/data"}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_may_do_little(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert name in ALL or re.fullmatch(r"\d+:\d+", service["user"])
    assert name == "web" or "ports" not in service
    assert name in ALL or service["networks"] == ["inside"]
    assert not service.get("privileged")


def test_the_queue_of_compose_forgets_nothing() -> None:
    command = COMPOSE["services"]["redis"]["command"][-1]
    assert "appendonly yes" in command
    assert "maxmemory-policy noeviction" in command


def test_there_is_time_to_stop() -> None:
    """Whoever stops a container waits for longer than we take."""
    drain = float(image_environment()["DRAIN_SECONDS"])
    needed = {"web": drain + gunicorn_conf.graceful_timeout, "worker": jobs._STOP_SECONDS, "scheduler": 5, "backup": 10}
    for name, seconds in needed.items():
        assert PODS[name]["terminationGracePeriodSeconds"] > seconds + 5
        assert float(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) > seconds + 5
    probe = PODS["web"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"]["path"] == "/readyz"
    assert probe["periodSeconds"] * probe["failureThreshold"] < drain, "the balancer notices before we are gone"


# --- the whole release, without a container ---------------------------------------------------------------


class Shelf:
    """The image's file tree, read-only to who runs in it, and beside it what is mounted writable."""

    def __init__(self, folder: Path, user: User, become: list[str]) -> None:
        self.user, self.become = user, become
        self.app, self.data, self.tmp, self.secrets = (folder / name for name in ("app", "data", "tmp", "secrets"))
        self._build()
        for path in (self.data, self.tmp, self.secrets):
            path.mkdir(mode=0o700)
            os.chown(path, user.uid, user.gid)

    def _build(self) -> None:
        self.app.mkdir()
        for name in copied_into_the_image():
            if name == "bin/setup":
                continue  # the builder's tool, which is removed
            source, target = ROOT / name, self.app / name
            if source.is_dir():  # with what is built there: browser files, languages, compiled modules
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)
        (self.app / ".venv").symlink_to(ROOT / ".venv")
        for path in self.app.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o555 if path.is_dir() else 0o444)
        self.app.chmod(0o555)

    def files(self) -> set[str]:
        return {str(path) for path in self.app.rglob("*")}

    def remove(self) -> None:
        for path in [self.app, *self.app.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(self.app.parent)


def way_to_become(user: User) -> list[str]:
    """What to put before a command, so that it runs as `user`.

    Python itself may lie where only root may enter: then it runs with the right to read everything, and no other.
    """
    numbers = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    rights = [f"--{which}=-all,+dac_read_search" for which in ("inh-caps", "ambient-caps", "bounding-set")]
    # env: what is started first still has some of our rights, and would find files that its libraries then do not.
    for way in ([*numbers, "env"], [*numbers, *rights, "env"]) if not user.is_caller else ([],):
        with suppress(OSError):
            probe = [*way, sys.executable, "-c", "import psycopg"]
            if subprocess.run(probe, cwd="/", capture_output=True, check=False).returncode == 0:
                return way
    pytest.skip(f"nothing can be run as {user.name} here")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    user = places(database.STATE).user  # who may reach PostgreSQL's socket, and owns nothing of the tree
    become = way_to_become(user)
    folder = Path(tempfile.mkdtemp(prefix="shelf-"))  # not below pytest's own, which only we may enter
    folder.chmod(0o755)
    made = Shelf(folder, user, become)
    yield made
    made.remove()


class Cluster:
    """A database and the two roles, made by roles.sql as the administrator of a managed server would: no superuser."""

    def __init__(self) -> None:
        where = places(database.STATE)
        self.socket, self.programs = str(where.sockets), postgres_folder(where.user)
        self.superuser = read_secrets(where.secrets("postgres"))[postgres.SUPERUSER]
        mark = f"{os.getpid()}_{secrets.token_hex(3)}"
        self.database, self.owner, self.app, self.admin = (
            f"deploy_{what}_{mark}" for what in ("db", "owner", "app", "admin")
        )
        self.passwords = {name: secrets.token_hex(16) for name in (self.owner, self.app, self.admin)}

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=self.socket, user=postgres.SUPERUSER, password=self.superuser, dbname="postgres", autocommit=True
        )

    def make(self) -> None:
        with self.connect() as connection:
            connection.execute(
                f"CREATE ROLE {self.admin} LOGIN CREATEROLE CREATEDB PASSWORD '{self.passwords[self.admin]}'"
            )
        for _ in range(2):  # again it changes nothing
            self.run_script()

    def run_script(self) -> None:
        values = {
            "database": self.database,
            "owner": self.owner,
            "app": self.app,
            "owner_password": self.passwords[self.owner],
            "app_password": self.passwords[self.app],
        }
        done = subprocess.run(
            [self.programs / "psql", "--no-psqlrc", f"--host={self.socket}", f"--username={self.admin}",
             "--dbname=postgres", *(part for name, value in values.items() for part in ("-v", f"{name}={value}")),
             "-f", DEPLOY / "postgres" / "roles.sql"],
            env={"PGPASSWORD": self.passwords[self.admin], "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def url(self, role: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@/{self.database}?host={quote(self.socket)}"

    def drop(self) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            for role in (self.owner, self.app, self.admin):
                connection.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if quote(str(places(database.STATE).sockets)) not in os.environ["DATABASE_URL"]:
        pytest.skip("the servers are not ours: nobody to make roles as")
    made = Cluster()
    try:
        made.make()
        yield made
    finally:
        made.drop()


class Release:
    """The processes of a release, as the user and with the environment that they have in the image."""

    def __init__(self, shelf: Shelf, cluster: Cluster, secrets_folder: Path) -> None:
        self.shelf, self.port = shelf, free_port()
        for path in secrets_folder.iterdir():
            self._write(path.name, path.read_text())
        self._write("database_url", cluster.url(cluster.app))
        self._write("database_owner_url", cluster.url(cluster.owner))
        self._write("redis_url", f"{os.environ['REDIS_URL'].partition('?')[0]}?db=9")
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def _write(self, name: str, text: str) -> None:
        path = self.shelf.secrets / name
        path.write_text(text)
        path.chmod(0o444)

    def environment(self, name: str) -> dict[str, str]:
        mounted = {"/data": self.shelf.data, "/tmp": self.shelf.tmp}
        told = compose_environment(name, self.shelf.secrets)
        for key, value in list(told.items()):
            for place, here in mounted.items():
                is_ours = value.startswith(str(self.shelf.app.parent))
                if not is_ours and (value == place or value.startswith(f"{place}/")):
                    told[key] = f"{here}{value.removeprefix(place)}"
        assert told["BIND"] == "0.0.0.0:8000"
        return told | {
            "PATH": f"{self.shelf.app}/.venv/bin:/usr/bin:/bin",
            "TMPDIR": str(self.shelf.tmp),
            "BIND": f"127.0.0.1:{self.port}",
            "DRAIN_SECONDS": "1",
            "LC_ALL": "C.UTF-8",
        }

    def start(self, name: str) -> subprocess.Popen[bytes]:
        log = (self.shelf.app.parent / f"{name}.log").open("wb")
        with log:
            self.running[name] = subprocess.Popen(
                [*self.shelf.become, *shlex.split(ALL[name])],
                cwd=self.shelf.app,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.running[name]

    def log(self, name: str) -> str:
        return (self.shelf.app.parent / f"{name}.log").read_text()[-3000:]

    def get(self, path: str) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with closing(connection):
            # As the proxy in front says it.
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
            if path == "/metrics":
                headers["Authorization"] = f"Bearer {(self.shelf.secrets / 'metrics_token').read_text()}"
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Set-Cookie", ""), answer.read().decode()

    def until(self, path: str, holds: Any, seconds: float = 60) -> str:
        end, last = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} ended:\n{self.log(name)}"
            with suppress(OSError, http.client.HTTPException):
                status, _, last = self.get(path)
                if holds(status, last):
                    return last
            time.sleep(0.1)
        raise AssertionError(f"{path}: {last}\n{self.log('web')}")

    def stop(self) -> dict[str, int]:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        codes = {}
        for name, process in self.running.items():
            try:
                codes[name] = process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                codes[name] = process.wait()
        self.running.clear()
        return codes


def test_a_release_from_a_read_only_tree(shelf: Shelf, cluster: Cluster, made_secrets: Path) -> None:
    """Roles, migration, then web, worker and scheduler, as somebody who owns nothing but /data and /tmp.

    `RELEASE=whole` starts the backup as well, which without BACKUP_URL only waits.
    """
    release = Release(shelf, cluster, made_secrets)
    before = shelf.files()
    try:
        migration = release.start("migrate")
        assert migration.wait(120) == 0, release.log("migrate")
        del release.running["migrate"]
        for name in STARTED:
            release.start(name)
        release.until("/healthz", lambda status, text: (status, text) == (200, "ok\n"))
        parts = json.loads(release.until("/readyz", lambda _, text: json.loads(text).get("scheduler") == "ok"))
        assert parts["database"] == "ok", "the role that serves is bound by the policies"
        assert parts["redis"] == parts["documents"] == "ok"
        status, cookie, page = release.get("/login")
        assert status == 200
        assert 'name="password"' in page
        assert "__Host-session=" in cookie
        assert "Secure" in cookie
        sealed = shelf.data / "audit-seals.log"
        release.until("/healthz", lambda *_: sealed.exists() or _worker_was_here(cluster))
        release.until("/metrics", lambda _, text: 'wholesale_statements_total{process="worker"}' in text)
    finally:
        codes = release.stop()
    assert codes == dict.fromkeys(STARTED, 0), {name: release.log(name) for name in codes}
    assert shelf.files() == before
    assert not [name for name in STARTED if "Traceback" in release.log(name)]


def _worker_was_here(cluster: Cluster) -> bool:
    with psycopg.connect(cluster.url(cluster.owner)) as connection:
        connection.execute("SET app.scope = 'platform'")
        row = connection.execute(
            "SELECT count(*) FROM job_run WHERE finished_at IS NOT NULL AND error IS NULL"
        ).fetchone()
    return bool(row and row[0])
