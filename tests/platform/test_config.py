"""The environment is checked at the start, and everything that is wrong is named at once."""

from __future__ import annotations

import stat

import pytest

from wholesale import config
from wholesale.config import ConfigError, Settings

GOOD = {
    "WHOLESALE_ENV": "production",
    "DATABASE_URL": "postgresql://app@db/wholesale",
    "REDIS_URL": "redis://redis",
    "SECRET_KEY": "x" * 32,
    "PUBLIC_URL": "https://paikar.example/",
    "MAIL_URL": "smtp+starttls://shop:secret@smtp.example",
}


def problems(**changes: str | None) -> list[str]:
    env = {name: value for name, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment(env)
    return str(refused.value).splitlines()[1:]


def test_a_good_environment() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.is_production
    assert settings.secure_cookies
    assert settings.public_url == "https://paikar.example"
    assert settings.database_url == settings.database_owner_url == "postgresql+psycopg://app@db/wholesale"
    assert (settings.currency, settings.time_zone, settings.max_upload_mb) == ("BDT", "Asia/Dhaka", 10)
    assert settings.vault_keys == (settings.secret_key,)
    named = Settings.from_environment(GOOD | {"SECRET_KEYS_VAULT": f"{'n' * 32}, {'o' * 32},"})
    assert named.vault_keys == ("n" * 32, "o" * 32)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", None, "DATABASE_URL is not set"),
        ("DATABASE_URL", "mysql://x/y", "only postgresql:// is supported"),
        ("DATABASE_OWNER_URL", "sqlite://", "only postgresql:// is supported"),
        ("REDIS_URL", None, "REDIS_URL is not set"),
        ("SECRET_KEY", None, "SECRET_KEY needs at least 32"),
        ("SECRET_KEY", "short", "SECRET_KEY needs at least 32"),
        ("SECRET_KEYS_VAULT", "x" * 31, "SECRET_KEYS_VAULT has a key of under 32"),
        ("SECRET_KEYS_VAULT", "x" * 32 + ",short", "SECRET_KEYS_VAULT has a key of under 32"),
        ("PUBLIC_URL", None, "PUBLIC_URL is not set"),
        ("PUBLIC_URL", "paikar.example", "needs http:// or https:// and a host"),
        ("PUBLIC_URL", "https://", "needs http:// or https:// and a host"),
        ("WHOLESALE_ENV", "prod", "use development, test or production"),
        ("TIME_ZONE", "Asia/Nowhere", "use a name such as Asia/Dhaka"),
        ("TIME_ZONE", "../../etc/passwd", "use a name such as Asia/Dhaka"),
        ("CURRENCY", "bdt", "CURRENCY is 'bdt'"),
        ("MAX_UPLOAD_MB", "0", "a whole number from 1 to 100"),
        ("MAX_UPLOAD_MB", "101", "a whole number from 1 to 100"),
        ("MAX_UPLOAD_MB", "ten", "a whole number from 1 to 100"),
        ("MAX_UPLOAD_MB", "1.5", "a whole number from 1 to 100"),
        ("APPROVAL_HOURS", "0", "APPROVAL_HOURS is '0': a whole number from 1 to 720"),
        ("APPROVAL_HOURS", "721", "a whole number from 1 to 720"),
        ("APPROVAL_HOURS", "three days", "a whole number from 1 to 720"),
        ("CLAMD_URL", "clamav:3310", "use tcp://host:3310"),
        ("METRICS_ALLOW", "10.0.0.1/8", "METRICS_ALLOW has '10.0.0.1/8'"),
        ("METRICS_ALLOW", "127.0.0.0/8, prometheus", "METRICS_ALLOW has 'prometheus'"),
        ("METRICS_TOKEN", "short", "METRICS_TOKEN needs at least 16"),
        ("METRICS_TOKEN", "with spaces in between", "METRICS_TOKEN needs at least 16"),
        ("METRICS_PORT", "65536", "a port up to 65535"),
        ("METRICS_PORT", "http", "a port up to 65535"),
        ("SENTRY_DSN", "https://sentry.example/1", "no address of a Sentry project"),
        ("SENTRY_DSN", "https://key@sentry.example/", "no address of a Sentry project"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "needs http:// or https:// and a host"),
        ("CLAMD_URL", "tcp://", "use tcp://host:3310"),
        ("CLAMD_URL", "unix:clamd.ctl", "use tcp://host:3310"),
        ("STORAGE_URL", "documents", "no whole path"),
        ("STORAGE_URL", "file:documents", "no whole path"),
        ("STORAGE_URL", "file://server/documents", "no whole path"),
        ("STORAGE_URL", "gs://bucket", "only file: and s3:// are supported"),
        ("STORAGE_URL", "s3:///prefix", "names no bucket"),
        ("STORAGE_URL", "s3://bucket?acl=public-read", "has acl: known are endpoint and region"),
        ("STORAGE_URL", "s3://bucket?endpoint=minio:9000", "its endpoint needs http:// or https://"),
        ("STORAGE_URL", "s3://bucket?endpoint=", "its endpoint needs http:// or https://"),
        ("MAIL_URL", None, "MAIL_URL is not set"),
        ("MAIL_URL", "", "MAIL_URL is not set"),
        ("MAIL_URL", "smtp.example:25", "only smtp://, smtp+starttls://, smtps:// and folder:"),
        ("MAIL_URL", "http://smtp.example", "only smtp://, smtp+starttls://, smtps:// and folder:"),
        ("MAIL_URL", "smtp://", "MAIL_URL needs a host"),
        ("MAIL_URL", "smtps://smtp.example:mail", "MAIL_URL needs a host and, if any, a port"),
        ("MAIL_URL", "smtps://smtp.example:70000", "MAIL_URL needs a host and, if any, a port"),
        ("MAIL_URL", "smtps://smtp.example:0", "MAIL_URL needs a host and, if any, a port"),
        ("MAIL_URL", "smtps://shop@smtp.example", "but no password"),
        ("MAIL_URL", "smtps://shop:p%C3%A4ss@smtp.example", "letters that mail servers do not take"),
        ("MAIL_URL", "folder:outbox", "MAIL_URL is no whole path"),
        ("MAIL_URL", "folder://server/outbox", "MAIL_URL is no whole path"),
        ("MAIL_FROM", "Paikar", "MAIL_FROM is no address"),
        ("MAIL_FROM", "Paikar <hello@paikar.example>\nBcc: x@evil.example", "MAIL_FROM is no address"),
        ("SMS_URL", "console:", "SMS_URL is console:"),
        ("SMS_URL", "http://gateway.example/send", "SMS_URL needs https://"),
        ("SMS_URL", "gateway.example/send", "SMS_URL needs https:// and a host"),
        ("SMS_URL", "https://gateway.example:no/", "SMS_URL needs https:// and a host"),
        ("SMS_URL", "https://me:secret@gateway.example/", "give a token by SMS_TOKEN"),
        ("SMS_URL", "https://gateway.example/a b", "characters that no address has"),
        ("SMS_TOKEN", "a\r\nX: y", "SMS_TOKEN has characters"),
    ],
)
def test_one_mistake_is_named(name, value, says) -> None:
    found = problems(**{name: value})
    assert len(found) == 1
    assert says in found[0]


