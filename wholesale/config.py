"""Every setting, in one place: its environment variable, its meaning, its default; checked at start."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email

from wholesale.kernel.money import MINOR_DIGITS
from wholesale.kernel.words import N_

ROOT = Path(__file__).resolve().parent.parent

_SECRET_LENGTH = 32  # 128 bits, as hex
_METRICS_TOKEN_LENGTH = 16
_LAST_PORT = 65535
_LARGEST_UPLOAD_MB = 100
_MOST_PROXIES = 9
_MOST_COMPLETION_DAYS = 365
_MOST_HOURS = 720
_MOST_ANSWER_HOURS = 720
_MOST_CONNECTIONS = 200
_MOST_LAG_SECONDS = 3600
_BACKUP_DAYS, _MOST_BACKUP_DAYS = 14, 3650
_MAY_LIE_IN_FILES = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "REDIS_URL", "SECRET_KEY", "SECRET_KEYS_VAULT",
    "STORAGE_URL", "MAIL_URL", "SMS_URL", "SMS_TOKEN", "BACKUP_URL", "BACKUP_DATABASE_URL",
    "METRICS_TOKEN", "SENTRY_DSN",
)  # fmt: skip


class ConfigError(SystemExit):
    """The environment does not make sense; the message says what to set. Ends the process with status 1."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The configuration has problems:\n" + "\n".join(f"  - {line}" for line in problems))


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Each attribute is read from the variable of the same name in capitals (`data_dir`: WHOLESALE_DATA,
    `env`: WHOLESALE_ENV). What is secret may lie in a file instead, as containers get it: SECRET_KEY_FILE names it.
    """

    env: str
    """development | test | production. Production insists on SECRET_KEY, DATABASE_URL, REDIS_URL, PUBLIC_URL."""
    data_dir: Path
    """Where documents, pictures and the embedded services keep their state. Default: .data/demo."""
    database_url: str
    """PostgreSQL as the role that serves requests: neither superuser nor owner of the tables. Of several hosts
    (postgresql://role:password@one:5432,two:5432/database) the one that takes writes is used."""
    database_owner_url: str
    """PostgreSQL as the role that owns the tables, for migrations. Default: DATABASE_URL."""
    database_replica_url: str
    """One or more streaming replicas, as the same role: the catalogue is read there. Default: none."""
    replica_max_lag: int
    """REPLICA_MAX_LAG: after how many seconds behind a replica is left alone, and reported. Default: 5."""
    database_pooler: str
    """DATABASE_POOLER: `transaction` when DATABASE_URL leads to PgBouncer in transaction mode. Default: none."""
    database_pool_size: int
    """DATABASE_POOL_SIZE: connections that each process keeps; it may open as many again. Default: WEB_THREADS (8)."""
    redis_url: str
    """Redis for the doorbell; it may lose everything without harm."""
    secret_key: str
    """Signs cookies and forms. Made once and kept in the data folder outside production."""
    vault_keys: tuple[str, ...]
    """SECRET_KEYS_VAULT: the keys that encrypt what must be read again, such as the secrets of authenticator apps;
    newest first, separated by commas. Default: SECRET_KEY."""
    public_url: str
    """The address that people type, for links in documents; https there makes cookies Secure."""
    site_name: str
    """The marketplace's name. Default: Paikar."""
    time_zone: str
    """The platform's zone: dates on screen, business days, the timetable. Default: Asia/Dhaka."""
    currency: str
    """The platform's own currency (ISO 4217). Default: BDT."""
    fiscal_year_start: tuple[tuple[str, int], ...]
    """FISCAL_YEAR_START: the month in which fiscal years begin, and after commas countries where it is another:
    7,IN:4,UG:1. Default: 7, July to June, as in Bangladesh."""
    bank_account: str
    """What a buyer is told to pay into by bank transfer. Default: a text that says it is not set."""
    trusted_proxies: int
    """How many proxies stand in front and set X-Forwarded-For, -Proto and -Host. Default: 0, nobody is believed."""
    max_upload_mb: int
    """The largest file accepted, in megabytes. Default: 10."""
    order_completion_days: int
    """After how many days a delivered order, about which nothing is open, counts as completed. Default: 7."""
    answer_hours: int
    """For how many hours a buyer is asked about changes of an order before time decides. Default: 48."""
    return_days: int
    """For how many days after its delivery something of a completed order can still be sent back. Default: 14."""
    approval_hours: int
    """For how many hours a request for approval waits, its prices and pieces kept. Default: 72."""
    storage_url: str
    """Where documents and pictures lie: file:/folder, or s3://bucket/prefix?endpoint=https://…&region=…, with the
    credentials from AWS_* or before an @. Default: the folder `files` in the data folder."""
    clamd_url: str
    """A ClamAV daemon that looks at every upload: tcp://host:3310 or unix:/run/clamav/clamd.ctl. Default: none."""
    mail_url: str
    """How letters leave the house: smtp://, smtp+starttls:// or smtps://user:password@host:port, or folder: for one
    that developers read at /dev/outbox. Default outside production: the folder `outbox` in the data folder."""
    mail_from: str
    """Who letters come from, "Name <address>". Default: SITE_NAME and no-reply@ the host of PUBLIC_URL."""
    sms_url: str
    """How text messages leave the house: https:// of a gateway that takes a form, or console: for the log and the
    developers' folder. Default: console: outside production; in production none, and they fail."""
    sms_token: str
    """What the gateway of text messages wants as bearer token. Default: none."""
    metrics_allow: tuple[str, ...]
    """METRICS_ALLOW: networks from which /metrics may be read, separated by commas. Default: this machine alone."""
    metrics_token: str
    """Whoever sends it as bearer token may read /metrics from anywhere. Default: none."""
    metrics_port: int
    """Where worker and scheduler answer /metrics themselves, if they run on another machine than the web. Default: 0,
    they do not."""
    prometheus_multiproc_dir: Path
    """Where the processes of one machine add up what they count. Default: `run/metrics` in the data folder."""
    sentry_dsn: str
    """Where unexpected errors are reported to. Default: nowhere."""
    otel_exporter_otlp_endpoint: str
    """Where traces are sent to (OTLP over HTTP); OTEL_… say more. Default: nowhere, nothing is traced."""
    backup_url: str
    """Where backups go: file:/folder or s3://bucket/prefix?…, as STORAGE_URL. Default: nowhere, none are made."""
    backup_key_file: Path | None
    """A file with the key of all backups, 64 hexadecimal digits. Without it no backup can be read."""
    backup_keep: int
    """For how many days back every moment can be restored. Default: 14."""
    backup_database_url: str
    """PostgreSQL itself, not a pooler, as a role that may replicate. Default: DATABASE_OWNER_URL."""

    def first_fiscal_month(self, country: str) -> int:
        """The month (1 to 12) in which the fiscal year of a seller in `country` begins."""
        months = dict(self.fiscal_year_start)
        return months.get(country, months[""])

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def files_dir(self) -> Path:
        """The folder of documents and pictures, unless they lie in a bucket."""
        return Path(unquote(urlsplit(self.storage_url).path)) if self.storage_url else self.data_dir / "files"

    @property
    def outbox_dir(self) -> Path:
        """The folder that stands in for the world, where letters and text messages do not leave the house."""
        path = urlsplit(self.mail_url).path if self.mail_url.startswith("folder:") else ""
        return Path(unquote(path)) if path else self.data_dir / "outbox"

    @property
    def mail_sender(self) -> tuple[str, str]:
        """Name and address that letters come from."""
        name, address = parseaddr(self.mail_from)
        host = urlsplit(self.public_url).hostname or "localhost"
        return name or self.site_name, address or f"no-reply@{'localhost' if ':' in host else host}"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check; raises ConfigError naming every problem at once."""
        env = dict(os.environ if environ is None else environ)
        unread = list(_read_files(env))
        mode = env.get("WHOLESALE_ENV", "production" if env.get("DATABASE_URL") else "development")
        data_dir = Path(env.get("WHOLESALE_DATA") or ROOT / ".data" / "demo").expanduser().resolve()
        database_url = env.get("DATABASE_URL", "")
        max_lag = env.get("REPLICA_MAX_LAG", "5")
        pooler = env.get("DATABASE_POOLER", "")
        pool_size = env.get("DATABASE_POOL_SIZE") or env.get("WEB_THREADS") or "8"
        public_url = env.get("PUBLIC_URL", "http://127.0.0.1:5000").rstrip("/")
        zone = env.get("TIME_ZONE", "Asia/Dhaka")
        currency = env.get("CURRENCY", "BDT")
        fiscal_years = env.get("FISCAL_YEAR_START") or "7"
        proxies = env.get("TRUSTED_PROXIES", "0")
        max_upload = env.get("MAX_UPLOAD_MB", "10")
        completion_days = env.get("ORDER_COMPLETION_DAYS", "7")
        answer_hours = env.get("ANSWER_HOURS", "48")
        return_days = env.get("RETURN_DAYS", "14")
        approval_hours = env.get("APPROVAL_HOURS", "72")
        vault_keys = tuple(key.strip() for key in env.get("SECRET_KEYS_VAULT", "").split(",") if key.strip())
        storage_url = env.get("STORAGE_URL", "")
        mail_url = env.get("MAIL_URL") or ("" if mode == "production" else "folder:")
        sms_url = env.get("SMS_URL") or ("" if mode == "production" else "console:")
        problems = [
            *unread,
            *_database_problems(env),
            *_connection_problems(max_lag, pooler, pool_size),
            *(_production_problems(env) if mode == "production" else ()),
            *_value_problems(mode, public_url, zone, currency),
            *_number_problems(proxies, max_upload),
            *_days_problems(completion_days),
            *_answer_problems(answer_hours, return_days),
            *_hours_problems("APPROVAL_HOURS", approval_hours),
            *_fiscal_year_problems(fiscal_years),
            *_vault_problems(vault_keys),
            *_storage_problems(storage_url),
            *_clamd_problems(env.get("CLAMD_URL", "")),
            *_mail_problems(mail_url, env.get("MAIL_FROM", "")),
            *_sms_problems(sms_url, env.get("SMS_TOKEN", ""), mode),
            *_watching_problems(env),
            *_backup_problems(env, data_dir),
        ]
        if problems:
            raise ConfigError(problems)
        secret_key = env.get("SECRET_KEY") or _kept_secret(data_dir / "secret_key")
        return cls(
            env=mode,
            data_dir=data_dir,
            database_url=_for_writes(_with_driver(database_url)),
            database_owner_url=_for_writes(_with_driver(env.get("DATABASE_OWNER_URL") or database_url)),
            database_replica_url=_with_driver(env.get("DATABASE_REPLICA_URL", "")),
            replica_max_lag=int(max_lag),
            database_pooler=pooler,
            database_pool_size=int(pool_size),
            redis_url=env["REDIS_URL"],
            secret_key=secret_key,
            vault_keys=vault_keys or (secret_key,),
            public_url=public_url,
            site_name=env.get("SITE_NAME", "Paikar"),
            time_zone=zone,
            currency=currency,
            fiscal_year_start=tuple(_fiscal_years(fiscal_years)),
            bank_account=env.get("BANK_ACCOUNT") or N_("The platform's bank account has not been set up yet."),
            trusted_proxies=int(proxies),
            max_upload_mb=int(max_upload),
            order_completion_days=int(completion_days),
            answer_hours=int(answer_hours),
            return_days=int(return_days),
            approval_hours=int(approval_hours),
            storage_url=storage_url,
            clamd_url=env.get("CLAMD_URL", ""),
            mail_url=mail_url,
            mail_from=env.get("MAIL_FROM", ""),
            sms_url=sms_url,
            sms_token=env.get("SMS_TOKEN", ""),
            metrics_allow=_networks(env.get("METRICS_ALLOW", "")) or ("127.0.0.0/8", "::1/128"),
            metrics_token=env.get("METRICS_TOKEN", ""),
            metrics_port=int(env.get("METRICS_PORT") or "0"),
            prometheus_multiproc_dir=Path(env.get("PROMETHEUS_MULTIPROC_DIR") or data_dir / "run" / "metrics"),
            sentry_dsn=env.get("SENTRY_DSN", ""),
            otel_exporter_otlp_endpoint=env.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            backup_url=env.get("BACKUP_URL", ""),
            backup_key_file=Path(env["BACKUP_KEY_FILE"]) if env.get("BACKUP_KEY_FILE") else None,
            backup_keep=int(env.get("BACKUP_KEEP") or _BACKUP_DAYS),
            backup_database_url=_with_driver(
                env.get("BACKUP_DATABASE_URL") or env.get("DATABASE_OWNER_URL") or database_url
            ),
        )


def _read_files(env: dict[str, str]) -> Iterator[str]:
    """Put in place what lies in files; problems are told without what stands there."""
    for name in _MAY_LIE_IN_FILES:
        path = env.pop(f"{name}_FILE", "")
        if path and env.get(name):
            yield f"{name} and {name}_FILE are both set: use one of them."
        elif path:
            try:
                env[name] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                yield f"{name}_FILE cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."


def _database_problems(env: Mapping[str, str]) -> Iterator[str]:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "BACKUP_DATABASE_URL"):
        scheme = urlsplit(env.get(name, "")).scheme
        if scheme not in {"", "postgresql", "postgres", "postgresql+psycopg"}:
            yield f"{name} starts with {scheme}://: only postgresql:// is supported."
    for name, why in (
        ("DATABASE_URL", "the PostgreSQL to serve from (bin/demo starts an embedded one)"),
        ("REDIS_URL", "the Redis that wakes the worker (bin/demo starts an embedded one)"),
    ):
        if not env.get(name):
            yield f"{name} is not set: {why}."


def _connection_problems(max_lag: str, pooler: str, pool_size: str) -> Iterator[str]:
    if not max_lag.isdecimal() or not 1 <= int(max_lag) <= _MOST_LAG_SECONDS:
        yield f"REPLICA_MAX_LAG is {max_lag!r}: whole seconds from 1 to {_MOST_LAG_SECONDS}."
    if pooler not in {"", "transaction"}:
        yield f"DATABASE_POOLER is {pooler!r}: transaction, or nothing."
    if not pool_size.isdecimal() or not 1 <= int(pool_size) <= _MOST_CONNECTIONS:
        yield f"DATABASE_POOL_SIZE (or WEB_THREADS) is {pool_size!r}: a whole number from 1 to {_MOST_CONNECTIONS}."


def _production_problems(env: Mapping[str, str]) -> Iterator[str]:
    if len(env.get("SECRET_KEY", "")) < _SECRET_LENGTH:
        yield f"SECRET_KEY needs at least {_SECRET_LENGTH} characters: try `openssl rand -hex 32`."
    if not env.get("PUBLIC_URL"):
        yield "PUBLIC_URL is not set: the address people type, such as https://paikar.example."


def _mail_problems(url: str, sender: str) -> Iterator[str]:
    """Never with the address of the server itself: a password may stand in it."""
    parts = urlsplit(url)
    if not url:
        yield "MAIL_URL is not set: how letters are sent, such as smtp+starttls://user:password@smtp.example:587."
    elif parts.scheme == "folder":
        if parts.netloc or (parts.path and not parts.path.startswith("/")):
            yield "MAIL_URL is no whole path: folder:/srv/outbox"
    elif parts.scheme not in {"smtp", "smtps", "smtp+starttls"}:
        yield "MAIL_URL: only smtp://, smtp+starttls://, smtps:// and folder: are supported."
    elif not parts.hostname or not _has_good_port(url):
        yield "MAIL_URL needs a host and, if any, a port from 1 to 65535: smtps://user:password@smtp.example:465."
    elif not unquote(f"{parts.username}{parts.password}").isascii():
        yield "MAIL_URL has a name or password with letters that mail servers do not take."
    elif parts.username and not parts.password:
        yield "MAIL_URL names somebody to log in as, but no password."
    if sender and (not _is_address(parseaddr(sender)[1]) or not sender.isprintable()):
        yield "MAIL_FROM is no address: use Paikar <hello@paikar.example>."


def _sms_problems(url: str, token: str, mode: str) -> Iterator[str]:
    """Never with the address itself: a key may stand in it."""
    parts = urlsplit(url)
    if url == "console:":
        if mode == "production":
            yield "SMS_URL is console:, which writes people's codes into the log: use a gateway's https:// address."
    elif url:
        if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_good_port(url):
            yield "SMS_URL needs https:// and a host, or is console:."
        elif parts.scheme == "http" and mode == "production" and parts.hostname not in {"localhost", "127.0.0.1"}:
            yield "SMS_URL needs https://: people's codes go there."
        elif not url.isascii() or not url.isprintable() or " " in url or parts.username:
            yield "SMS_URL has characters that no address has, or a name before an @: give a token by SMS_TOKEN."
    if not token.isascii() or not token.isprintable():
        yield "SMS_TOKEN has characters that no token has."


def _has_good_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def _value_problems(mode: str, public_url: str, zone: str, currency: str) -> Iterator[str]:
    if mode not in {"development", "test", "production"}:
        yield f"WHOLESALE_ENV is {mode!r}: use development, test or production."
    if urlsplit(public_url).scheme not in {"http", "https"} or not urlsplit(public_url).netloc:
        yield f"PUBLIC_URL is {public_url!r}: it needs http:// or https:// and a host."
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"TIME_ZONE is {zone!r}: use a name such as Asia/Dhaka."
    if currency not in MINOR_DIGITS:
        yield f"CURRENCY is {currency!r}: known are {', '.join(MINOR_DIGITS)}."


def _days_problems(days: str) -> Iterator[str]:
    if not days.isdecimal() or not 1 <= int(days) <= _MOST_COMPLETION_DAYS:
        yield f"ORDER_COMPLETION_DAYS is {days!r}: a whole number from 1 to {_MOST_COMPLETION_DAYS}."


def _answer_problems(hours: str, days: str) -> Iterator[str]:
    if not hours.isdecimal() or not 1 <= int(hours) <= _MOST_ANSWER_HOURS:
        yield f"ANSWER_HOURS is {hours!r}: a whole number from 1 to {_MOST_ANSWER_HOURS}."
    if not days.isdecimal() or not 0 <= int(days) <= _MOST_COMPLETION_DAYS:
        yield f"RETURN_DAYS is {days!r}: a whole number from 0 to {_MOST_COMPLETION_DAYS}."


def _hours_problems(name: str, hours: str) -> Iterator[str]:
    if not (hours.isdecimal() and 1 <= int(hours) <= _MOST_HOURS):
        yield f"{name} is {hours!r}: a whole number from 1 to {_MOST_HOURS}."


def _number_problems(proxies: str, max_upload: str) -> Iterator[str]:
    if not (proxies.isdecimal() and int(proxies) <= _MOST_PROXIES):
        yield f"TRUSTED_PROXIES is {proxies!r}: a whole number from 0 to {_MOST_PROXIES}."
    if not max_upload.isdecimal() or not 1 <= int(max_upload) <= _LARGEST_UPLOAD_MB:
        yield f"MAX_UPLOAD_MB is {max_upload!r}: a whole number from 1 to {_LARGEST_UPLOAD_MB}."


def _fiscal_years(text: str) -> Iterator[tuple[str, int]]:
    for part in text.split(","):
        country, _, month = part.strip().rpartition(":")
        yield country, int(month)


def _fiscal_year_problems(text: str) -> Iterator[str]:
    if not re.fullmatch(r"(1[0-2]|[1-9])(\s*,\s*[A-Z]{2}:(1[0-2]|[1-9]))*", text, re.ASCII):
        yield f"FISCAL_YEAR_START is {text!r}: a month from 1 to 12, and countries where it is another: 7,IN:4."


def _vault_problems(keys: tuple[str, ...]) -> Iterator[str]:
    if any(len(key) < _SECRET_LENGTH for key in keys):
        yield f"SECRET_KEYS_VAULT has a key of under {_SECRET_LENGTH} characters: try `openssl rand -hex 32`."


def _storage_problems(url: str, name: str = "STORAGE_URL", folder: str = "/srv/documents") -> Iterator[str]:
    """Never with the address itself: credentials may stand in it."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "s3":
        if not parts.hostname:
            yield f"{name} names no bucket: s3://bucket/prefix?endpoint=https://…&region=…"
        if unknown := sorted(options.keys() - {"endpoint", "region"}):
            yield f"{name} has {', '.join(unknown)}: known are endpoint and region."
        endpoint = options.get("endpoint", "https://s3.amazonaws.com")
        if urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).netloc:
            yield f"{name}: its endpoint needs http:// or https:// and a host."
    elif parts.scheme not in {"", "file"}:
        yield f"{name} starts with {parts.scheme}: only file: and s3:// are supported."
    elif url and (parts.scheme != "file" or parts.netloc or not parts.path.startswith("/")):
        yield f"{name} is no whole path: file:{folder}"


