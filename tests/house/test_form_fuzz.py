"""Hostile texts in every field of every form: never our fault (5xx), and what was typed is still there (ASVS 2.2)."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from tests.client import parse
from tests.house.conftest import Standing
from tests.house.forms_found import Forms, FoundForm, Input, inputs_of, unhurried
from tests.house.world import World

HOSTILE = {
    "NUL": "tea\x00jute",
    "right to left": "licence\u202egpj.exe",
    "outside the first plane": "চা 🏭 𝒯𝑒𝒶 👩‍👩‍👧",
    "100 kB": "x" * 100_000,
    "no number": "NaN",
    "endless": "-Infinity",
    "1e309": "1e309",
    "Bangla digits": "০১২",
    "negative": "-1",
    "leading +": "+7",
    "2^63": "9223372036854775808",
    "40 digits": "9" * 40,
    "lines": "tea\r\nBcc: everybody@test.example\r\n\r\njute",
    "markup": "\"'><script>alert(1)</script>",
    "template": "{{ 7*7 }} %(x)s ${7*7} %n",
    "SQL": "' OR 1=1; --",
    "path": "../../etc/passwd",
    "spaces": " \u00a0\u2003\t ",
    "lone accent": "\u0301\u0301\u0301",
    "half a date": "2026-02-30",
    "year 10000": "10000-01-01",
}
REFUSALS = {400, 401, 403, 404, 409, 413, 422, 429}
PER_FIELD = 6  # of the values, others for each field, so that each form meets them all sooner or later
# What an <input> can carry back as it came.
CARRIED = {
    "no number",
    "endless",
    "1e309",
    "Bangla digits",
    "negative",
    "leading +",
    "2^63",
    "SQL",
    "markup",
    "template",
}


@pytest.fixture(scope="module")
def found(standing: Standing) -> Forms:
    """Found once: what the tests send afterwards is taken back."""
    with pytest.MonkeyPatch.context() as patch, standing.open():
        unhurried(patch)
        return Forms(standing.world)


@pytest.fixture
def forms(world: World, found: Forms, monkeypatch: pytest.MonkeyPatch) -> Forms:
    unhurried(monkeypatch)
    return found


def is_kept(text: str, form: FoundForm, field: Input, value: str) -> bool:
    """Whether the answer has this form again, with the value in its field."""
    for found in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
        again = {each.name: each for each in inputs_of(next(parse(found).iter("{http://www.w3.org/1999/xhtml}form")))}
        if {each.name for each in form.inputs if each.is_typed} <= set(again) and again[
            field.name
        ].value.lower() == value.lower():
            return True
    return False


def complaint(forms: Forms, form: FoundForm, data: Any) -> str:
    with forms.world.undone():
        response = forms.send(form, data)
    status = response.status_code
    return "" if status < 400 or status in REFUSALS else f"{status}"


def test_hostile_texts_one_field_at_a_time(forms: Forms) -> None:
    wrong, tried, refused = [], 0, 0
    names = list(HOSTILE)
    for number, form in enumerate(forms):
        fields = [each for each in form.inputs if each.kind not in {"file", "submit"} and each.name != "csrf_token"]
        for place, field in enumerate(fields):
            for turn in range(PER_FIELD):
                name = names[(number * 3 + place * PER_FIELD + turn) % len(names)]
                value = HOSTILE[name]
                with forms.world.undone():
                    response = forms.send(form, {**form.plain, field.name: value})
                status, tried = response.status_code, tried + 1
                refused += status in REFUSALS
                at = (str(form), field.name, name, status)
                if status >= 400 and status not in REFUSALS:
                    wrong.append(at)
                elif (
                    status == 422 and form.page and field.is_typed and field.kind != "password" and name in CARRIED
                    and not is_kept(response.text, form, field, value)
                ):  # fmt: skip
                    wrong.append((*at, "what was typed is gone"))
    assert wrong == []
    assert tried > 500
    assert refused > 200


def test_hostile_texts_in_all_fields_at_once(forms: Forms) -> None:
    wrong = []
    for form in forms:
        for name in ("NUL", "right to left", "2^63", "lines"):
            problem = complaint(forms, form, dict.fromkeys(form.plain, HOSTILE[name]))
            if problem:
                wrong.append((str(form), name, problem))
    assert wrong == []


def test_nothing_everything_twice_and_files_for_texts(forms: Forms) -> None:
    """An empty form; each field twice; a file under every name; a text where a file belongs."""
    wrong = []
    for form in forms:
        names = [each.name for each in form.inputs if each.name != "csrf_token"]
        twice = {name: [value, HOSTILE["SQL"]] for name, value in form.plain.items()}
        odd: list[dict[str, Any]] = [{}, twice, dict.fromkeys(names, "text")]
        if form.plain:
            odd.append({name: (io.BytesIO(b"%PDF-1.7 no document"), "a.pdf") for name in names})
        for turn, data in enumerate(odd):
            problem = complaint(forms, form, data)
            if problem:
                wrong.append((str(form), turn, problem))
    assert wrong == []


def test_passwords_are_typed_unseen(forms: Forms) -> None:
    asked = [(form.endpoint, each) for form in forms if form.page for each in form.inputs if "password" in each.name]
    assert {endpoint for endpoint, each in asked if each.kind == "password"} >= {
        "accounts.check_login", "accounts.change_password", "accounts.check_identity", "verification.register",
    }  # fmt: skip
    assert [(endpoint, each) for endpoint, each in asked if each.kind != "password" or each.value] == []
