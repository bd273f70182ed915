"""The house's test client: sends the CSRF token like a browser, and reads every HTML answer as a critic."""

from __future__ import annotations

import secrets
from typing import Any
from xml.etree import ElementTree as ET

import lxml.html
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from wholesale.platform.db import db

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
BOOSTED = {"HX-Request": "true", "HX-Request-Type": "full", "HX-Boosted": "true"}
XHTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
_UNLABELLED = {"hidden", "submit", "button", "image", "reset"}
# Attributes that say something by being there: the parser writes their own name as their value.
_BARE = {"checked", "defer", "disabled", "hidden", "multiple", "novalidate", "open", "readonly", "required", "selected"}


class HouseClient(FlaskClient):
    """POST carries a valid CSRF token unless `csrf=False`; answers in HTML are checked by `critique`."""

    def open(self, *args: Any, csrf: bool = True, **kwargs: Any) -> TestResponse:
        if csrf and kwargs.get("method") in {"POST", "PUT", "DELETE"}:
            data = dict(kwargs.get("data") or {})
            data.setdefault("csrf_token", self.csrf_token())
            kwargs["data"] = data
        # As a browser says of a form on a page of ours; a test of hostile posts gives its own.
        headers = Headers(kwargs.get("headers"))
        headers.setdefault("Origin", "http://localhost")
        kwargs["headers"] = headers
        response = super().open(*args, **kwargs)
        for each in (*response.history, response):  # a large upload lay in a temporary file
            each.request.environ["wsgi.input"].close()
        if has_app_context():  # a test's is shared by its requests: end what a request's own would end
            db.session.rollback()
            for name in list(g):
                g.pop(name)
        if response.mimetype == "text/html" and response.status_code not in {301, 302, 303, 308}:
            critique(response.text)
        return response

    def csrf_token(self) -> str:
        app: Flask = self.application
        with self.session_transaction() as session:
            raw = session.setdefault("csrf_token", secrets.token_hex(20))
        return str(URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw))

    def login(self, token: str) -> HouseClient:
        """Carry the session whose secret is `token` (see factories.accounts.sign_in)."""
        with self.session_transaction() as session:
            session["login"] = token
        return self

    def page(self, url: str, **kwargs: Any) -> ET.Element:
        """GET that must answer 200, parsed."""
        response = self.get(url, **kwargs)
        assert response.status_code == 200, response.text[:2000]
        return parse(response.text)


def parse(html: str) -> ET.Element:
    """The page or fragment as elements with namespaces, comments left out.

    Read by a parser written in C: one that is written in Python took nearly as long as making the page did.
    """
    parser = lxml.html.HTMLParser(remove_comments=True, remove_pis=True)
    return _copied(lxml.html.document_fromstring(html or "<p>", parser=parser), XHTML)


def _copied(element: lxml.html.HtmlElement, namespace: str) -> ET.Element:
    namespace = SVG if element.tag == "svg" else namespace
    attributes = {key: "" if key in _BARE and value == key else value for key, value in element.attrib.items()}
    copy = ET.Element(namespace + element.tag, {("viewBox" if k == "viewbox" else k): v for k, v in attributes.items()})
    copy.text, copy.tail = element.text, element.tail
    copy.extend([_copied(child, namespace) for child in element])
    return copy


def text_of(html: str) -> str:
    """The visible words of a page, with single spaces."""
    return " ".join("".join(parse(html).itertext()).split())


def critique(html: str) -> None:
    """What every answer must keep: page or fragment, unique ids, labelled inputs, no inline script or style."""
    tree = lxml.html.document_fromstring(html or "<p>")
    elements = [element for element in tree.iter() if isinstance(element.tag, str)]
    ids = [element.get("id") for element in elements if element.get("id")]
    assert len(ids) == len(set(ids)), f"double ids: {sorted({i for i in ids if ids.count(i) > 1})}"
    labelled = {element.get("for") for element in elements if _name(element) == "label"}
    wrapped = {child for label in elements if _name(label) == "label" for child in label.iter()}
    for element in elements:
        name = _name(element)
        assert element.get("style") is None, f"inline style on {name}"
        assert not [key for key in element.attrib if key.startswith("on")], f"inline handler on {name}"
        if name == "script":
            assert element.get("src"), "inline script"
        if name == "style":
            raise AssertionError("inline style sheet")
        if name == "form":
            assert element.get("action"), "a form without action"
            assert element.get("method", "get").lower() in {"get", "post"}
            if element.get("method", "get").lower() == "post":
                names = {child.get("name") for child in element.iter()}
                assert "csrf_token" in names, f"a POST form without CSRF token: {element.get('action')}"
        if name == "img":
            assert element.get("alt") is not None, "a picture without alt"
            assert element.get("width"), "a picture without size"
        if name == "a":
            assert element.get("href"), "a link without href"
        if name in {"input", "select", "textarea"} and element.get("type") not in _UNLABELLED:
            known = element.get("id") in labelled or element in wrapped or element.get("aria-label")
            assert known, f"no label for {name} {element.get('name')}"
    if "<html" in html[:300]:
        headings = [element for element in elements if _name(element) == "h1"]
        assert len(headings) == 1, f"{len(headings)} h1"
        titles = [element for element in elements if _name(element) == "title" and (element.text or "").strip()]
        assert titles, "no title"


def _name(element: lxml.html.HtmlElement) -> str:
    return str(element.tag)
