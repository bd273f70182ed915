"""Which statements of a migration would keep people waiting, or break the release before, which is still running."""

from __future__ import annotations

import re
from collections.abc import Iterable

COMMIT = "COMMIT"
"""Stands between the statements where a transaction ended."""

_NAME = r'(?:public\.)?"?(\w+)"?'
_VOLATILE = re.compile(
    r"\b(random|clock_timestamp|gen_random_uuid|uuidv[47]|uuid_generate_v\d|timeofday|nextval)\s*\(", re.IGNORECASE
)

_LATER = "breaks the release before, which still runs: a release later, when no code uses it, listed with the reason"
_ANEW = "writes the whole table anew: add a plain column and fill it in parts"
_ALTER = rf"ALTER TABLE (?:ONLY )?{_NAME} "
_A_COLUMN = r"ADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!CONSTRAINT\b|CHECK\b|FOREIGN\b|UNIQUE\b|PRIMARY\b|EXCLUDE\b)"
_A_CONSTRAINT = r"ADD (?:CONSTRAINT \S+ )?"

# What it looks like, and what is wrong with it; the first group is the table, which is free when it is new.
_RULES = {
    rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)(?:IF NOT EXISTS )?\S+ ON (?:ONLY )?{_NAME}": (
        "builds an index while nobody can write: migrating.create_index"
    ),
    _ALTER + _A_CONSTRAINT + r"(?:UNIQUE|PRIMARY KEY|EXCLUDE)\b(?!.*USING INDEX)": (
        "builds an index while nobody can read: migrating.create_index, then ADD CONSTRAINT … USING INDEX"
    ),
    _ALTER + _A_CONSTRAINT + r"(?:CHECK|FOREIGN KEY)\b(?!.*NOT VALID)": (
        "looks through all rows while nobody can write: migrating.add_check, migrating.add_foreign_key"
    ),
    _ALTER + _A_COLUMN + r".*\b(?:REFERENCES|CHECK|UNIQUE|PRIMARY KEY)\b": (
        "adds a column with a constraint, which looks through all rows: add the column, then the constraint"
    ),
    _ALTER + _A_COLUMN + r".*\b(?:GENERATED|(?:BIG|SMALL)?SERIAL)\b": _ANEW,
    _ALTER + r"ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b": _ANEW,
    _ALTER + r"SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b": "writes the whole table anew",
    _ALTER + r"(?:DROP COLUMN|RENAME|ALTER (?:COLUMN )?\S+ DROP DEFAULT)\b": _LATER,
    rf"DROP TABLE (?:IF EXISTS )?{_NAME}": _LATER,
    rf"(?:LOCK|TRUNCATE)(?: TABLE)? (?:ONLY )?{_NAME}": "takes the table for itself",
    rf"(?:VACUUM FULL|CLUSTER) (?:VERBOSE )?{_NAME}": "writes the whole table anew",
    rf"REINDEX (?:TABLE|INDEX|SCHEMA|DATABASE) (?!CONCURRENTLY){_NAME}": "builds an index while nobody can write",
    rf"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY){_NAME}": "keeps readers waiting: CONCURRENTLY",
    rf"DROP INDEX (?!CONCURRENTLY)(?:IF EXISTS )?{_NAME}": "takes the table for itself: migrating.drop_index",
    rf"UPDATE (?:ONLY )?{_NAME} (?!.*\bWHERE\b)": "locks every row until the end: fill it in parts",
    rf"DELETE FROM (?:ONLY )?{_NAME}(?!.*\bWHERE\b)": "locks every row until the end: delete in parts",
}
_COMPILED = [(re.compile(pattern, re.IGNORECASE), reason) for pattern, reason in _RULES.items()]
_ADD_COLUMN = re.compile(_ALTER + _A_COLUMN + r"(.*)", re.IGNORECASE)
_CREATE_TABLE = re.compile(rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?{_NAME}", re.IGNORECASE)
_SET_NOT_NULL = re.compile(rf"ALTER TABLE (?:ONLY )?{_NAME} ALTER (?:COLUMN )?\"?(\w+)\"? SET NOT NULL", re.IGNORECASE)
_NOT_VALID = re.compile(rf"ALTER TABLE (?:ONLY )?{_NAME} ADD CONSTRAINT \"?(\w+)\"? (.*)NOT VALID", re.IGNORECASE)
_VALIDATE = re.compile(rf"ALTER TABLE (?:ONLY )?{_NAME} VALIDATE CONSTRAINT \"?(\w+)\"?", re.IGNORECASE)


def blocking(statements: Iterable[str], new: Iterable[str] = ()) -> list[str]:
    """What is wrong with the statements of one migration, each with the statement. Tables that are `new` are free."""
    free, found, proofs = {name.lower() for name in new}, [], _Proofs()
    for raw in statements:
        statement = _plain(raw)
        if made := _CREATE_TABLE.match(statement):
            free.add(made[1].lower())
            continue
        reasons = [
            reason for pattern, reason in _COMPILED if (hit := pattern.match(statement)) and hit[1].lower() not in free
        ]
        reasons += _of_a_new_column(statement, free)
        reasons += proofs.follow(statement, free)
        found += [f"{reason}\n    {statement[:200]}" for reason in reasons]
    return found


class _Proofs:
    """Which checks were added without looking at the rows, which were proved since, and so which columns are full."""

    def __init__(self) -> None:
        self.conditions: dict[str, str] = {}
        self.uncommitted: set[str] = set()
        self.full: set[tuple[str, str]] = set()

    def follow(self, statement: str, free: set[str]) -> Iterable[str]:
        if statement == COMMIT:
            self.uncommitted.clear()
        elif added := _NOT_VALID.match(statement):
            self.uncommitted.add(added[2])
            self.conditions[added[2]] = added[3]
        elif proved := _VALIDATE.match(statement):
            if proved[2] in self.uncommitted and proved[1].lower() not in free:
                yield "looks through all rows with the lock of ADD CONSTRAINT: commit between"
            if full := re.search(r'"?(\w+)"? IS NOT NULL', self.conditions.get(proved[2], ""), re.IGNORECASE):
                self.full.add((proved[1].lower(), full[1].lower()))
        elif wanted := _SET_NOT_NULL.match(statement):
            which = wanted[1].lower(), wanted[2].lower()
            if which[0] not in free and which not in self.full:
                yield "looks through all rows while nobody can read: migrating.require"


def _of_a_new_column(statement: str, free: set[str]) -> Iterable[str]:
    added = _ADD_COLUMN.match(statement)
    if not added or added[1].lower() in free:
        return
    has_default = re.search(r"\bDEFAULT\b", added[2], re.IGNORECASE)
    if has_default and _VOLATILE.search(added[2]):
        yield "writes the whole table anew, each row with a value of its own: add the column without, fill it in parts"
    if re.search(r"\bNOT NULL\b", added[2], re.IGNORECASE) and not has_default:
        yield "the release before, which is still running, does not fill it: give it a server default"


def _plain(statement: str) -> str:
    without_comments = re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without_comments).strip().rstrip(";").strip()
