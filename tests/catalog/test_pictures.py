"""Photographs of products: what is refused, what is made of the others, and who may do what with them."""

from __future__ import annotations

import io
import re
import struct
import threading
import zlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.factories import catalog as factory
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog import actions, jobs, queries
from wholesale.catalog.events import PictureUploaded
from wholesale.catalog.models import Picture, Product
from wholesale.catalog.rules.pictures import LATE
from wholesale.config import ROOT
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, NotFoundError, UnavailableError
from wholesale.platform import files, outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.files import child, orphans, storage
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
            assert len(child.webp_of(child.scaled(picture.convert("RGB"), thumb), thumb)) <= 8192, path.name


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


# --- ordering, describing, removing ----------------------------------------------------------------------------------


def order_of(product: Product) -> list[int]:
    return list(
        db.session.scalars(sa.select(Picture.id).where(Picture.product_id == product.id).order_by(Picture.position))
    )


def test_pictures_change_places(cast: Cast, bag: Product) -> None:
    dipu = accounts.actor(cast.dipu)
    one, two, three = (factory.picture(bag, position).id for position in range(3))
    for moved, way, wanted in (
        (three, "up", [one, three, two]),
        (three, "first", [three, one, two]),
        (three, "up", [three, one, two]),
        (three, "down", [one, three, two]),
        (one, "last", [three, two, one]),
    ):
        actions.move_picture(actor=dipu, product_id=bag.id, picture_id=moved, way=way)  # type: ignore[arg-type]
        db.session.commit()
        assert order_of(bag) == wanted, (moved, way)
    assert queries.thumbs([bag.id]) == {bag.id: db.session.get_one(Picture, three).thumb_key}


def test_the_first_ready_one_stands_for_the_product(cast: Cast, bag: Product) -> None:
    uploaded(cast.dipu, bag)
    assert queries.thumbs([bag.id]) == {}
    assert queries.product(bag.slug).pictures == []
    ready = factory.picture(bag, 1)
    assert queries.thumbs([bag.id]) == {bag.id: ready.thumb_key}
    assert queries.product(bag.slug).pictures == [ready]


def test_what_is_removed_leaves_no_gap(cast: Cast, bag: Product) -> None:
    one, two, three = (factory.picture(bag, position) for position in range(3))
    actions.remove_picture(actor=accounts.actor(cast.dipu), product_id=bag.id, picture_id=two.id)
    db.session.commit()
    assert [(picture.id, picture.position) for picture in db.session.query(Picture).order_by(Picture.position)] == [
        (one.id, 0),
        (three.id, 1),
    ]


def test_what_an_admin_does_is_noted_for_the_seller(cast: Cast, bag: Product) -> None:
    one, _two = factory.picture(bag, 0), factory.picture(bag, 1)
    for who, noted in ((cast.dipu, 0), (cast.esha, 3)):
        actor = accounts.actor(who)
        actions.describe_picture(actor=actor, product_id=bag.id, picture_id=one.id, alt=f"by {who.name}")
        actions.move_picture(actor=actor, product_id=bag.id, picture_id=one.id, way="down")
        if who is cast.esha:
            actions.remove_picture(actor=actor, product_id=bag.id, picture_id=one.id)
        db.session.commit()
        entries = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action.like("picture.%"))).all()
        assert len(entries) == noted
        assert {entry.organization_id for entry in entries} <= {cast.trader.id}
        assert {entry.thing_id for entry in entries} <= {str(bag.id)}  # by which the product's history finds them


@pytest.mark.parametrize("verb", ["remove", "move", "describe", "retry"])
def test_a_picture_of_another_product_is_not_found(cast: Cast, bag: Product, verb) -> None:
    other = factory.picture(factory.product(cast.trader, "Tea"))
    more = {"move": {"way": "up"}, "describe": {"alt": "x"}}.get(verb, {})
    with pytest.raises(NotFoundError):
        getattr(actions, f"{verb}_picture")(
            actor=accounts.actor(cast.dipu), product_id=bag.id, picture_id=other.id, **more
        )


# --- the screens -----------------------------------------------------------------------------------------------------


@pytest.fixture
def dipu(client_of: Callable[[User], HouseClient], cast: Cast) -> HouseClient:
    return client_of(cast.dipu)


def here(product: Product, rest: str = "") -> str:
    return f"/seller/products/{product.id}/pictures{rest}"


def test_photos_are_sent_without_script(dipu: HouseClient, bag: Product) -> None:
    page = dipu.get(here(bag)).text
    assert 'capture="environment"' in page
    assert "multiple" in page
    response = dipu.post(here(bag), data={"photos": [(io.BytesIO(camera()), "1.jpg"), (io.BytesIO(photo()), "2.jpg")]})
    assert response.status_code == 303
    page = dipu.get(response.location).text
    assert "2 photos are kept." in page
    assert page.count("Being prepared") == 2
    assert page.count("Look again") == 2
    outbox.drain()
    page = dipu.get(here(bag)).text
    assert "Being prepared" not in page
    assert page.count('src="/media/') == 2