def test_all_mistakes_are_named_at_once() -> None:
    found = problems(
        DATABASE_URL=None, REDIS_URL=None, SECRET_KEY="x", PUBLIC_URL=None, CURRENCY="?", MAX_UPLOAD_MB="?"
    )
    assert len(found) == 6
    assert all(line.startswith("  - ") for line in found)


def test_no_secret_stands_in_what_is_said() -> None:
    said = problems(
        SECRET_KEY="hunter2",
        DATABASE_URL="mysql://me:hunter2@db/x",
        STORAGE_URL="gs://me:hunter2@bucket",
        MAIL_URL="smpt://me:hunter2@smtp.example",
        SMS_URL="https://me:hunter2@gateway.example",
        SMS_TOKEN="hunter2\n",
    )
    assert len(said) == 6
    assert "hunter2" not in "\n".join(said)


def test_documents_lie_in_the_data_folder_unless_somebody_says_otherwise() -> None:
    settings = Settings.from_environment(GOOD | {"WHOLESALE_DATA": "/srv/paikar"})
    assert (settings.storage_url, str(settings.files_dir)) == ("", "/srv/paikar/files")
    assert str(Settings.from_environment(GOOD | {"STORAGE_URL": "file:/srv/our%20files"}).files_dir) == "/srv/our files"
    bucket = "s3://key:secret@papers/live?endpoint=https://minio.example&region=eu-west-1"
    assert Settings.from_environment(GOOD | {"STORAGE_URL": bucket}).storage_url == bucket


