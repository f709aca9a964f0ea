"""A file that is read and written again is the same picture: its depth, what white is, and what else it carries."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from image_files import COLOR, COLOR16, GREY, GREY16, encoded, handmade_tiff, npy, picture, png, tiff
from PIL import Image, ImageCms

from gnc_core import images
from gnc_core.errors import InputError

FLOAT = (GREY16 / 50000 - 0.1).astype(np.float32)
TWELVE = GREY16 >> 4
ALPHA, ALPHA16 = GREY[..., None], GREY16[..., None]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = SRGB[:16] + b"GRAY" + SRGB[20:]


def again(data: bytes, suffix: str, **options) -> bytes:
    """`data` read, and written to a file with this ending."""
    return images.encode(suffix, images.read(data, color=True, **options))


def stored(data: bytes) -> np.ndarray:
    """The numbers in a file, as another library than the package's own route reads them."""
    if data.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(data))
    if data.startswith((b"II", b"MM")):
        return tifffile.imread(io.BytesIO(data))
    if data.startswith(b"P"):
        header, values = data.split(b"\n", 3)[:3], data.split(b"\n", 3)[3]
        width, height = map(int, header[1].split())
        dtype = np.uint8 if int(header[2]) < 256 else ">u2"
        return np.frombuffer(values, dtype).reshape((height, width, 3)[: 2 + (header[0] == b"P6")])
    if data.startswith(b"\x89PNG") and data[24] == 16:
        return imagecodecs.png_decode(data)
    return np.asarray(Image.open(io.BytesIO(data)))


