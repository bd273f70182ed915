"""Tampering with the log as the superuser would, triggers off: each way is found, and the first bad entry named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from tests.audit.test_actions import note, owner_of
from wholesale.audit import jobs, seals
from wholesale.platform import runs as timetable
from wholesale.platform.transaction import transaction

FILE = "audit-seals.log"


@pytest.fixture
def app(committed_app: Flask) -> Flask:
    """Ten entries of business 3, four of the platform, one of business 5; sealed after five of business 3."""
    add(committed_app, 3, 5)
    add(committed_app, None, 4)
    assert sealed(committed_app) == "seal 1 over 2 chains"
    add(committed_app, 3, 5)
    add(committed_app, 5, 1)
    assert sealed(committed_app) == "seal 2 over 2 chains"
    return committed_app


def add(app: Flask, organization_id: int | None, count: int) -> None:
    with app.app_context():
        for number in range(count):
            with transaction():
                note(organization_id=organization_id, thing_id=number, after={"role": "admin", "limit": "1.50"})


def sealed(app: Flask) -> str:
    with app.app_context(), transaction():
        return jobs.seal()


def problems(app: Flask, since: int | None = None) -> list[str]:
    with app.app_context(), transaction():
        return jobs.proof(since).problems


def file_of(app: Flask) -> Path:
    return app.extensions["settings"].data_dir / FILE


def verify(app: Flask, *options: str) -> Result:
    return app.test_cli_runner().invoke(args=["audit", "verify", *options])


@contextmanager
def tampering(app: Flask) -> Iterator[psycopg.Connection[Any]]:
    """What the superuser can do: neither triggers nor policies hold."""
    with owner_of(app) as owner:
        owner.execute("SELECT set_config('app.scope', 'platform', false)")
        for table in ("audit_entry", "audit_link", "audit_seal"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield owner
        for table in ("audit_entry", "audit_link", "audit_seal"):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


# The third entry of business 3.
ENTRY = "id = (SELECT entry_id FROM audit_link WHERE chain = 3 AND seq = 3)"
LINK = "chain = 3 AND seq = 3"
# The hashes of business 3, worked out again from entry 1 on.
REWRITE = """
DO $$
DECLARE l audit_link; e audit_entry; before bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR l IN SELECT * FROM audit_link WHERE chain = 3 ORDER BY seq LOOP
        SELECT * INTO e FROM audit_entry WHERE id = l.entry_id;
        UPDATE audit_link SET prev = before, hash = sha256(before || convert_to(audit_text(e, 3, l.seq), 'UTF8'))
        WHERE chain = 3 AND seq = l.seq RETURNING hash INTO before;
    END LOOP;