def test_photos_that_arrive_twice_are_kept_once(dipu: HouseClient, bag: Product) -> None:
    """On a slow line people press again; the button is there beside what is sent by itself."""
    path = f"/seller/products/{bag.id}/pictures"
    key = re.search(r'name="key" value="(\w+)"', dipu.get(path).text)
    assert key is not None
    for _each in range(2):
        sent = {"key": key[1], "photos": (io.BytesIO(photo()), "bag.jpg")}
        assert dipu.post(path, data=sent).status_code == 303
    assert db.session.query(Picture).count() == 1
    assert f'value="{key[1]}"' not in dipu.get(path).text


def test_both_ways_of_choosing_arrive(dipu: HouseClient, bag: Product) -> None:
    """The camera's field is left empty when photos are chosen, and the other way round."""
    response = dipu.post(here(bag), data={"photos": [(io.BytesIO(b""), ""), (io.BytesIO(photo()), "2.jpg")]})
    assert response.status_code == 303
    assert db.session.query(Picture).count() == 1


def test_a_refused_photo_says_why_beside_its_name(dipu: HouseClient, bag: Product) -> None:
    response = dipu.post(here(bag), data={"photos": [(io.BytesIO(HEIC), "IMG_1.HEIC")]})
    assert response.status_code == 422
    assert "HEIC" in text_of(response.text)
    response = dipu.post(here(bag), data={"photos": [(io.BytesIO(HEIC), "IMG_1.HEIC"), (io.BytesIO(photo()), "2.jpg")]})
    assert response.status_code == 303
    assert "IMG_1" in text_of(dipu.get(here(bag)).text)
    assert dipu.post(here(bag), data={}).status_code == 422
    assert "Choose a file." in dipu.post(here(bag), data={}, headers=HTMX).text


def test_as_a_fragment(dipu: HouseClient, bag: Product) -> None:
    text = dipu.get(here(bag), headers=HTMX).text
    assert text.lstrip().startswith('<section id="catalog-pictures"')
    response = dipu.post(here(bag), data={"photos": [(io.BytesIO(photo()), "1.jpg")]}, headers=HTMX)
    assert response.status_code == 303