RAW = {
    "pgm": b"P5 # a comment\n17 12\n255\n" + GREY.tobytes(),
    "ppm": b"P6\n17 12\n255\n" + COLOR.tobytes(),
    "deep pgm": b"P5\n17\n12\n65535\n" + GREY16.astype(">u2").tobytes(),
    "deep ppm": b"P6\n17\n12\n65535\n" + COLOR16.astype(">u2").tobytes(),
    "pgm of 12 bits": b"P5\n17 12 4095\n" + TWELVE.astype(">u2").tobytes(),
}
KEPT = {
    "png": (encoded(Image.fromarray(GREY), "PNG"), ".png", GREY),
    "colour png": (encoded(Image.fromarray(COLOR), "PNG"), ".png", COLOR),
    "deep png": (png(GREY16, 0), ".png", GREY16),
    "deep colour png": (png(COLOR16, 2), ".png", COLOR16),
    "tiff": (tiff(GREY), ".tif", GREY),
    "colour tiff": (tiff(COLOR, photometric="rgb"), ".tiff", COLOR),
    "deep tiff": (tiff(GREY16), ".tif", GREY16),
    "deep colour tiff": (tiff(COLOR16, photometric="rgb"), ".tif", COLOR16),
    "big endian, zip": (tiff(COLOR16, photometric="rgb", byteorder=">", compression="zlib"), ".tif", COLOR16),
    "white is zero": (tiff(GREY16, photometric="miniswhite"), ".tif", 65535 - GREY16),
    "12 bits, packed": (tiff(TWELVE, bitspersample=12), ".tif", TWELVE),
    "float tiff": (tiff(FLOAT), ".tif", FLOAT),
    "float colour tiff": (tiff(np.dstack(3 * [FLOAT]), photometric="rgb"), ".tif", np.dstack(3 * [FLOAT])),
    "npy": (npy(FLOAT), ".npy", FLOAT),
    "webp": (encoded(Image.fromarray(COLOR), "WEBP", lossless=True), ".webp", COLOR),
    "bmp": (encoded(Image.fromarray(GREY), "BMP"), ".bmp", GREY),
    "colour bmp": (encoded(Image.fromarray(COLOR), "BMP"), ".bmp", COLOR),
    "pgm": (RAW["pgm"], ".pgm", GREY),
    "ppm": (RAW["ppm"], ".ppm", COLOR),
    "deep pgm": (RAW["deep pgm"], ".pgm", GREY16),
    "deep ppm": (RAW["deep ppm"], ".pnm", COLOR16),
    "pgm of 12 bits": (RAW["pgm of 12 bits"], ".pgm", TWELVE),
    # from one format to another
    "deep png to tiff": (png(COLOR16, 2), ".tif", COLOR16),
    "deep tiff to png": (tiff(GREY16), ".png", GREY16),
    "deep pgm to png": (RAW["deep pgm"], ".png", GREY16),
    "gif to png": (encoded(Image.fromarray(GREY), "GIF"), ".png", np.dstack(3 * [GREY])),  # a palette is one of colours
    "grey to webp": (encoded(Image.fromarray(GREY), "PNG"), ".webp", np.dstack(3 * [GREY])),
    "grey to ppm": (encoded(Image.fromarray(GREY), "PNG"), ".ppm", np.dstack(3 * [GREY])),
    "12 bits to png": (tiff(TWELVE, bitspersample=12), ".png", np.rint(TWELVE / 4095 * 65535).astype(np.uint16)),
    "16 bits to bmp": (png(np.uint16(257) * GREY, 0), ".bmp", GREY),
    "16 bits to npy": (png(GREY16, 0), ".npy", (GREY16 / np.float32(65535))),
    # with opacity
    "png with opacity": (png(np.dstack([COLOR, ALPHA]), 6), ".png", np.dstack([COLOR, ALPHA])),
    "grey png with opacity": (png(np.dstack([GREY, ALPHA]), 4), ".png", np.dstack([GREY, ALPHA])),
    "deep png with opacity": (png(np.dstack([COLOR16, ALPHA16]), 6), ".png", np.dstack([COLOR16, ALPHA16])),
    "deep grey png with opacity": (png(np.dstack([GREY16, ALPHA16]), 4), ".tif", np.dstack([GREY16, ALPHA16])),
    "tiff with opacity": (
        tiff(np.dstack([COLOR16, ALPHA16]), photometric="rgb", extrasamples=["unassalpha"]),
        ".png",
        np.dstack([COLOR16, ALPHA16]),
    ),
    "webp with opacity": (
        encoded(Image.fromarray(np.dstack([COLOR, ALPHA])), "WEBP", lossless=True, exact=True),
        ".webp",
        np.dstack([COLOR, ALPHA]),
    ),
    "opacity to bmp": (png(np.dstack([COLOR, ALPHA]), 6), ".bmp", COLOR),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_read_is_written_bit_for_bit(name):
    data, suffix, expected = KEPT[name]
    got = stored(again(data, suffix))
    assert got.dtype.itemsize == expected.dtype.itemsize
    if got.dtype.kind == "f":
        np.testing.assert_array_max_ulp(got, expected.astype(np.float32), 1)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("white", [4095, 1023.5, 60000])
@pytest.mark.parametrize("black", [0, 100])
@pytest.mark.parametrize(
    ("data", "suffix", "expected"),
    [
        (tiff(TWELVE), ".tif", TWELVE),
        (png(TWELVE, 0), ".png", TWELVE),
        (png(COLOR16 >> 4, 2), ".png", COLOR16 >> 4),
        (b"P5\n17 12\n65535\n" + TWELVE.astype(">u2").tobytes(), ".pgm", TWELVE),
    ],
)
def test_levels_are_in_the_numbers_of_the_file_and_undone_on_writing(data, suffix, expected, white, black):
    options = {"white": white, "black": black}
    (photo,) = images.read(data, color=True, **options)
    values = expected if expected.ndim == 3 else expected[..., None]
    brightness = (values.astype(float) - black) / (white - black)
    np.testing.assert_allclose(photo.image[0].permute(1, 2, 0).numpy(), brightness, atol=1e-6)
    np.testing.assert_array_equal(stored(again(data, suffix, **options)), expected)
    dim = stored(images.encode(".bmp", [photo]))  # of other bits: all of its own range
    np.testing.assert_array_equal(dim, np.rint(np.clip(brightness, 0, 1) * 255).reshape(dim.shape))


@pytest.mark.parametrize("kind", [np.uint16, np.int64, np.float32])
def test_levels_of_arrays_and_float_tiffs_are_in_their_units(kind):
    values = (TWELVE + 50).astype(kind)
    files = [(npy(values), ".npy"), (tiff(values), ".tif")] if kind == np.float32 else [(npy(values), ".npy")]
    for data, suffix in files:
        (photo,) = images.read(data, white=4145, black=50)
        np.testing.assert_allclose(photo.image[0, 0].numpy(), TWELVE / 4095, atol=1e-6)
        assert photo.encoding.bits == 0
        np.testing.assert_allclose(stored(images.encode(suffix, [photo])), values, rtol=1e-6)
        assert stored(images.encode(".png", [photo])).dtype == np.uint8


def test_integers_are_clipped_where_the_file_ends_and_floats_are_not():
    image = torch.tensor([[-0.5, 0.5], [1.0, 1.5]])[None, None]
    deep = images.Photo(image, images.Encoding(16, 4095))
    assert stored(images.encode(".png", [deep])).tolist() == [[0, 2048], [4095, 6142]]
    assert stored(images.encode(".png", [images.Photo(20 * image, deep.encoding)])).max() == 65535
    floating = images.Photo(image, images.Encoding(0, 100))
    assert stored(images.encode(".tif", [floating])).tolist() == [[-50, 50], [100, 150]]


@pytest.mark.parametrize(
    ("data", "levels", "message"),
    [
        (png(GREY16, 0), {"white": 100, "black": 100}, "larger than black"),
        (png(GREY16, 0), {"white": 100, "black": 200}, "larger than black"),
        (png(GREY16, 0), {"white": 70000}, r"must lie in 0 \.\.\. 65535, the values of picture"),
        (png(GREY16, 0), {"black": 70000}, "larger than black"),
        (png(GREY16, 0), {"black": -1}, r"0 \.\.\. 65535"),
        (encoded(Image.fromarray(GREY), "PNG"), {"white": 4095}, r"0 \.\.\. 255"),
        (RAW["pgm of 12 bits"], {"white": 65535}, r"0 \.\.\. 4095"),
        (png(GREY16, 0), {"white": float("nan")}, "larger than black"),
        (npy(FLOAT), {"white": float("inf")}, "larger than black"),
        (npy(GREY16), {}, "--white"),
        (npy(GREY16), {"black": 4}, "--white"),
        (npy(GREY16), {"white": 3}, "times the white"),
    ],
)
def test_bad_levels(data, levels, message):
    with pytest.raises(InputError, match=message) as caught:
        images.read(data, name="picture", **levels)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("values", "likely"),
    [
        (GREY16, None),
        (GREY16 >> 1, None),
        (GREY16 >> 2, 16383),
        (GREY16 >> 4, 4095),
        (GREY16 >> 6, 1023),
        (GREY16 >> 8, 255),
        (0 * GREY16, None),
    ],
)
def test_white_is_guessed_where_all_values_are_far_below_that_of_the_file(values, likely):
    assert images.read(png(values, 0))[0].likely_white() == likely
    assert images.read(npy(values / 65535))[0].likely_white() is None
    assert images.read(png(values, 0), white=65534)[0].likely_white() is None


