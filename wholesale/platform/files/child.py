"""The child process that opens what strangers send. A script of its own, which knows nothing of the house.

It is run by `sandbox.run` with an empty environment, reads one file from standard input and answers on standard
output with frames (four bytes of length, then so many bytes). It limits itself before it looks at a single byte:
memory, processor time, no further process, no file. What kills it, kills nothing else.

    child.py check …     a frame of JSON {"type": …} and the clean file, or one of {"refused": reason}
    child.py pages …     a frame per page: a PDF's first pages as JPEG
    child.py picture …   a frame of JSON and the picture as a fresh, smaller JPEG
    child.py glance …    a frame of JSON: whether a photograph can be unpacked, without keeping what was
    child.py photo …     a frame of JSON with the sizes, and a photograph as WebP and JPEG in each of them
"""

from __future__ import annotations

import io
import json
import logging
import resource
import struct
import sys
from typing import Any

MAX_PIXELS = 25_000_000
# A phone's largest photographs; of JPEG only, which is unpacked small at once.
MAX_PHOTO_PIXELS = 64_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")
_ORIENTATION = 0x0112
_LARGEST_ANSWER = 64 * 1024 * 1024

# A scan of 40 pages is a long licence. What has more parts than these is no document for a reviewer.
MAX_PAGES = 40
_MAX_OBJECTS = 20_000
_MAX_ENTRIES = 100_000
_MAX_DECODED = 60_000_000  # bytes of text and drawing, all pages together
_MAX_IMAGE_DECODED = 160_000_000
_LARGEST_SCALE = 4

_PAGE_KEYS = {"/Type", "/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/Group", "/Resources", "/Contents", "/Annots"}
# What an image or drawing may carry beside itself: other files, other versions, private data, programs.
_BAGGAGE = (
    *("/AF", "/Alternates", "/Measure", "/Metadata", "/OPI", "/PS", "/PieceInfo", "/PtData", "/Ref"),
    *("/StructParent", "/StructParents"),
)
# Not opened by a viewer by itself, full of references in both directions, and not copied.
_NOT_WALKED = {"/StructTreeRoot", "/Parent", "/P", "/Metadata"}
_ACTIONS = {"/Launch", "/SubmitForm", "/ImportData", "/GoToR", "/GoToE"}
_MEDIA = {"/RichMedia", "/3D", "/Screen", "/Movie", "/Sound", "/Rendition", "/RichMediaExecute", "/GoTo3DView"}
_LINKS = ("http:", "https:", "mailto:", "tel:")


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """The file is not taken; `reason` is a key of uploads.REASONS."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def limit(megabytes: int, seconds: int, answer: int = _LARGEST_ANSWER) -> None:
    """Never more than this, whatever the file makes of the libraries."""
    for kind, most in (
        (resource.RLIMIT_AS, megabytes * 1024 * 1024),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, answer),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def say(*frames: bytes) -> None:
    for frame in frames:
        sys.stdout.buffer.write(struct.pack(">I", len(frame)) + frame)
    sys.stdout.buffer.flush()


# --- pictures ---------------------------------------------------------------------------------------------


def clean_picture(data: bytes, longest: int, quality: int) -> bytes:
    """The picture as a fresh JPEG of at most `longest` pixels a side: upright, on white, and nothing else."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit below has a sentence of its own
    try:
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    except MemoryError:
        raise
    except Exception as error:  # hostile bytes meet errors of every kind
        raise Refused("unknown") from error
    with picture:
        if picture.width * picture.height > MAX_PIXELS:  # before a pixel is decoded
            raise Refused("pixels")
        try:
            turn = _turn(picture)
            picture.draft("RGB", (longest, longest))  # a JPEG is decoded small at once
            return _fresh_jpeg(picture, turn, longest, quality)
        except MemoryError:
            raise
        except Exception as error:
            raise Refused("broken") from error