END $$
"""
CHANGED = "entry 3 (id 3) was changed"


def test_an_honest_log_is_clean(app: Flask) -> None:
    assert problems(app) == []
    assert verify(app).output == "audit: ok, 15 entries in 3 chains, 2 seals\n"
    assert sealed(app) == "nothing new"
    assert len(file_of(app).read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "change",
    [
        "reason = 'x'", "actor_id = 8", "actor_id = NULL", "organization_id = 5", "on_behalf = 3", "staff = true",
        "at = at + interval '1 microsecond'", "action = 'membership.added'", "thing = 'x'", "thing_id = '10'",
        "before = '{}'", "after = '{\"role\": \"owner\", \"limit\": \"1.50\"}'", "after = NULL", "address = '::1'",
        "request_id = 'x'",
    ],
)  # fmt: skip
def test_a_changed_entry(app: Flask, change: str) -> None:
    with tampering(app) as owner:
        owner.execute(f"UPDATE audit_entry SET {change} WHERE {ENTRY}")
    [problem] = problems(app)
    assert problem.startswith(f"Chain 3 (business 3): {CHANGED}")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ([f"DELETE FROM audit_entry WHERE {ENTRY}"], "entry 3 (id 3) was removed"),
        ([f"DELETE FROM audit_entry WHERE {ENTRY}", f"DELETE FROM audit_link WHERE {LINK}"], "entry 3 was removed"),
        (["DELETE FROM audit_link WHERE chain = 3 AND seq = 1", "DELETE FROM audit_entry WHERE id = 1"],
         "entry 1 was removed"),
        ([f"DELETE FROM audit_link WHERE {LINK}"], "an entry (id 3) stands beside the chain"),
        ([f"UPDATE audit_link SET hash = sha256('x') WHERE {LINK}"], "entry 3 (id 3) was changed"),
        (["UPDATE audit_link SET seq = 99 WHERE chain = 3 AND seq = 3",
          "UPDATE audit_link SET seq = 3 WHERE chain = 3 AND seq = 4",
          "UPDATE audit_link SET seq = 4 WHERE chain = 3 AND seq = 99"], "entry 3 (id 4) is not where it was written"),
        (["UPDATE audit_link SET entry_id = 99 WHERE chain = 3 AND seq = 3",
          "UPDATE audit_link SET entry_id = 3 WHERE chain = 3 AND seq = 4",
          "UPDATE audit_link SET entry_id = 4 WHERE chain = 3 AND seq = 99 OR entry_id = 99"],
         "entry 3 (id 4) was changed, or is not the one that was written there"),
        (["DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_link WHERE chain = 3 AND seq = 10)",
          "DELETE FROM audit_link WHERE chain = 3 AND seq = 10"], "entry 10 was sealed and is gone"),
        (["DELETE FROM audit_entry WHERE organization_id = 3", "DELETE FROM audit_link WHERE chain = 3"],
         "entry 5 was sealed and is gone"),
        ([f"UPDATE audit_entry SET reason = 'x' WHERE {ENTRY}", REWRITE],
         "entry 5 is not the one that was sealed: the chain was written anew"),
        (["UPDATE audit_entry SET reason = 'x' WHERE id = 11", REWRITE], "entry 10 is not the one that was sealed"),
    ],
    ids=["entry", "entry and link", "first", "link", "hash", "order of links", "order of entries", "tail", "all",
         "rewritten", "rewritten after the first seal"],
)  # fmt: skip
def test_what_a_superuser_can_do(app: Flask, statements: list[str], said: str) -> None:
    with tampering(app) as owner:
        for statement in statements:
            owner.execute(statement)
    found = [problem for problem in problems(app) if problem.startswith("Chain 3 (business 3): ")]
    assert any(said in problem for problem in found), found
    assert not [problem for problem in problems(app) if not problem.startswith("Chain 3")]
    result = verify(app)
    assert result.exit_code == 1
    assert said in result.output


def test_an_entry_put_in_without_its_link(app: Flask) -> None:
    with tampering(app) as owner:
        owner.execute(
            "INSERT INTO audit_entry (at, staff, action, thing, thing_id, reason, address)"
            " VALUES (now(), true, 'x', 'x', '1', '', '')"
        )
    assert problems(app) == [
        "Chain 0 (the platform's own): an entry (id 16) stands beside the chain: it was put in without its link."
    ]


@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM audit_link WHERE chain = 3 AND seq = 10", "DELETE FROM audit_entry WHERE id = 14"],
        [f"UPDATE audit_entry SET reason = 'x' WHERE {ENTRY}", REWRITE],
    ],
    ids=["tail", "rewritten"],
)
def test_the_next_seal_finds_it_and_seals_nothing_over_it(app: Flask, statements: list[str]) -> None:
    with tampering(app) as owner:
        for statement in statements:
            owner.execute(statement)
    with pytest.raises(seals.SealError, match="chain 3 is not what was sealed at number 10"):
        sealed(app)
    add(app, 3, 3)
    with pytest.raises(seals.SealError, match="chain 3"):
        sealed(app)
    assert len(file_of(app).read_text().splitlines()) == 2


def edit(app: Flask, change: Callable[[list[str]], list[str]]) -> None:
    lines = change(file_of(app).read_text().splitlines())
    file_of(app).write_text("".join(f"{line}\n" for line in lines))


def changed_head(lines: list[str]) -> list[str]:
    facts = json.loads(lines[0])
    facts["heads"]["3"][0] = 4
    return [json.dumps(facts), *lines[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_head, "line 1 of audit-seals.log, seal 1, was changed, or SECRET_KEY is another."),
        (lambda lines: [lines[0], lines[1].replace('"at": "2', '"at": "1')],
         "line 2 of audit-seals.log, seal 2, was changed"),
        (lambda lines: lines[1:], "line 1 of audit-seals.log is seal 2 and not the first"),
        (lambda lines: lines[:1], "Seal 2 is gone from audit-seals.log; the database knows that it was written."),
        (lambda _: [], "Seal 1 is gone from audit-seals.log"),
        (lambda lines: [lines[0], *lines], "line 2 of audit-seals.log is seal 1 and follows seal 1"),
        (lambda lines: [lines[1], lines[0]], "line 1 of audit-seals.log is seal 2 and not the first"),
        (lambda lines: [lines[0], "no seal"], "line 2 of audit-seals.log cannot be read."),
        (lambda lines: [lines[0], lines[1][:-30]], "line 2 of audit-seals.log cannot be read."),
        (lambda lines: [*lines, "[1, 2]"], "line 3 of audit-seals.log cannot be read."),
    ],
)  # fmt: skip
def test_an_edited_file_of_seals(app: Flask, change: Callable[[list[str]], list[str]], said: str) -> None:
    edit(app, change)
    assert any(said in problem for problem in problems(app)), problems(app)
    assert said in verify(app).output
    assert verify(app).exit_code == 1


def test_seals_that_were_cut_off_stay_missed(app: Flask) -> None:
    """The sealer does not write over the gap."""
    edit(app, lambda lines: lines[:1])
    add(app, 3, 1)
    with pytest.raises(seals.SealError, match="seal 2 is gone from the end"):
        sealed(app)
    file_of(app).unlink()
    with pytest.raises(seals.SealError, match="seal 1 is gone from the end"):
        sealed(app)


def test_another_secret_key_is_told_and_a_new_file_begun(app: Flask) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], secret_key="another" * 8)
    assert "SECRET_KEY is another" in problems(app)[0]
    result = app.test_cli_runner().invoke(args=["audit", "seal", "--anew"])
    assert result.output == "Seal 3 is written.\n"
    assert problems(app) == []
    assert file_of(app).with_name("audit-seals-until-2.log").exists()
    add(app, None, 1)
    assert sealed(app) == "seal 4 over 1 chains"
    assert problems(app) == []
    edit(app, lambda lines: lines[:1])
    assert problems(app) == ["Seal 4 is gone from audit-seals.log; the database knows that it was written."]


def test_since_a_seal_only_what_came_after_is_recomputed(app: Flask) -> None:
    with tampering(app) as owner:
        owner.execute(f"UPDATE audit_entry SET reason = 'x' WHERE {ENTRY}")
    assert problems(app, since=1) == []
    assert verify(app, "--since", "1").output == "audit: ok, 15 entries in 3 chains, 2 seals\n"
    with tampering(app) as owner:
        owner.execute("UPDATE audit_entry SET reason = 'x' WHERE id = 12")
    [problem] = problems(app, since=1)
    assert problem.startswith("Chain 3 (business 3): entry 8 (id 12) was changed")


def test_a_seal_before_the_first_that_exists_recomputes_all(app: Flask) -> None:
    assert verify(app, "--since", "0").exit_code == 2
    with tampering(app) as owner:
        owner.execute(f"UPDATE audit_entry SET reason = 'x' WHERE {ENTRY}")
    assert len(problems(app)) == 1


def test_seals_are_found_from_the_end_of_a_long_file(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(seals, "_LOOK_BACK", 700)
    monkeypatch.setattr(seals, "_ALL_EVERY", 5)
    for number in range(3, 15):
        add(app, 3, 1)
        assert sealed(app) == f"seal {number} over {3 if number % 5 == 0 else 1} chains"
    assert problems(app) == []
    assert sealed(app) == "nothing new"
    edit(app, lambda lines: [*lines[:12], lines[12].replace('"at": "2', '"at": "1'), lines[13]])
    add(app, 3, 1)
    with pytest.raises(seals.SealError, match=r"the end of audit-seals\.log, seal 13, was changed"):
        sealed(app)


def test_a_crash_between_the_file_and_the_commit_does_no_harm(app: Flask) -> None:
    add(app, 3, 1)
    with app.app_context(), pytest.raises(ZeroDivisionError), transaction():
        raise_after(jobs.seal)
    assert problems(app) == []
    add(app, 3, 1)
    assert sealed(app) == "seal 4 over 1 chains"
    assert problems(app) == []


def raise_after(work: Callable[[], str]) -> None:
    assert work() == "seal 3 over 1 chains"
    raise ZeroDivisionError


def test_the_night_fails_loudly(app: Flask) -> None:
    with app.app_context():
        run = timetable.run_periodic("audit-proof", by_hand=True)
        assert run is not None
        assert run.result == "nothing was changed: 15 entries in 3 chains, 2 seals"
    with tampering(app) as owner:
        owner.execute(f"DELETE FROM audit_entry WHERE {ENTRY}")
    with app.app_context():
        run = timetable.run_periodic("audit-proof", by_hand=True)
        assert run is not None
        assert run.error is not None
        assert "entry 3 (id 3) was removed" in run.error
    with app.app_context():
        sealing = timetable.run_periodic("audit-seal")
        assert sealing is not None
        assert sealing.result == "nothing new"


def test_without_entries_there_is_nothing_to_seal_or_to_prove(committed_app: Flask) -> None:
    assert sealed(committed_app) == "nothing new"
    assert verify(committed_app).output == "audit: ok, 0 entries in 0 chains, 0 seals\n"
    assert committed_app.test_cli_runner().invoke(args=["audit", "seal"]).output == "Nothing is new.\n"


def test_the_command_says_why_it_does_not_seal(app: Flask) -> None:
    edit(app, lambda lines: lines[:1])
    result = app.test_cli_runner().invoke(args=["audit", "seal"])
    assert result.exit_code == 1
    assert "seal 2 is gone from the end of audit-seals.log. `audit verify` tells more." in result.output