# --- what else a file carries ----------------------------------------------------------------


def carried(kind: str, deep: bool, profile: bytes) -> bytes:
    """A file with a resolution and a profile, by other means than the package's."""
    if kind == "TIFF":
        return tiff(
            COLOR16 if deep else COLOR,
            photometric="rgb",
            resolution=(300, 150),
            resolutionunit="INCH",
            iccprofile=profile,
        )
    if deep:
        plain = encoded(Image.fromarray(COLOR), "PNG", dpi=(300, 150), icc_profile=profile)
        extra = plain[33 : plain.index(b"IDAT") - 4]
        return png(COLOR16, 2, extra)
    return encoded(Image.fromarray(COLOR), kind, dpi=(300, 150), icc_profile=profile)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize(
    ("kind", "deep"), [("PNG", False), ("PNG", True), ("JPEG", False), ("TIFF", False), ("TIFF", True)]
)
def test_resolution_and_profile_survive(kind, deep, suffix):
    data = again(carried(kind, deep, SRGB), suffix)
    info = Image.open(io.BytesIO(data)).info if not (suffix == ".tif" and deep) else None
    if info is None:  # Pillow does not open such TIFFs
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            info = {"icc_profile": file.pages[0].iccprofile, "dpi": file.pages[0].get_resolution("inch")}
    assert info["icc_profile"] == SRGB
    assert info["dpi"] == pytest.approx((300, 150), rel=1e-3)
    again_read = images.read(data)[0].encoding
    assert again_read.dpi == pytest.approx((300, 150), rel=1e-3)
    assert again_read.icc == SRGB