def _turn(picture: Any) -> Any:
    """How to turn it by its EXIF orientation. Only that tag is read: rewriting the others fails on odd ones."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        return turns.get(picture.getexif().get(_ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - odd notes of a camera are no reason to refuse what it saw
        return None


def _fresh_jpeg(picture: Any, turn: Any, longest: int, quality: int) -> bytes:
    out = io.BytesIO()
    _sheet(picture, turn, longest).save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _sheet(picture: Any, turn: Any, longest: int) -> Any:
    """A new picture in RGB, upright and on white, of at most `longest` pixels a side."""
    from PIL import Image

    picture.load()  # of a moving picture the first
    if picture.mode.startswith(("I", "F")):  # 16 bits a pixel: the upper eight
        picture = picture.point(lambda value: value / 256).convert("L")
    see_through = picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info
    small = picture.convert("RGBA" if see_through else "L" if picture.mode in {"1", "L"} else "RGB")
    small.thumbnail((longest, longest))
    # Painted on a new sheet: comments, profiles and notes stay with the old one.
    sheet = Image.new("RGB", small.size, "white")
    sheet.paste(small, mask=small.getchannel("A") if see_through else None)
    return sheet if turn is None else sheet.transpose(turn)


# --- photographs of goods ---------------------------------------------------------------------------------


class Size:
    """A size in which a photograph is kept: its longest side, whether it is cut square, its bytes as WebP at most.

    `quality` is the best that is tried: a list shows two dozen thumbs to somebody on a slow line.
    """

    def __init__(self, longest: int, most: int, *, quality: int = 78, square: bool = False) -> None:
        self.longest, self.most, self.quality, self.square = longest, most, quality, square


PHOTO_SIZES = {
    "thumb": Size(192, 8 * 1024, quality=62, square=True),
    "medium": Size(640, 64 * 1024),
    "large": Size(1200, 192 * 1024),
}
_STEP = 8  # of the quality, until it fits
_JPEG_MAY = 1.5  # times the bytes of WebP
# ISO media files of these brands: what iPhones keep by themselves.
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def _open_photo(data: bytes) -> Any:
    """The photograph, not yet unpacked. Raises Refused for what is none, or is too large to be unpacked."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limits below have a sentence of their own
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        raise Refused("heic")
    try:
        photo = Image.open(io.BytesIO(data), formats=_FORMATS)
    except MemoryError:
        raise
    except Exception as error:
        raise Refused("photo") from error
    most = MAX_PHOTO_PIXELS if photo.format in {"JPEG", "MPO"} else MAX_PIXELS
    if photo.width * photo.height > most:  # before a pixel is decoded
        raise Refused("pixels")
    return photo


def glance(data: bytes) -> None:
    """Unpack it as small as the format allows, so that what is cut off or damaged is refused while somebody waits."""
    with _open_photo(data) as photo:
        try:
            photo.draft("RGB", (64, 64))
            photo.load()
        except MemoryError:
            raise
        except Exception as error:
            raise Refused("broken") from error


def photo_files(data: bytes, sizes: int = 3) -> list[tuple[str, int, int, bytes, bytes]]:
    """(size's name, width, height, WebP, JPEG) of the first `sizes`; upright, without notes, in sRGB."""
    with _open_photo(data) as photo:
        try:
            turn = _turn(photo)
            largest = max(size.longest for size in PHOTO_SIZES.values())
            photo.draft("RGB", (largest, largest))
            sheet = _sheet(_in_srgb(photo), turn, largest)
            return [
                (name, cut.width, cut.height, *in_both(cut, size))
                for name, size in list(PHOTO_SIZES.items())[:sizes]
                for cut in [scaled(sheet, size)]
            ]
        except MemoryError:
            raise
        except Exception as error:
            raise Refused("broken") from error


def _in_srgb(photo: Any) -> Any:
    """Browsers take what has no profile for sRGB; a phone's wider colours would look pale."""
    profile = photo.info.get("icc_profile")
    if not profile or photo.mode != "RGB":
        return photo
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(photo, source, ImageCms.createProfile("sRGB")) or photo
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - an odd profile is no reason to refuse what the camera saw
        return photo


def scaled(sheet: Any, size: Size) -> Any:
    """`sheet` in that size, cut or shrunk, never enlarged but to fill the square."""
    from PIL import Image, ImageOps

    if size.square:
        return ImageOps.fit(sheet, (size.longest, size.longest), Image.Resampling.LANCZOS)
    small = sheet.copy()
    small.thumbnail((size.longest, size.longest), Image.Resampling.LANCZOS)
    return small


def in_both(sheet: Any, size: Size) -> tuple[bytes, bytes]:
    """As WebP and as JPEG, each in the best quality that keeps it within the size's bytes."""
    return webp_of(sheet, size), jpeg_of(sheet, int(size.most * _JPEG_MAY), size.quality)


def webp_of(sheet: Any, size: Size) -> bytes:
    return _fitted(sheet, size.most, size.quality, format="WEBP", method=4)


def jpeg_of(sheet: Any, most: int, quality: int = 78) -> bytes:
    return _fitted(sheet, most, quality, format="JPEG", optimize=True, progressive=True)