def _backup_problems(env: Mapping[str, str], data_dir: Path) -> Iterator[str]:
    url, key, days = env.get("BACKUP_URL", ""), env.get("BACKUP_KEY_FILE", ""), env.get("BACKUP_KEEP", "")
    yield from _storage_problems(url, "BACKUP_URL", "/srv/backup")
    if url.startswith("file:/") and Path(unquote(urlsplit(url).path)).resolve().is_relative_to(data_dir):
        yield "BACKUP_URL lies in the data folder, and would be lost with it: use another disk or a bucket."
    if url and not key:
        yield "BACKUP_KEY_FILE is not set: backups are encrypted. Make one: openssl rand -hex 32 > backup.key"
    if key:
        try:
            if not re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", Path(key).read_text("utf-8"), re.ASCII):
                yield "BACKUP_KEY_FILE holds no key of 64 hexadecimal digits: openssl rand -hex 32 > backup.key"
        except (OSError, UnicodeDecodeError) as error:
            yield f"BACKUP_KEY_FILE cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."
    if days and not (days.isdecimal() and 1 <= int(days) <= _MOST_BACKUP_DAYS):
        yield f"BACKUP_KEEP is {days!r}: a whole number of days from 1 to {_MOST_BACKUP_DAYS}."


def _clamd_problems(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    is_named = {"": not url, "tcp": bool(parts.hostname), "unix": parts.path.startswith("/") and not parts.netloc}
    if not is_named.get(parts.scheme, False):
        yield f"CLAMD_URL is {url!r}: use tcp://host:3310 or unix:/run/clamav/clamd.ctl."


def _networks(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _watching_problems(env: Mapping[str, str]) -> Iterator[str]:
    """Never with a token or the key in a DSN."""
    for network in _networks(env.get("METRICS_ALLOW", "")):
        try:
            ip_network(network)
        except ValueError:
            yield f"METRICS_ALLOW has {network!r}: use networks such as 10.0.0.0/8, separated by commas."
    token = env.get("METRICS_TOKEN", "")
    if token and not re.fullmatch(rf"[\x21-\x7e]{{{_METRICS_TOKEN_LENGTH},}}", token):
        yield (
            f"METRICS_TOKEN needs at least {_METRICS_TOKEN_LENGTH} letters, digits or signs, and no spaces:"
            " try `openssl rand -hex 16`."
        )
    port = env.get("METRICS_PORT") or "0"
    if not (port.isascii() and port.isdecimal() and int(port) <= _LAST_PORT):
        yield f"METRICS_PORT is {port!r}: a port up to {_LAST_PORT}, or 0 for none."
    dsn = urlsplit(env.get("SENTRY_DSN", ""))
    if env.get("SENTRY_DSN") and not (
        dsn.scheme in {"http", "https"} and dsn.username and dsn.hostname and dsn.path.rpartition("/")[2].isdecimal()
    ):
        yield "SENTRY_DSN is no address of a Sentry project: https://key@sentry.example/1"
    endpoint = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if endpoint and not (
        urlsplit(endpoint).scheme in {"http", "https"} and urlsplit(endpoint).hostname and _has_good_port(endpoint)
    ):
        yield "OTEL_EXPORTER_OTLP_ENDPOINT needs http:// or https:// and a host: http://127.0.0.1:4318"
    for name, package in (("SENTRY_DSN", "sentry_sdk"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry")):
        if env.get(name) and find_spec(package) is None:
            yield (
                f"{name} is set, but what it needs is not installed:"
                " .venv/bin/pip install -r requirements-watching.txt, or unset it."
            )


def _with_driver(url: str) -> str:
    """SQLAlchemy needs to be told that psycopg 3 is meant, and several hosts (a:5432,b:5432) in words of its own."""
    if not url:
        return ""
    place, slash, rest = url.split("://", 1)[1].partition("/")
    login, at, hosts = place.rpartition("@")
    if "," in hosts:
        each = [re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d*))?", host) for host in hosts.split(",")]
        named = {"host": ",".join(found[1].strip("[]") if found else "" for found in each)}
        named["port"] = ",".join(found[2] or "" if found else "" for found in each)
        database, _, query = rest.partition("?")
        place, slash, rest = f"{login}{at}", "/", f"{database}?{urlencode([*named.items(), *parse_qsl(query)])}"
    return f"postgresql+psycopg://{place}{slash}{rest}"


def _for_writes(url: str) -> str:
    """Of several hosts the one that takes writes, unless the address says something else."""
    query = parse_qsl(urlsplit(url).query)
    hosts = ",".join(value for name, value in query if name == "host")
    if "," not in hosts or "target_session_attrs" in dict(query):
        return url
    return f"{url}&target_session_attrs=read-write"


def _kept_secret(path: Path) -> str:
    """A secret made once and kept 0600, so that restarts do not sign everybody out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text()