def test_resolution_in_centimetres_and_of_a_picture_that_lies_on_its_side():
    data = tiff(GREY16, resolution=(100, 50), resolutionunit="CENTIMETER")
    assert images.read(data)[0].encoding.dpi == pytest.approx((254, 127))
    turned = tiff(GREY16, resolution=(300, 150), resolutionunit="INCH", extratags=[(274, "H", 1, 6, True)])
    assert images.read(turned)[0].encoding.dpi == pytest.approx((150, 300))
    assert images.read(encoded(Image.fromarray(GREY), "BMP", dpi=(300, 150)))[0].encoding.dpi == pytest.approx(
        (300, 150), rel=1e-3
    )
    assert images.read(tiff(GREY16, resolution=(1, 1), resolutionunit="NONE"))[0].encoding.dpi is None
    assert images.read(png(GREY16, 0))[0].encoding.dpi is None
    fine = images.read(tiff(GREY16, resolution=(1e5, 1e5), resolutionunit="CENTIMETER"))  # 0.1 micrometres a pixel
    assert images.read(images.encode(".png", fine))[0].encoding.dpi == pytest.approx((254000, 254000), rel=1e-6)
    assert images.read(images.encode(".jpg", fine))[0].encoding.dpi is None  # more than a JPEG can say


def test_a_profile_of_colours_does_not_go_with_their_grey():
    data = carried("PNG", False, SRGB)
    grey = images.encode(".png", images.read(data))
    assert "icc_profile" not in Image.open(io.BytesIO(grey)).info
    data = encoded(Image.fromarray(GREY), "PNG", icc_profile=GREY_PROFILE)
    assert Image.open(io.BytesIO(again(data, ".png"))).info["icc_profile"] == GREY_PROFILE
    assert "icc_profile" not in Image.open(io.BytesIO(again(data, ".webp"))).info  # which has colours only