def _fitted(sheet: Any, most: int, best: int, **options: Any) -> bytes:
    data = b""
    for quality in range(best, 0, -_STEP):
        out = io.BytesIO()
        sheet.save(out, quality=quality, **options)
        data = out.getvalue()
        if len(data) <= most:
            break
    return data


# --- PDF: check and copy ----------------------------------------------------------------------------------


def clean_pdf(data: bytes) -> bytes:
    """The pages of a harmless PDF copied into a new one, without anything that is not on a page."""
    from pypdf.errors import LimitReachedError

    try:
        return _checked_copy(data)
    except (Refused, MemoryError):
        raise
    except LimitReachedError as error:
        raise Refused("heavy") from error
    except Exception as error:  # pypdf meets hostile bytes with errors of every kind, RecursionError among them
        raise Refused("locked" if b"/Encrypt" in data else "damaged") from error


def _checked_copy(data: bytes) -> bytes:
    import pypdf

    logging.disable()
    most = _MAX_DECODED // 2
    pypdf.overwrite_configuration(
        zlib_maximum_output_length=most,
        lzw_maximum_output_length=most,
        run_length_maximum_output_length=most,
        brotli_maximum_output_length=most,
        jbig2dec_binary=None,
        page_tree_maximum_entries=20 * MAX_PAGES,
    )
    if b"%%EOF" not in data[-2048:]:
        raise Refused("damaged")
    reader = pypdf.PdfReader(io.BytesIO(data), xref_stream_maximum_entries=_MAX_ENTRIES)
    if reader.is_encrypted:
        raise Refused("locked")
    if sum(len(section) for section in reader.xref.values()) + len(reader.xref_objStm) > _MAX_ENTRIES:
        raise Refused("heavy")
    _inspect(reader.root_object)
    if not 1 <= len(reader.pages) <= MAX_PAGES:
        raise Refused("pages" if len(reader.pages) else "damaged")
    return _copied(reader)