def test_outside_production_messages_stay_in_the_data_folder() -> None:
    env = GOOD | {"WHOLESALE_ENV": "development", "MAIL_URL": "", "WHOLESALE_DATA": "/srv/paikar"}
    settings = Settings.from_environment(env)
    assert (settings.mail_url, settings.sms_url) == ("folder:", "console:")
    assert str(settings.outbox_dir) == "/srv/paikar/outbox"
    assert str(Settings.from_environment(env | {"MAIL_URL": "folder:/srv/our%20mail"}).outbox_dir) == "/srv/our mail"
    assert Settings.from_environment(GOOD).sms_url == ""


def test_who_letters_come_from() -> None:
    assert Settings.from_environment(GOOD).mail_sender == ("Paikar", "no-reply@paikar.example")
    named = GOOD | {"MAIL_FROM": "পাইকার বাজার <hello@paikar.example>"}
    assert Settings.from_environment(named).mail_sender == ("পাইকার বাজার", "hello@paikar.example")
    bare = GOOD | {"MAIL_FROM": "hello@paikar.example", "SITE_NAME": "Bazar"}
    assert Settings.from_environment(bare).mail_sender == ("Bazar", "hello@paikar.example")
    local = GOOD | {"PUBLIC_URL": "http://[::1]:5000", "WHOLESALE_ENV": "development"}
    assert Settings.from_environment(local).mail_sender == ("Paikar", "no-reply@localhost")


def test_with_a_database_given_production_is_meant() -> None:
    assert "SECRET_KEY needs" in "\n".join(problems(WHOLESALE_ENV=None, SECRET_KEY=None))


def test_outside_production_a_secret_is_made_once_and_kept_private(tmp_path) -> None:
    env = GOOD | {"WHOLESALE_ENV": "development", "SECRET_KEY": "", "WHOLESALE_DATA": str(tmp_path / "data")}
    first = Settings.from_environment(env).secret_key
    assert len(first) == 64
    assert Settings.from_environment(env).secret_key == first
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600


def test_plain_http_has_no_secure_cookies() -> None:
    assert not Settings.from_environment(GOOD | {"PUBLIC_URL": "http://127.0.0.1:5000"}).secure_cookies


@pytest.mark.parametrize(
    ("name", "value", "package"),
    [
        ("SENTRY_DSN", "https://key@sentry.example/1", "sentry_sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "opentelemetry"),
    ],
)
def test_what_is_asked_for_must_be_installed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, package: str
) -> None:
    assert getattr(Settings.from_environment(GOOD | {name: value}), name.lower()) == value
    monkeypatch.setattr(config, "find_spec", lambda asked: None if asked == package else object())
    [said] = problems(**{name: value})
    assert "requirements-watching.txt" in said
    assert value not in said, "a key may stand in it"


def test_metrics_are_this_machines_unless_networks_are_named() -> None:
    assert Settings.from_environment(GOOD).metrics_allow == ("127.0.0.0/8", "::1/128")
    named = Settings.from_environment(GOOD | {"METRICS_ALLOW": "10.0.0.0/8, fd00::/8,"})
    assert named.metrics_allow == ("10.0.0.0/8", "fd00::/8")
