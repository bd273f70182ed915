"""Every setting, in one place: its environment variable, its meaning, its default; checked at start."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email

from wholesale.kernel.money import MINOR_DIGITS
from wholesale.kernel.words import N_

ROOT = Path(__file__).resolve().parent.parent

_SECRET_LENGTH = 32  # 128 bits, as hex
_LARGEST_UPLOAD_MB = 100
_MOST_PROXIES = 9
_MOST_COMPLETION_DAYS = 365
_MOST_HOURS = 720
_MOST_ANSWER_HOURS = 720


class ConfigError(SystemExit):
    """The environment does not make sense; the message says what to set. Ends the process with status 1."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The configuration has problems:\n" + "\n".join(f"  - {line}" for line in problems))


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Each attribute is read from the variable of the same name in capitals (`data_dir`: WHOLESALE_DATA,
    `env`: WHOLESALE_ENV).
    """

    env: str
    """development | test | production. Production insists on SECRET_KEY, DATABASE_URL, REDIS_URL, PUBLIC_URL."""
    data_dir: Path
    """Where documents, pictures and the embedded services keep their state. Default: .data/demo."""
    database_url: str
    """PostgreSQL as the role that serves requests: neither superuser nor owner of the tables."""
    database_owner_url: str
    """PostgreSQL as the role that owns the tables, for migrations. Default: DATABASE_URL."""
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
        mode = env.get("WHOLESALE_ENV", "production" if env.get("DATABASE_URL") else "development")
        data_dir = Path(env.get("WHOLESALE_DATA") or ROOT / ".data" / "demo").expanduser().resolve()
        database_url = env.get("DATABASE_URL", "")
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
            *_database_problems(env),
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
        ]
        if problems:
            raise ConfigError(problems)
        secret_key = env.get("SECRET_KEY") or _kept_secret(data_dir / "secret_key")
        return cls(
            env=mode,
            data_dir=data_dir,
            database_url=_with_driver(database_url),
            database_owner_url=_with_driver(env.get("DATABASE_OWNER_URL") or database_url),
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
        )


def _database_problems(env: Mapping[str, str]) -> Iterator[str]:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        scheme = urlsplit(env.get(name, "")).scheme
        if scheme not in {"", "postgresql", "postgres", "postgresql+psycopg"}:
            yield f"{name} starts with {scheme}://: only postgresql:// is supported."
    for name, why in (
        ("DATABASE_URL", "the PostgreSQL to serve from (bin/demo starts an embedded one)"),
        ("REDIS_URL", "the Redis that wakes the worker (bin/demo starts an embedded one)"),
    ):
        if not env.get(name):
            yield f"{name} is not set: {why}."


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


def _storage_problems(url: str) -> Iterator[str]:
    """Never with the address itself: credentials may stand in it."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "s3":
        if not parts.hostname:
            yield "STORAGE_URL names no bucket: s3://bucket/prefix?endpoint=https://…&region=…"
        if unknown := sorted(options.keys() - {"endpoint", "region"}):
            yield f"STORAGE_URL has {', '.join(unknown)}: known are endpoint and region."
        endpoint = options.get("endpoint", "https://s3.amazonaws.com")
        if urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).netloc:
            yield "STORAGE_URL: its endpoint needs http:// or https:// and a host."
    elif parts.scheme not in {"", "file"}:
        yield f"STORAGE_URL starts with {parts.scheme}: only file: and s3:// are supported."
    elif url and (parts.scheme != "file" or parts.netloc or not parts.path.startswith("/")):
        yield "STORAGE_URL is no whole path: file:/srv/documents"


def _clamd_problems(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    is_named = {"": not url, "tcp": bool(parts.hostname), "unix": parts.path.startswith("/") and not parts.netloc}
    if not is_named.get(parts.scheme, False):
        yield f"CLAMD_URL is {url!r}: use tcp://host:3310 or unix:/run/clamav/clamd.ctl."


def _with_driver(url: str) -> str:
    """SQLAlchemy needs to be told that psycopg 3 is meant."""
    scheme, rest = url.split("://", 1)
    return f"postgresql+psycopg://{rest}" if scheme != "postgresql+psycopg" else url


def _kept_secret(path: Path) -> str:
    """A secret made once and kept 0600, so that restarts do not sign everybody out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text()