def _inspect(root: Any) -> None:
    """Walk what a viewer would reach. Raises Refused for the first thing that is more than a page."""
    if _at(root, "/Collection") is not None:
        raise Refused("attachments")
    if "/XFA" in (_at(root, "/AcroForm") or ()):
        raise Refused("form")
    names = _at(root, "/Names") or ()
    if "/EmbeddedFiles" in names:
        raise Refused("attachments")
    if "/JavaScript" in names:
        raise Refused("script")
    waiting, seen, budget = [root], set(), _Budget()
    while waiting:
        thing = waiting.pop()
        if hasattr(thing, "idnum"):
            if (thing.idnum, thing.generation) in seen:
                continue
            seen.add((thing.idnum, thing.generation))
            thing = thing.get_object()
        if isinstance(thing, dict):
            _inspect_dictionary(thing)
            budget.spend(thing)
            waiting += [value for key, value in thing.items() if key not in _NOT_WALKED and _holds(value)]
        elif isinstance(thing, list):
            budget.spend(None, len(thing) // 100)  # a long row of numbers costs little
            waiting += [value for value in thing if _holds(value)]


def _at(thing: Any, key: Any) -> Any:
    """The value behind `key`, also when it stands elsewhere in the file: pypdf's `get` gives the reference then."""
    return thing[key] if key in thing else None  # noqa: SIM401


def _holds(value: Any) -> bool:
    return hasattr(value, "idnum") or isinstance(value, dict | list)


def _inspect_dictionary(thing: Any) -> None:
    kinds = {kind for key in ("/S", "/Type", "/Subtype") if isinstance(kind := _at(thing, key), str)}
    if "/JS" in thing or "/JavaScript" in kinds:
        raise Refused("script")
    if "/EF" in thing or kinds & {"/EmbeddedFile", "/FileAttachment"}:
        raise Refused("attachments")
    if kinds & _ACTIONS:
        raise Refused("action")
    if kinds & _MEDIA:
        raise Refused("media")
    link = _at(thing, "/URI")
    if link is not None and not isinstance(link, dict):
        text = link.decode("latin-1") if isinstance(link, bytes) else str(link)
        plain = "".join(text.split()).lower()
        if ":" in plain.split("/")[0] and not plain.startswith(_LINKS):
            raise Refused("action")


class _Budget:
    """How many things a document may have, and how much they may unpack to."""

    def __init__(self) -> None:
        self.objects = self.decoded = self.image = 0

    def spend(self, thing: Any, objects: int = 1) -> None:
        self.objects += objects
        if hasattr(thing, "get_data"):
            if _at(thing, "/Subtype") == "/Image":
                self._measure_image(thing)
            else:
                self.decoded += len(thing.get_data())
        if self.objects > _MAX_OBJECTS or self.decoded > _MAX_DECODED or self.image > _MAX_IMAGE_DECODED:
            raise Refused("heavy")

    def _measure_image(self, thing: Any) -> None:
        """Without keeping it: a sheet of colours takes a hundred megabytes."""
        import zlib

        if int(_at(thing, "/Width") or 0) * int(_at(thing, "/Height") or 0) > 4 * MAX_PIXELS:
            raise Refused("heavy")
        filters = _at(thing, "/Filter")
        first = filters[0] if isinstance(filters, list) and filters else filters
        if first not in {"/FlateDecode", "/Fl"}:
            return
        unpack, rest = zlib.decompressobj(), thing._data  # noqa: SLF001 - get_data would unpack all of it
        while rest and not unpack.eof and self.image <= _MAX_IMAGE_DECODED:
            self.image += len(unpack.decompress(rest, 1 << 20))
            rest = unpack.unconsumed_tail


def _copied(reader: Any) -> bytes:
    import pypdf
    from pypdf.generic import ArrayObject, NameObject

    writer = pypdf.PdfWriter()
    for page in reader.pages:
        for key in set(page) - _PAGE_KEYS:
            del page[key]
        marks = ArrayObject(mark for mark in map(_as_stamp, _at(page, "/Annots") or ()) if mark is not None)
        page[NameObject("/Annots")] = marks
        writer.add_page(page)
    things: list[Any] = writer._objects  # noqa: SLF001 - there is no other way to all of them
    for thing in things:
        if hasattr(thing, "get_data"):
            for key in _BAGGAGE:
                thing.pop(key, None)
    out = io.BytesIO()
    writer.metadata = None
    writer.compress_identical_objects(remove_unreferenced=True)
    writer.write(out)
    return out.getvalue()


def _as_stamp(reference: Any) -> Any:
    """What an annotation looks like, as a mark that does nothing; None for what shows nothing of its own."""
    from pypdf.generic import DictionaryObject, NameObject

    mark = reference.get_object()
    if not isinstance(mark, dict) or _at(mark, "/Subtype") in {"/Link", "/Popup"} or "/Rect" not in mark:
        return None
    look = _at(_at(mark, "/AP") or {}, "/N")
    if isinstance(look, dict) and not hasattr(look, "get_data"):  # a box that is ticked or not
        look = _at(look, _at(mark, "/AS"))
    if look is None or not hasattr(look, "get_data"):
        return None
    stamp = {"/Type": NameObject("/Annot"), "/Subtype": NameObject("/Stamp"), "/Rect": mark["/Rect"]}
    stamp["/AP"] = DictionaryObject({NameObject("/N"): look.indirect_reference or look})
    if "/F" in mark:
        stamp["/F"] = mark["/F"]
    return DictionaryObject({NameObject(key): value for key, value in stamp.items()})


# --- PDF: pictures of its pages ---------------------------------------------------------------------------


def render(data: bytes, most: int, longest: int, quality: int) -> None:
    """Say page after page, so that those before a hostile one are not lost."""
    import pypdfium2  # type: ignore[import-untyped]

    document = pypdfium2.PdfDocument(data)
    for index in range(min(most, len(document))):
        page = document[index]
        scale = min(longest / max(*page.get_size(), 1), _LARGEST_SCALE)
        out = io.BytesIO()
        page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True).to_pil().convert("RGB").save(
            out, "JPEG", quality=quality, optimize=True
        )
        say(out.getvalue())
        page.close()


def main() -> None:
    task, arguments = sys.argv[1], json.loads(sys.argv[2])
    limit(arguments.pop("megabytes"), arguments.pop("seconds"))
    data = sys.stdin.buffer.read()
    if task == "pages":
        render(data, **arguments)
        return
    try:
        if task == "glance":
            glance(data)
            say(json.dumps({"fits": True}).encode())
            return
        if task == "photo":
            made = photo_files(data, **arguments)
            sizes = [(name, width, height) for name, width, height, *_files in made]
            say(json.dumps({"sizes": sizes}).encode(), *(file for each in made for file in each[3:]))
            return
        if task == "check" and data.startswith(b"%PDF-"):
            clean, media_type = clean_pdf(data), "application/pdf"
        else:
            clean, media_type = clean_picture(data, **arguments), "image/jpeg"
    except Refused as refused:
        say(json.dumps({"refused": refused.reason}).encode())
    except (MemoryError, RecursionError):
        say(json.dumps({"refused": "heavy"}).encode())
    else:
        say(json.dumps({"type": media_type}).encode(), clean)


if __name__ == "__main__":
    main()
