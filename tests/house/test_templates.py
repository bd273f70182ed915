"""One piece of markup per thing, found by its id, its path or its words; nothing inline, nothing unescaped."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.house.source import TEMPLATES, called, modules, nodes, template_name, template_text, templates

NAMES = [template_name(path) for path in templates()]
RENDERERS = {"render_template": 1, "respond": 2, "show": 1}
# Here the path comes in as an argument, or is chosen between two that stand in the line above.
ADAPTERS = {"platform/htmx.py", "platform/errors.py"}
REFERENCE = re.compile(r"""(?:\{%-?\s*(?:extends|include|import|from)\s+|rendered\()["']([^"']+)["']""")
MACRO = re.compile(r"\{%-?\s*macro\b.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
TAG = re.compile(r"<([a-zA-Z][\w-]*)((?:\s[^<>]*)?)>", re.DOTALL)
# On paper, not on the site: made into a PDF by a job, with its own style sheet beside it.
PAPER = {
    "counts/sheet_paper.html",
    "invoicing/document.html",
    "papers/order_confirmation_paper.html",
    "papers/packing_slip_paper.html",
    "papers/pick_list_paper.html",
    "purchasing/paper.html",
    "reports/weekly.html",
}


@cache
def named_in_code() -> dict[str, list[str]]:
    """Each template path that stands in the code as a literal, with where."""
    found: dict[str, list[str]] = {}
    for module in modules():
        for node in nodes(module, ast.Constant):
            if isinstance(node.value, str) and re.fullmatch(r"[\w/-]+\.(html|css)", node.value):
                found.setdefault(node.value, []).append(module.at(node))
    return found


def markup(name: str) -> str:
    """The template with its expressions filled in by a word and its statements left out."""
    text = template_text(TEMPLATES / name)
    text = re.sub(r"\{\{.*?\}\}", " word ", text, flags=re.DOTALL)
    return re.sub(r"\{%.*?%\}", " ", text, flags=re.DOTALL)


def is_rendered(name: str) -> bool:
    return name in named_in_code()


FRAGMENTS = [name for name in NAMES if name.rpartition("/")[2].startswith("_") and is_rendered(name)]


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_fragment_is_one_element_with_its_own_name(name) -> None:
    """What code answers as a fragment, `<room>/_<thing>.html`, is one element with id="<room>-<thing>".

    Where a page has several of them the id goes on with a key: id="<room>-<thing>-{{ number }}". In `shared`
    the id is the thing alone. No fragments, and so excepted: files that only hold macros (slots and lines),
    and parts that no code renders by itself.
    """
    room, _, file = name.partition("/")
    thing = file.removeprefix("_").removesuffix(".html").replace("_", "-")
    wanted = thing if room == "shared" else f"{room}-{thing}"
    text = MACRO.sub("", template_text(TEMPLATES / name))
    text = re.sub(r"\{%.*?%\}", " ", text, flags=re.DOTALL)
    root = TAG.search(re.sub(r"\{\{.*?\}\}", "{{}}", text, flags=re.DOTALL))
    assert root is not None, f"{name} has no element"
    assert re.search(rf'\sid="{wanted}(-\{{\{{\}}\}})?"', root[2]), (
        f'{name} begins with {root[0]}, not with id="{wanted}"'
    )
    before = text[: text.index("<")]
    assert not before.strip(), f"{name} has words before its root element"


def test_fragments_were_found() -> None:
    assert len(FRAGMENTS) >= 5


def test_template_paths_stand_in_the_code_as_they_are() -> None:
    """So that searching for a path finds its view, and searching a view its path."""
    wrong = []
    for module in modules():
        if module.name in ADAPTERS:
            continue
        for node in nodes(module, ast.Call):
            assert isinstance(node, ast.Call)
            paths = node.args[: RENDERERS.get(called(node), 0)]
            wrong += [module.at(path) for path in paths if not _is_literal(path)]
    assert wrong == []


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_literal(node.body) and _is_literal(node.orelse)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_named_template_exists() -> None:
    named = {name: where for name, where in named_in_code().items() if "/" in name}
    assert {name: where for name, where in named.items() if not (TEMPLATES / name).exists()} == {}
    for name in NAMES:
        for other in REFERENCE.findall(template_text(TEMPLATES / name)):
            assert (TEMPLATES / other).exists(), f"{name} names {other}, which is not there"


def test_every_template_is_used() -> None:
    used = set(named_in_code())
    for name in NAMES:
        used.update(other for other in REFERENCE.findall(template_text(TEMPLATES / name)) if other != name)
    assert [name for name in NAMES if name not in used] == []


def test_template_references_are_literal_too() -> None:
    loose = re.compile(r"""\{%-?\s*(?:extends|include|import|from)\s+(?!["'])""")
    assert [name for name in NAMES if loose.search(template_text(TEMPLATES / name))] == []


def test_nothing_is_left_unescaped() -> None:
    loose = re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\(")
    assert [name for name in NAMES if loose.search(template_text(TEMPLATES / name))] == []
    # What Jinja has just rendered is escaped already (platform/rendered.py).
    wrong = [module.at(n) for module in modules() for n in nodes(module, ast.Call) if called(n) == "Markup"]
    assert [place for place in wrong if not place.startswith("wholesale/platform/rendered.py:")] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PAPER])
def test_nothing_is_inline(name) -> None:
    """The content security policy forbids it, so it would silently not work."""
    text = markup(name)
    assert "<style" not in text
    for tag, attributes in TAG.findall(text):
        assert tag != "script" or "src=" in attributes, "a script without src"
        assert not re.search(r"\s(?:on\w+|style)=", attributes), f"<{tag}{attributes}>"
        assert not re.search(r"\s(?:href|src|action)=[\"']\s*javascript:", attributes, re.IGNORECASE), (
            f"<{tag}{attributes}>"
        )
        assert not re.search(r"\shx-on[:=-]", attributes), f"<{tag}{attributes}>"


@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_is_quoted(name) -> None:
    for tag, attributes in TAG.findall(markup(name)):
        bare = re.sub(r"""=\s*("[^"]*"|'[^']*')""", "", attributes)
        assert "=" not in bare, f"<{tag}{attributes}>"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_swapped_is_there(name) -> None:
    """A target that is an id names one that some template has."""
    everything = " ".join(template_text(path) for path in templates())
    for target in re.findall(r'hx-target="#([\w-]+)"', template_text(TEMPLATES / name)):
        assert f'id="{target}"' in everything, f"{name} swaps #{target}, which is nowhere"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PAPER])
def test_all_words_go_through_translation(name) -> None:
    """Letters between tags come from an expression; what stands there bare would never be Bangla."""
    text = re.sub(r"<(script|style|template|svg)\b.*?</\1>", " ", markup(name), flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " word ", text)
    bare = {word for word in re.findall(r"[A-Za-z]{3,}", words) if word not in {"word", "nbsp", "DOCTYPE", "html"}}
    assert bare == set()