def test_colours_that_are_multiplied_by_their_opacity_are_divided_by_it():
    alpha = np.maximum(GREY16, 1000)[..., None]
    multiplied = np.rint(COLOR16 * (alpha / 65535)).astype(np.uint16)
    data = tiff(np.dstack([multiplied, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    got = stored(again(data, ".png")).astype(int)
    np.testing.assert_array_equal(got[..., 3:], alpha)
    assert (abs(got[..., :3] - COLOR16) <= 65535 / alpha / 2 + 1).all()


def test_white_is_zero_concerns_the_colours_and_not_their_opacity():
    data = tiff(
        np.dstack([GREY16, ALPHA16]), photometric="miniswhite", planarconfig="contig", extrasamples=["unassalpha"]
    )
    np.testing.assert_array_equal(stored(again(data, ".tif")), np.dstack([65535 - GREY16, ALPHA16]))


def test_where_transparent_means_missing_the_result_is_opaque():
    (photo,) = images.read(png(np.dstack([COLOR16, ALPHA16]), 6), color=True, gaps=True)
    assert photo.encoding.alpha is None
    assert torch.equal(photo.image.isnan()[0, 0], torch.from_numpy(GREY16 < 32768))


# --- formats ---------------------------------------------------------------------------------


def test_netpbm_of_every_kind():
    bits = GREY > 127
    expected = torch.from_numpy(bits).float()[None, None]
    packed = np.packbits(~bits, axis=1).tobytes()
    digits = "\n".join("".join("01"[not bit] for bit in row) for row in bits).encode()
    for data in (b"P4\n17 12\n" + packed, b"P1\n# a mask\n17 12\n" + digits, b"P1 17 12\n" + b" ".join(digits.split())):
        assert torch.equal(images.read_image(data), expected)
        assert torch.equal(images.read_mask(data, (12, 17)), expected.bool())
    text = " ".join(map(str, COLOR16.ravel())).encode()
    plain = images.read_image(b"P3\n17 12 # size\n65535\n" + text, color=True)
    assert torch.equal(plain, images.read_image(RAW["deep ppm"], color=True))
    thousand = images.read(b"P2 3 1 1000\n0 500 1000")
    assert thousand[0].image.flatten().tolist() == pytest.approx([0, 0.5, 1])
    assert stored(images.encode(".pgm", thousand)).tolist() == [[0, 512, 1023]]  # of 10 bits


def test_first_picture_of_a_gif():
    frames = [Image.fromarray(values) for values in (GREY, 255 - GREY)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert torch.equal(images.read_image(moving), images.read_image(encoded(frames[0], "PNG")))
    moving = encoded(frames[0].convert("RGB"), "WEBP", save_all=True, append_images=[frames[1].convert("RGB")])
    with pytest.raises(InputError, match="2 pages"):
        images.read_image(moving)


def test_pictures_that_a_format_cannot_hold(tmp_path):
    color, plain = images.read(encoded(Image.fromarray(COLOR), "PNG"), color=True), images.Encoding(8, 255)
    for name, photos, message in (
        ("a.pgm", color, "no colours"),
        ("a.png", color * 2, "only TIFF holds 2 pages"),
        ("a.webp", [images.Photo(torch.zeros(1, 1, 1, 20000), plain)], "at most 16383"),
        ("a.tif", [images.Photo(torch.zeros(1, 1, 2, 2), images.Encoding(8, 255, alpha=GREY))], "another size"),
        ("a.gif", color, "must end with"),
    ):
        with pytest.raises(InputError, match=message):
            images.write(tmp_path / name, photos)
    assert not list(tmp_path.iterdir())


def test_bmp_with_run_lengths_is_refused():
    header = b"BM" + bytes(8) + (54 + 1024).to_bytes(4, "little")
    size = b"".join(n.to_bytes(4, "little") for n in (40, 16_000_000, 1, 1 + (8 << 16), 1, 0, 0, 0, 0, 0))
    jumps = 10 * b"\0\x02\0\xff"  # each 255 rows down, which are 4 GB
    with pytest.raises(InputError, match="run-length"):
        images.read_image(header + size + bytes(1024) + jumps + b"\0\1")


# --- stacks ----------------------------------------------------------------------------------


def stack(*pages: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for page in pages:
            file.write(page, metadata=None, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pages",
    [
        [GREY16, 65535 - GREY16, GREY16 // 2],
        [GREY, GREY[:-2], GREY[:, :-3]],
        [FLOAT, FLOAT * 2],
        [COLOR16, COLOR16 // 3],
        [GREY16, GREY],
    ],
    ids=["16 bits", "of many sizes", "floats", "colours", "of two depths"],
)
def test_pages_stay_pages(pages):
    data = stack(*pages, compression="zlib")
    with pytest.raises(InputError, match=r"several pages.*--pages"):
        images.read(data)
    photos = images.read(data, color=True, pages=True)
    assert [photo.image.shape[-2:] for photo in photos] == [page.shape[:2] for page in pages]
    with tifffile.TiffFile(io.BytesIO(images.encode(".tif", photos))) as file:
        for page, expected in zip(file.pages, pages, strict=True):
            assert page.dtype == expected.dtype
            np.testing.assert_array_equal(page.asarray(), expected)


def test_pages_have_levels_and_resolution():
    data = stack(TWELVE, TWELVE // 2, resolution=(300, 150), resolutionunit="INCH")
    photos = images.read(data, pages=True, white=4095)
    assert photos[0].image.max() == TWELVE.max() / np.float32(4095)
    with tifffile.TiffFile(io.BytesIO(images.encode(".tif", photos))) as file:
        np.testing.assert_array_equal(file.asarray(), [TWELVE, TWELVE // 2])
        assert all(page.get_resolution("inch") == (300, 150) for page in file.pages)


def test_one_page_is_a_list_of_one():
    for data in (tiff(GREY16), encoded(Image.fromarray(GREY), "PNG"), npy(FLOAT)):
        assert len(images.read(data, pages=True)) == 1


def test_pages_that_are_too_many_or_go_in_circles():
    circle = handmade_tiff(picture(t273=(4, 16), t278=(4, 64), t279=(4, 0)), next_page=16)
    with pytest.raises(InputError, match="circle"):
        images.read(circle, pages=True)
    page = np.zeros((4000, 4000), np.uint8)
    large = stack(*[page] * 9, compression="zlib", rowsperstrip=4000)
    with pytest.raises(InputError, match="128 megapixels"):
        images.read(large, pages=True)
    with pytest.raises(InputError, match="JPEG compression"):
        images.read(stack(GREY, GREY, compression="jpeg"), pages=True)


# --- damaged files ---------------------------------------------------------------------------

WHOLE = {
    "webp": encoded(Image.fromarray(COLOR), "WEBP", lossless=True),
    "lossy webp": encoded(Image.fromarray(COLOR), "WEBP"),
    "webp with opacity": encoded(Image.fromarray(np.dstack([COLOR, ALPHA])), "WEBP"),
    "bmp": encoded(Image.fromarray(COLOR), "BMP"),
    "bmp with palette": encoded(Image.fromarray(COLOR).quantize(16), "BMP"),
    "gif": encoded(Image.fromarray(COLOR).quantize(16), "GIF"),
    "stack": stack(GREY16, GREY16, compression="zlib", resolution=(300, 150), iccprofile=SRGB),
    "deep png with profile": carried("PNG", True, SRGB),
    **RAW,
    "plain pgm": b"P2\n4 3\n255\n1 2 3 4 5 6 7 8 9 10 11 12",
    "pbm": b"P4\n17 12\n" + np.packbits(GREY > 127, axis=1).tobytes(),
}


@pytest.mark.filterwarnings("ignore")  # what libraries say of damaged files besides
@pytest.mark.parametrize("name", WHOLE)
def test_damaged_files_end_in_one_sentence_or_are_read(name):
    data, rng = WHOLE[name], np.random.default_rng(1)
    images.read(data, name="picture", pages=True)
    cut = [data[:length] for length in rng.integers(1, len(data), 60)]
    changed = []
    for _ in range(240):
        bytes_ = bytearray(data)
        for at in rng.integers(0, min(len(data), int(rng.choice([40, 200, len(data)]))), 3):
            bytes_[at] = rng.integers(256)
        changed.append(bytes(bytes_))
    sentences = []
    for damaged in cut + changed:
        try:
            photos = images.read(damaged, name="picture", pages=True)
        except InputError as error:
            sentences.append(str(error))
        else:
            assert all(photo.image.isfinite().all() for photo in photos)
    assert len(sentences) > 30
    for sentence in sentences:
        assert sentence.startswith("picture")
        assert sentence.endswith(".")
        assert "\n" not in sentence
