"""Photographs of products: what is refused, what is made of the others, and who may do what with them."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
import sqlalchemy as sa
from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.conftest import Cast
from tests.factories import accounts
from tests.factories import catalog as factory
from wholesale.accounts.models import User
from wholesale.catalog import actions, jobs
from wholesale.catalog.events import PictureUploaded
from wholesale.catalog.models import Picture, Product
from wholesale.catalog.rules.pictures import LATE
from wholesale.config import ROOT
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.platform import files, outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.files import child, storage
from wholesale.platform.outbox import OutboxRow

PHOTOS = sorted((ROOT / "wholesale" / "demo" / "data" / "photos").glob("*.webp"))


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = factory.product(cast.trader)
    db.session.commit()
    return made


def photo(size: tuple[int, int] = (1600, 1200), form: str = "JPEG", colour: str = "teal", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form, **options)
    return out.getvalue()


def camera(orientation: int = 1) -> bytes:
    """Wider than high, red on the left and blue on the right, with notes; as the sensor saw it."""
    picture = Image.new("RGB", (1600, 800), "blue")
    picture.paste("red", (0, 0, 800, 800))
    notes = Image.Exif()
    notes[0x010F] = "SecretCamera"
    notes[0x0112] = orientation
    notes.get_ifd(0x8825)[1] = "N"  # where it was taken
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=notes, comment=b"SecretComment")
    return out.getvalue()


def sent(data: bytes, name: str = "photo.jpg") -> FileStorage:
    return FileStorage(io.BytesIO(data), filename=name)


def header(width: int, height: int, form: str) -> bytes:
    """A file that says it has so many pixels, and has none."""
    if form == "PNG":

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    small = bytearray(photo((16, 16)))
    at = small.index(b"\xff\xc0")
    small[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(small)


def bomb() -> bytes:
    """Few bytes that unpack to far more memory than a child has."""
    raw = b"\0" + b"\0" * 3 * 4900
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(raw) for _row in range(4900)) + packer.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def uploaded(user: User, product: Product, *photos: bytes) -> list[Picture]:
    """Sent and not yet made."""
    actions.upload_pictures(
        actor=accounts.actor(user), product_id=product.id, photos=[sent(each) for each in photos or (camera(),)]
    )
    db.session.commit()
    return list(db.session.scalars(sa.select(Picture).order_by(Picture.position)))


def opened(key: str | None) -> Image.Image:
    assert key is not None
    return Image.open(io.BytesIO(storage().get(key)))


# --- what comes in ---------------------------------------------------------------------------------------------------


HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\0" * 64


@pytest.mark.parametrize(
    ("title", "data", "reason"),
    [
        ("no picture", b"hello, this is a text", "photo"),
        ("a PDF", b"%PDF-1.7 no picture", "photo"),
        ("a GIF", photo(form="GIF"), "photo"),
        ("HEIC of a phone", HEIC, "heic"),
        ("cut off", photo()[:-4000], "broken"),
        ("a PNG that is cut off", photo(form="PNG")[:-400], "broken"),
        ("100 megapixels, JPEG", header(10_000, 10_000, "JPEG"), "pixels"),
        ("100 megapixels, PNG", header(10_000, 10_000, "PNG"), "pixels"),
        ("65 megapixels, JPEG", header(13_000, 5_001, "JPEG"), "pixels"),
        ("a bomb", bomb(), "pixels"),
        ("a header alone, PNG", header(4_000, 4_000, "PNG"), "broken"),
    ],
)
def test_what_is_no_good_photograph_is_refused_with_a_sentence(cast: Cast, bag: Product, title, data, reason) -> None:
    with pytest.raises(DomainError) as refused:
        actions.upload_pictures(actor=accounts.actor(cast.dipu), product_id=bag.id, photos=[sent(data)])
    assert refused.value.message == files.REASONS[reason], title
    assert refused.value.field == "photos"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Picture)) == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_phones_send_is_taken(cast: Cast, bag: Product, form) -> None:
    [picture] = uploaded(cast.dipu, bag, photo(form=form))
    assert (picture.state, picture.thumb_key) == ("pending", None)
    actions.make_sizes(picture.id)
    assert picture.state == "ready"


def test_a_phones_largest_photograph_is_taken(cast: Cast, bag: Product) -> None:
    """48 megapixels, as the good cameras of phones make them."""
    [picture] = uploaded(cast.dipu, bag, photo((8000, 6000)))
    actions.make_sizes(picture.id)
    assert (picture.state, picture.width, picture.height, picture.large_width) == ("ready", 640, 480, 1200)


def test_good_ones_are_kept_beside_bad_ones(cast: Cast, bag: Product) -> None:
    taken = actions.upload_pictures(
        actor=accounts.actor(cast.dipu),
        product_id=bag.id,
        photos=[sent(camera()), sent(b"nothing", "notes.txt"), sent(photo())],
    )
    assert taken.kept == 2
    [(name, why)] = taken.refused
    assert name.startswith("notes")
    assert why.message == files.REASONS["photo"]
    assert [row.position for row in db.session.scalars(sa.select(Picture).order_by(Picture.position))] == [0, 1]


def test_a_product_has_at_most_twelve(cast: Cast, bag: Product) -> None:
    for position in range(11):
        factory.picture(bag, position)
    with pytest.raises(DomainError, match="at most 12"):
        uploaded(cast.dipu, bag, camera(), camera())
    uploaded(cast.dipu, bag, camera())
    with pytest.raises(DomainError, match="at most 12"):
        uploaded(cast.dipu, bag, camera())


# --- what is made of it ----------------------------------------------------------------------------------------------


def test_three_sizes_in_two_formats_without_the_cameras_notes(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    original = picture.original_key
    with transaction.transaction():
        actions.make_sizes(picture.id)
    wanted = {
        "thumb": ((192, 192), picture.thumb_key, picture.thumb_jpeg_key),
        "medium": ((640, 320), picture.file_key, picture.file_jpeg_key),
        "large": ((1200, 600), picture.large_key, picture.large_jpeg_key),
    }
    for name, (size, webp, jpeg) in wanted.items():
        for key, form in ((webp, "WEBP"), (jpeg, "JPEG")):
            data = storage().get(key or "")
            with opened(key) as made:
                assert (made.format, made.size, made.mode) == (form, size, "RGB"), name
                assert not made.getexif()
                assert not {"exif", "icc_profile", "comment", "xmp"} & set(made.info)
            assert b"Secret" not in data
            assert b"Exif" not in data
        assert len(storage().get(webp or "")) <= child.PHOTO_SIZES[name].most
    assert (picture.width, picture.height, picture.large_width) == (640, 320, 1200)
    assert picture.original_key is None
    assert original is not None
    assert not storage().exists(original)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, {"left": "red", "right": "blue"}),
        (2, {"left": "blue", "right": "red"}),
        (3, {"left": "blue", "right": "red"}),
        (4, {"left": "red", "right": "blue"}),
        (5, {"top": "red", "bottom": "blue"}),
        (6, {"top": "red", "bottom": "blue"}),
        (7, {"top": "blue", "bottom": "red"}),
        (8, {"top": "blue", "bottom": "red"}),
    ],
)
def test_pictures_stand_upright_however_the_phone_was_held(orientation, upright) -> None:
    name, width, height, webp, _jpeg = child.photo_files(camera(orientation))[1]
    with Image.open(io.BytesIO(webp)) as made:
        across = made.width - 10, made.height - 10
        spots = {"left": (10, 100), "right": (across[0], 100), "top": (100, 10), "bottom": (100, across[1])}
        for side, colour in upright.items():
            red, _green, blue = made.getpixel(spots[side])  # type: ignore[misc]
            assert ("red" if red > blue else "blue") == colour, (orientation, side)
    assert (name, width > height) == ("medium", "left" in upright)


def test_small_pictures_are_not_enlarged_and_transparent_ones_are_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (100, 50), (255, 0, 0, 0)).save(out, "PNG")
    sizes = {name: (width, height, webp) for name, width, height, webp, _jpeg in child.photo_files(out.getvalue())}
    assert [sizes[name][:2] for name in sizes] == [(192, 192), (100, 50), (100, 50)]
    with Image.open(io.BytesIO(sizes["medium"][2])) as made:
        assert min(made.getpixel((50, 25))) > 250  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (193, 191)])
def test_odd_shapes(size) -> None:
    for name, width, height, webp, jpeg in child.photo_files(photo(size)):
        assert min(width, height) >= 1
        for data in (webp, jpeg):
            with Image.open(io.BytesIO(data)) as made:
                assert made.size == (width, height), name


def test_real_photographs_make_thumbs_of_eight_kilobytes() -> None:
    assert len(PHOTOS) > 100
    for path in PHOTOS[::5]:
        data = path.read_bytes()
        thumb = child.PHOTO_SIZES["thumb"]
        with Image.open(io.BytesIO(data)) as picture:
            assert len(child.webp_of(child.scaled(picture.convert("RGB"), thumb), thumb.most)) <= 8192, path.name


def test_even_noise_becomes_small_enough() -> None:
    noise = Image.effect_noise((1600, 1600), 200).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    name, _width, _height, webp, _jpeg = child.photo_files(out.getvalue())[0]
    assert (name, len(webp) <= 8192) == ("thumb", True)


def test_a_prepared_photograph_stays_as_it_is(bag: Product) -> None:
    data = PHOTOS[0].read_bytes()
    picture = actions.add_picture(product_id=bag.id, position=0, data=data, is_prepared=True)
    assert picture.file_key is not None
    assert storage().get(picture.file_key) == data
    assert picture.large_key == picture.file_key
    assert picture.state == "ready"


# --- the job ---------------------------------------------------------------------------------------------------------


def waiting() -> int:
    return db.session.query(OutboxRow).filter_by(event="PictureUploaded", done_at=None).count()


def test_sizes_are_made_after_the_request_and_only_once(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    assert waiting() == 1
    assert outbox.drain() == 1
    db.session.refresh(picture)
    keys = picture.thumb_key, picture.large_jpeg_key
    assert picture.state == "ready"
    actions.make_sizes(picture.id)
    db.session.refresh(picture)
    assert (picture.thumb_key, picture.large_jpeg_key) == keys


def test_a_killed_job_is_done_again(cast: Cast, bag: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that it had stored is forgotten with its transaction; the original is still there."""
    [picture] = uploaded(cast.dipu, bag)

    class KilledError(BaseException):
        pass

    def killed(*_args: object, **_kwargs: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("wholesale.catalog.actions.pictures._remove_file", killed)
        with pytest.raises(KilledError):
            outbox.drain()
    db.session.rollback()
    db.session.refresh(picture)
    assert (picture.state, picture.thumb_key) == ("pending", None)
    assert storage().exists(picture.original_key or "")
    assert waiting() == 1
    assert outbox.drain() == 1
    db.session.refresh(picture)
    assert picture.state == "ready"


def test_while_all_children_are_busy_it_waits(cast: Cast, bag: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    [picture] = uploaded(cast.dipu, bag)

    def busy(*_args: object, **_kwargs: object) -> None:
        raise UnavailableError("busy")

    with monkeypatch.context() as patch:
        patch.setattr(files, "photo_sizes", busy)
        assert outbox.drain() == 0
    db.session.refresh(picture)
    assert picture.state == "pending"
    assert waiting() == 1


def test_what_cannot_be_made_says_why_and_is_tried_again(
    cast: Cast, bag: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    [picture] = uploaded(cast.dipu, bag)

    def heavy(*_args: object, **_kwargs: object) -> None:
        raise DomainError(files.REASONS["heavy"])

    with monkeypatch.context() as patch:
        patch.setattr(files, "photo_sizes", heavy)
        outbox.drain()
    db.session.refresh(picture)
    assert (picture.state, picture.problem) == ("failed", "heavy")
    actions.retry_picture(actor=accounts.actor(cast.dipu), product_id=bag.id, picture_id=picture.id)
    db.session.commit()
    outbox.drain()
    db.session.refresh(picture)
    assert (picture.state, picture.problem) == ("ready", "")


def test_an_original_that_is_gone_is_a_failure_and_no_error(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    storage().delete(picture.original_key or "")
    outbox.drain()
    db.session.refresh(picture)
    assert (picture.state, picture.problem) == ("failed", "broken")


def test_a_picture_removed_meanwhile_is_no_error(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    actions.remove_picture(actor=accounts.actor(cast.dipu), product_id=bag.id, picture_id=picture.id)
    db.session.commit()
    assert outbox.drain() == 1


def test_two_products_may_share_an_original(cast: Cast, bag: Product) -> None:
    """The second, a duplicate, is made as well, although the first was done with it."""
    [picture] = uploaded(cast.dipu, bag)
    other = factory.product(cast.trader, "Tea")
    twin = Picture(product_id=other.id, position=0, original_key=picture.original_key)
    db.session.add(twin)
    db.session.flush()
    with transaction.transaction():
        actions.make_sizes(picture.id)
    with transaction.transaction():
        actions.make_sizes(twin.id)
    assert (picture.state, twin.state) == ("ready", "ready")


def test_late_pictures_are_asked_for_again(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    db.session.query(OutboxRow).delete()
    assert jobs.sweep_pictures().startswith("0 ")
    picture.created_at = clock.now() - 2 * LATE
    db.session.commit()
    assert jobs.sweep_pictures().startswith("1 ")
    assert waiting() == 1
    assert jobs.sweep_pictures().startswith("0 ")


def test_a_dead_letter_is_restarted(cast: Cast, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    row = db.session.query(OutboxRow).filter_by(event=PictureUploaded.__name__).one()
    row.dead_at = clock.now()
    picture.created_at = clock.now() - 2 * LATE
    db.session.commit()
    assert jobs.sweep_pictures().startswith("1 ")
    db.session.commit()
    assert row.dead_at is None