def test_a_picture_in_the_making_asks_again_ever_more_slowly(cast: Cast, dipu: HouseClient, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    where, pauses = here(bag, f"/{picture.id}"), []
    for looks in range(14):
        text = dipu.get(f"{where}?looks={looks}", headers=HTMX).text
        assert text.lstrip().startswith(f'<li id="catalog-picture-{picture.id}"')
        if "delay:" not in text:
            break
        pauses.append(int(text.partition("delay:")[2].partition("s")[0]))
        assert f"looks={looks + 1}" in text
    assert pauses[0] == 2
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30
    assert len(pauses) < 14
    outbox.drain()
    text = dipu.get(f"{where}?looks=3", headers=HTMX).text
    assert "hx-get" not in text
    assert "/media/" in text
    assert dipu.get(where).location.endswith(f"{here(bag)}#catalog-picture-{picture.id}")
    for odd in ("-5", "x", "9" * 30):
        assert dipu.get(f"{where}?looks={odd}", headers=HTMX).status_code == 200


def test_a_failed_one_can_be_tried_again(cast: Cast, dipu: HouseClient, bag: Product) -> None:
    [picture] = uploaded(cast.dipu, bag)
    picture.state, picture.problem = "failed", "heavy"
    db.session.commit()
    text = text_of(dipu.get(here(bag)).text)
    assert "too complicated" in text
    assert "Try again" in text
    assert dipu.post(here(bag, f"/{picture.id}/retry")).status_code == 303
    outbox.drain()
    assert "Try again" not in text_of(dipu.get(here(bag)).text)


def test_words_for_a_picture(dipu: HouseClient, bag: Product) -> None:
    picture = factory.picture(bag)
    db.session.commit()
    words = here(bag, f"/{picture.id}/text")
    assert dipu.post(words, data={"alt": " Front of the <bag> "}).status_code == 303
    assert 'value="Front of the &lt;bag&gt;"' in dipu.get(here(bag)).text
    long = "x" * 201
    response = dipu.post(words, data={"alt": long}, headers=HTMX)
    assert response.status_code == 422
    assert long in response.text


def test_moved_and_removed_on_the_page(dipu: HouseClient, bag: Product) -> None:
    one, two = factory.picture(bag, 0), factory.picture(bag, 1)
    db.session.commit()
    assert dipu.post(here(bag, f"/{two.id}/position"), data={"way": "first"}).status_code == 303
    assert order_of(bag) == [two.id, one.id]
    assert dipu.post(here(bag, f"/{one.id}/position"), data={"way": "nowhere"}).status_code == 303
    assert order_of(bag) == [one.id, two.id]
    assert dipu.post(here(bag, f"/{one.id}/removal")).status_code == 303
    assert order_of(bag) == [two.id]
    assert dipu.post(here(bag, f"/{one.id}/removal")).status_code == 404


PATHS = ("", "/{}/position", "/{}/text", "/{}/removal", "/{}/retry")


def test_another_seller_meets_nothing(cast: Cast, bag: Product, client_of: Callable[[User], HouseClient]) -> None:
    picture = factory.picture(bag)
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    db.session.commit()
    stranger = client_of(farid)
    assert stranger.get(here(bag)).status_code == 404
    assert stranger.get(here(bag, f"/{picture.id}")).status_code == 404
    for path in PATHS:
        data = {"photos": (io.BytesIO(photo()), "1.jpg")} if not path else {"alt": "x" * 300, "way": "up"}
        assert stranger.post(here(bag, path.format(picture.id)), data=data).status_code == 404, path
    assert db.session.query(Picture).count() == 1


def test_an_admin_may_and_a_buyer_may_not(cast: Cast, bag: Product, client_of: Callable[[User], HouseClient]) -> None:
    assert client_of(cast.esha).get(here(bag)).status_code == 200
    assert client_of(cast.amina).get(here(bag)).status_code == 403


# --- what everybody is shown -----------------------------------------------------------------------------------------

CHROME = {"Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}
OLD_SAFARI = {"Accept": "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (CHROME, "image/webp"),
        (OLD_SAFARI, "image/jpeg"),
        ({"Accept": "*/*"}, "image/jpeg"),
        ({"Accept": "image/webp;q=0, */*"}, "image/jpeg"),
        ({}, "image/jpeg"),
    ],
)
@pytest.mark.parametrize("prepared", [True, False])
def test_one_address_answers_what_the_browser_reads(  # noqa: PLR0917 - fixtures and parameters
    client: HouseClient, cast: Cast, bag: Product, accept, kind, prepared
) -> None:
    picture = factory.picture(bag) if prepared else uploaded(cast.dipu, bag)[0]
    outbox.drain()
    db.session.refresh(picture)
    for key in (picture.thumb_key, picture.file_key, picture.large_key):
        response = client.get(f"/media/{key}", headers=accept)
        assert response.status_code == 200
        assert response.mimetype == kind
        assert "Accept" in response.headers["Vary"]
        assert "immutable" in response.headers["Cache-Control"]
        with Image.open(io.BytesIO(response.data)) as shown:
            assert shown.format == kind.removeprefix("image/").upper()
        again = client.get(f"/media/{key}", headers={**accept, "If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    other = CHROME if kind == "image/jpeg" else OLD_SAFARI
    etag = client.get(f"/media/{picture.file_key}", headers=other).headers["ETag"]
    assert client.get(f"/media/{picture.file_key}", headers={**accept, "If-None-Match": etag}).status_code == 200


def test_what_is_no_address_of_a_picture_is_not_found(client: HouseClient, cast: Cast, bag: Product) -> None:
    """Least of all what the camera sent."""
    [picture] = uploaded(cast.dipu, bag)
    ready = factory.picture(bag, 1)
    db.session.commit()
    outside = storage().put(b"somebody's licence", "application/pdf").key
    for key in (picture.original_key, "0" * 32, outside, "nothing", "..%2F..%2Fetc"):
        assert client.get(f"/media/{key}", headers=CHROME).status_code == 404
    assert client.get(f"/media/{ready.thumb_key}", headers=CHROME).status_code == 200


def test_the_sweep_knows_every_file_of_a_picture() -> None:
    known = {f"{column.table.name}.{column.name}" for column in orphans.key_columns()}
    assert {
        f"picture.{name}"
        for name in Picture.__table__.columns.keys()  # noqa: SIM118 - columns, not a dictionary
        if "key" in name
    } <= known
    assert {"category.picture_key", "category.picture_jpeg_key"} <= known


# --- two at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def raced(committed_app: Flask) -> tuple[Flask, int, int]:
    with committed_app.app_context(), transaction.transaction():
        dipu = accounts.user("Dipu")
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        bag = factory.product(trader)
        for position in range(10):
            factory.picture(bag, position)
        ids = dipu.id, bag.id
    return committed_app, *ids


def test_two_uploads_at_once_do_not_pass_the_limit(raced: tuple[Flask, int, int]) -> None:
    app, user_id, product_id = raced
    start, outcomes = threading.Barrier(2), []

    def send() -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction.transaction():
                    actor = accounts.actor(db.session.get_one(User, user_id))
                    actions.upload_pictures(actor=actor, product_id=product_id, photos=[sent(photo()), sent(photo())])
                outcomes.append("kept")
            except DomainError as error:
                outcomes.append(error.field or "")

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "photos"]
    with app.app_context():
        assert db.session.query(Picture).count() == 12
