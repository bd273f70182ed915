"""Papers and cases, for tests."""

from __future__ import annotations

import io
from datetime import date, timedelta

from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.factories import accounts
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.verification import actions
from wholesale.verification.models import VerificationCase


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of which is its catalogue; further entries of the trailer as given."""
    out, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n" % (size, table)
        + b"<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, len(out))
    )


PDF = pdf(
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
)


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return out.getvalue()


def upload(data: bytes = PDF, name: str = "licence.pdf") -> tuple[io.BytesIO, str]:
    """A file for the test client's `data`."""
    return io.BytesIO(data), name


def file(data: bytes = PDF, name: str = "licence.pdf") -> FileStorage:
    """A file for an action."""
    return FileStorage(io.BytesIO(data), filename=name)


def in_a_year() -> date:
    return clock.today("Asia/Dhaka") + timedelta(days=365)


def submitted(
    by: User, *, licence_no: str = "TRAD/DNCC/012345/2026", tax_no: str = "001234567-0101"
) -> VerificationCase:
    """A case that `by` sent for their business."""
    return actions.submit_case(
        actor=accounts.actor(by),
        trade_licence_no=licence_no,
        tax_no=tax_no,
        licence_expires_on=in_a_year(),
        documents={"trade_licence": file()},
    )
