"""Reading, writing, degrading: what is read is right, and what cannot be read is one sentence."""

import io

import numpy as np
import pytest
import torch
from image_files import COLOR, COLOR16, GREY, GREY16, RNG, encoded, handmade_tiff, npy, picture, png, tiff
from PIL import Image

from gnc_core import checks, images, problems
from gnc_core.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])


def as_array(image: torch.Tensor) -> np.ndarray:
    """(1, 1, H, W) -> (H, W), (1, 3, H, W) -> (H, W, 3)."""
    values = image.numpy()[0]
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


# --- what is read is right -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_and_colour_of_8_bits(kind):
    grey = images.read_image(encoded(Image.fromarray(GREY), kind))
    assert grey.shape == (1, 1, 12, 17)
    assert grey.dtype == torch.float32
    np.testing.assert_array_equal(as_array(grey), GREY.astype(np.float32) / 255)
    data = encoded(Image.fromarray(COLOR), kind)
    color = images.read_image(data, color=True)
    assert color.shape == (1, 3, 12, 17)
    np.testing.assert_array_equal(as_array(color), COLOR.astype(np.float32) / 255)
    luma = np.asarray(Image.fromarray(COLOR).convert("L"))
    np.testing.assert_array_equal(as_array(images.read_image(data)), luma.astype(np.float32) / 255)


def test_grey_file_stays_one_channel_in_colour_mode():
    assert images.read_image(encoded(Image.fromarray(GREY), "PNG"), color=True).shape[1] == 1


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(GREY16), "PNG"),
        tiff(GREY16),
        tiff(GREY16, byteorder=">"),
        tiff(GREY16, compression="zlib"),
        tiff(65535 - GREY16, photometric="miniswhite"),
        png(np.stack([GREY16, np.full_like(GREY16, 65535)], 2), 4),
        encoded(Image.fromarray(GREY16), "TIFF", compression="tiff_lzw"),
    ],
    ids=["png", "tiff", "big endian", "zip", "white is zero", "opaque alpha", "lzw"],
)
def test_16_bit_grey_keeps_its_depth(data):
    np.testing.assert_allclose(as_array(images.read_image(data)), GREY16 / 65535, atol=1e-7)


@pytest.mark.parametrize(
    "data",
    [
        png(COLOR16, 2),
        png(np.concatenate([COLOR16, np.full_like(COLOR16[..., :1], 65535)], 2), 6),
        tiff(COLOR16, photometric="rgb"),
        tiff(np.moveaxis(COLOR16, 2, 0), photometric="rgb", planarconfig="separate"),
    ],
    ids=["png", "png with opaque alpha", "tiff", "planar tiff"],
)
def test_16_bit_colour_keeps_its_depth(data):
    color = as_array(images.read_image(data, color=True))
    np.testing.assert_allclose(color, COLOR16 / 65535, atol=1e-7)
    grey = as_array(images.read_image(data))
    np.testing.assert_allclose(grey, COLOR16 / 65535 @ LUMA, atol=1e-6)


def test_palette_one_bit_and_opaque_alpha():
    palette = Image.fromarray(COLOR).quantize(16)
    expected = np.asarray(palette.convert("RGB")).astype(np.float32) / 255
    got = images.read_image(encoded(palette, "PNG"), color=True)
    np.testing.assert_array_equal(as_array(got), expected)
    bits = Image.fromarray(GREY > 127)
    got = images.read_image(encoded(bits, "PNG"))
    np.testing.assert_array_equal(as_array(got), (GREY > 127).astype(np.float32))
    opaque = Image.fromarray(COLOR).convert("RGBA")
    got = images.read_image(encoded(opaque, "PNG"), color=True)
    np.testing.assert_array_equal(as_array(got), COLOR.astype(np.float32) / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured_alike_in_all_formats(orientation):
    picture = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(Image.fromarray(GREY))
    expected = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, -1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, 1),
    }[orientation]
    from_png = images.read_image(encoded(picture, "PNG", exif=exif))
    np.testing.assert_array_equal(as_array(from_png), expected.astype(np.float32) / 255)
    deep = np.repeat(GREY.astype(np.uint16)[..., None] * 257, 3, 2)
    tag = [(274, "H", 1, orientation, True)]
    from_tiff = images.read_image(tiff(deep, photometric="rgb", extratags=tag))
    np.testing.assert_allclose(as_array(from_tiff), expected / 255, atol=1e-6)
    jpeg = images.read_image(encoded(picture, "JPEG", exif=exif))
    assert as_array(jpeg).shape == expected.shape


def test_npy_is_read_as_it_is(tmp_path):
    values = RNG.normal(0.5, 1, (9, 11))
    image = images.read_image(npy(values.astype(np.float32)))
    np.testing.assert_array_equal(as_array(image), values.astype(np.float32))
    color = RNG.normal(0.5, 1, (9, 11, 3)).astype(">f8")
    np.testing.assert_allclose(as_array(images.read_image(npy(color), color=True)), color, rtol=1e-6)
    np.testing.assert_allclose(as_array(images.read_image(npy(color))), color @ LUMA, atol=1e-6)


def test_axes_of_length_one_do_not_matter():
    values = RNG.normal(0.5, 1, (9, 11)).astype(np.float32)
    for shape in ((1, 9, 11), (9, 11, 1), (1, 1, 9, 11), (1, 9, 11, 1)):
        np.testing.assert_array_equal(as_array(images.read_image(npy(values.reshape(shape)))), values)
    np.testing.assert_array_equal(as_array(images.read_image(npy(np.asfortranarray(values)))), values)


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_white_of_packed_integers_is_their_largest(bits):
    values = GREY16 >> (16 - bits)
    stored = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(12, 17, 2), axis=2)[..., 16 - bits :]
    rows = np.packbits(stored.reshape(12, -1), axis=1)
    file = handmade_tiff(picture(17, 12, bits, 1, t273=(4, 16), t278=(4, 12), t279=(4, rows.size)), rows.tobytes())
    np.testing.assert_allclose(as_array(images.read_image(file)), values / (2**bits - 1), atol=1e-7)


def test_float_tiff():
    values = RNG.random((9, 11)).astype(np.float32)
    np.testing.assert_array_equal(as_array(images.read_image(tiff(values))), values)


def test_path_bytes_and_file_object_agree(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    from_path = images.read_image(path)
    assert torch.equal(from_path, images.read_image(path.read_bytes()))
    with path.open("rb") as file:
        assert torch.equal(from_path, images.read_image(file))


# --- bad input -------------------------------------------------------------------------------

PICTURE = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "PNG")
JPEG = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
HUGE = (5000, 4000)
NAN = np.where(GREY > 100, np.nan, GREY / 255).astype(np.float32)


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def claims_huge_npy() -> bytes:
    header = npy(np.zeros((1, 1)))
    return header.replace(b"(1, 1)", b"(99999, 9999)").replace(b"       ", b"", 1)


BAD = {
    "text": (b"not an image at all", "not an image"),
    "empty file": (b"", "empty"),
    "truncated png": (PICTURE[: len(PICTURE) // 2], "damaged"),
    "png cut in its header": (PICTURE[:20], "damaged"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged"),
    "truncated tiff": (tiff(COLOR16, photometric="rgb")[:600], "damaged"),
    "truncated npy": (npy(np.zeros((9, 9)))[:-50], "damaged"),
    "npy cut in its header": (npy(np.zeros((9, 9)))[:40], "damaged"),
    "flipped byte": (PICTURE[:3000] + b"\xff\x00" + PICTURE[3002:], "damaged"),
    "zero-sized png": (png(np.zeros((1, 1), np.uint8), 0, size=(0, 5)), "damaged|empty"),
    "zero-sized npy": (npy(np.zeros((0, 5))), "empty"),
    "huge png": (png(np.zeros((1, 1), np.uint8), 0, size=HUGE), "20.0 megapixels"),
    "bomb": (png(np.zeros((1, 1), np.uint8), 0, size=(60000, 60000)), "megapixels"),
    "huge npy": (npy(np.zeros((4001, 4000), np.float16)), "16.0 megapixels"),
    "claims to be huge": (claims_huge_npy(), "megapixels|damaged"),
    "nan": (npy(NAN), "NaN"),
    "infinite": (npy(np.full((9, 9), np.inf)), "infinite"),
    "nan tiff": (tiff(NAN), "NaN"),
    "four dimensions": (npy(np.zeros((2, 1, 9, 9))), "shape"),
    "three images": (npy(np.zeros((3, 9, 9))), "shape"),
    "one dimension": (npy(np.zeros(9)), "shape"),
    "a number": (npy(np.float64(1)), "shape"),
    "two channels": (npy(np.zeros((9, 9, 2))), "shape"),
    "objects": (pickled(), "type object"),
    "complex": (npy(np.zeros((9, 9), complex)), "type complex"),
    "strings": (npy(np.array([["a"]])), "type"),
    "integers": (npy(GREY), "uint8"),
    "bool": (npy(GREY > 3), "bool"),
    "0 to 255": (npy(GREY.astype(np.float32)), "1 is white"),
    "cmyk": (encoded(Image.fromarray(COLOR).convert("CMYK"), "JPEG"), "CMYK"),
    "two pages": (tiff(np.zeros((2, 9, 9), np.uint8)), "several pages"),
    "32-bit integers": (tiff(GREY.astype(np.int32)), "int32"),
    "eps": (encoded(Image.fromarray(GREY), "EPS"), "not an image"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_image_is_one_sentence(name):
    data, message = BAD[name]
    with pytest.raises(InputError, match=message) as caught:
        images.read_image(data, name="picture.png")
    text = str(caught.value)
    assert text.startswith("picture.png")
    assert text.endswith(".")
    assert "\n" not in text


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no file"):
        images.read_image(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="folder"):
        images.read_image(tmp_path)


def test_smaller_than_the_prior_needs():
    one = images.read_image(npy(np.zeros((1, 1))))
    with pytest.raises(InputError, match=r"1 x 1 pixels.*at least 4 x 4"):
        checks.check_size(one, 4)
    checks.check_size(torch.zeros(1, 1, 4, 9), 4)


# --- masks -----------------------------------------------------------------------------------


def test_mask_white_is_observed():
    expected = torch.from_numpy(GREY > 127)[None, None]
    bits = Image.fromarray(np.uint8(255) * (GREY > 127))
    for data in (
        encoded(bits, "PNG"),
        encoded(bits.convert("1"), "PNG"),
        npy(GREY > 127),
        npy((GREY > 127).astype(np.float32)),
        npy((GREY > 127).astype(int)),
        npy(np.uint8(255) * (GREY > 127)),
        npy((GREY > 127)[None]),
        npy((GREY > 127)[..., None]),
        npy((GREY > 127)[None, None].astype(np.int32)),
        npy(np.repeat(np.uint8(255) * (GREY > 127)[..., None], 3, 2)),
        npy(np.asfortranarray(255.0 * (GREY > 127))),
        npy(GREY),
        npy(257 * GREY.astype(int)),
        npy(GREY / 255),
        npy(np.where(GREY > 127, 1.03, -0.03) + 0.01 * (GREY % 3)),
        encoded(Image.fromarray(GREY), "PNG"),
        encoded(Image.fromarray(np.uint8(GREY > 127)), "PNG"),
        encoded(Image.fromarray(np.uint16(GREY > 127)), "PNG"),
        encoded(Image.fromarray(np.uint16(257) * GREY), "PNG"),
        encoded(bits.convert("P"), "PNG"),
        encoded(bits.convert("RGB").quantize(2), "PNG"),
        encoded(bits.convert("RGB"), "TIFF"),
        tiff(np.uint16(GREY > 127)),
        tiff((GREY > 127).astype(np.float32)),
    ):
        assert torch.equal(images.read_mask(data, (12, 17)), expected)


def test_transparent_pixels_of_a_mask_are_missing_whatever_their_colour():
    expected = torch.from_numpy(GREY > 127)[None, None]
    painted = Image.fromarray(COLOR).convert("RGBA")
    painted.putalpha(Image.fromarray(GREY))
    opaque = np.full_like(GREY, 255)
    grey = Image.merge("LA", (Image.fromarray(opaque - GREY), Image.fromarray(GREY)))
    deep = np.concatenate([COLOR16, 257 * GREY.astype(np.uint16)[..., None]], 2)
    palette = Image.fromarray(np.uint8(3) * (GREY > 127))
    palette.putpalette([255, 255, 255, 9, 9, 9, 8, 8, 8, 0, 0, 0])
    for data in (
        encoded(painted, "PNG"),
        encoded(painted, "TIFF"),
        encoded(grey, "PNG"),
        png(deep, 6),
        tiff(deep, photometric="rgb", extrasamples=["unassalpha"]),
        encoded(palette, "PNG", transparency=0),
    ):
        assert torch.equal(images.read_mask(data, (12, 17)), expected)
    bits = Image.fromarray(np.uint8(255) * (GREY > 127))
    both = Image.merge("LA", (bits, Image.fromarray(opaque)))  # nothing is transparent: white is observed
    assert torch.equal(images.read_mask(encoded(both, "PNG"), (12, 17)), expected)


def test_a_mask_may_miss_nothing():
    for data in (npy(np.ones((12, 17), np.uint8)), encoded(Image.new("L", (17, 12), 255), "PNG")):
        assert images.read_mask(data, (12, 17)).all()


def test_pixels_marked_as_missing_are_nan_where_that_is_asked_for():
    missing = GREY < 128
    array = np.where(missing, np.nan, GREY / 255).astype(np.float32)
    colors = (COLOR / 255).astype(np.float32)
    colors[missing, 1] = np.nan  # one channel marks the pixel
    painted = Image.fromarray(COLOR).convert("RGBA")
    painted.putalpha(Image.fromarray(GREY))
    for data in (npy(array), tiff(array), npy(colors), encoded(painted, "PNG"), encoded(painted, "TIFF")):
        for color in (False, True):
            given = images.read_image(data, color=color, gaps=True)
            assert torch.equal(given.isnan(), torch.from_numpy(missing).expand_as(given))
    known = images.read_image(encoded(painted, "PNG"), color=True, gaps=True)
    expected = images.read_image(encoded(Image.fromarray(COLOR), "PNG"), color=True)
    assert torch.equal(known[~known.isnan()], expected[~known.isnan()])
    for data in (npy(array), tiff(array), npy(colors)):
        with pytest.raises(InputError, match="NaN"):
            images.read_image(data)
    with pytest.raises(InputError, match="infinite"):
        images.read_image(npy(np.where(missing, np.inf, 0.5)), gaps=True)


def test_of_transparent_pixels_the_colours_are_read():
    painted = Image.fromarray(COLOR).convert("RGBA")
    painted.putalpha(Image.fromarray(GREY))
    expected = images.read_image(encoded(Image.fromarray(COLOR), "PNG"), color=True)
    for kind in ("PNG", "TIFF"):
        assert torch.equal(images.read_image(encoded(painted, kind), color=True), expected)
    palette = encoded(Image.fromarray(COLOR).quantize(16), "PNG", transparency=0)
    assert images.read_image(palette, color=True).shape == expected.shape


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.ones((12, 18), bool)), "18 x 12 pixels, but the image is 17 x 12"),
        (npy(np.zeros((12, 17), bool)), "all pixels"),
        (npy(np.arange(12 * 17).reshape(12, 17) * 400), "reaches 81200"),
        (encoded(Image.fromarray(np.zeros((12, 17), np.uint8)), "PNG"), "all pixels"),
        (encoded(Image.new("RGBA", (17, 12), (255, 255, 255, 0)), "PNG"), "all pixels"),
        (npy(np.zeros((2, 12, 17), bool)), "shape"),
        (npy(np.full((12, 17), np.nan)), "NaN"),
        (npy(np.ones((12, 17), bool))[:-9], "damaged"),
        (b"hello", "not an image"),
    ],
)
def test_bad_masks(data, message):
    with pytest.raises(InputError, match=message):
        images.read_mask(data, (1, 1, 12, 17))


@pytest.mark.parametrize("missing", [0.5, 0.123, 0.9])
def test_random_mask_misses_the_exact_share(missing):
    mask = problems.random_mask((1, 1, 31, 57), missing, seed=3)
    assert int((~mask).sum()) == round(missing * 31 * 57)
    assert torch.equal(mask, problems.random_mask((31, 57), missing, seed=3))
    assert not torch.equal(mask, problems.random_mask((31, 57), missing, seed=4))


@pytest.mark.parametrize("missing", [0, 1, -0.1, 1.5, float("nan"), 0.99])
def test_random_mask_rejects(missing):
    with pytest.raises(InputError):
        problems.random_mask((5, 5), missing, seed=0)


def test_text_mask_covers_a_readable_share():
    mask = problems.text_mask((200, 300), "Graduated non-convexity")
    assert mask.shape == (1, 1, 200, 300)
    assert 0.05 < (~mask).float().mean() < 0.4
    assert (~mask[..., :100, :]).any()
    assert (~mask[..., 100:, 150:]).any()
    with pytest.raises(InputError, match="empty"):
        problems.text_mask((200, 300), "  ")


def test_box_mask():
    mask = problems.box_mask((10, 20), [(2, 3, 4, 5), (18, 8, 50, 50)])
    expected = torch.ones(1, 1, 10, 20, dtype=torch.bool)
    expected[..., 3:8, 2:6] = False
    expected[..., 8:, 18:] = False
    assert torch.equal(mask, expected)
    for boxes in ([(30, 0, 5, 5)], [(0, 0, 0, 5)], [(-9, 0, 5, 5)], [(0, 0, 20, 10)]):
        with pytest.raises(InputError):
            problems.box_mask((10, 20), boxes)


# --- noise -----------------------------------------------------------------------------------


def test_noise_is_gaussian_seeded_and_not_clipped():
    x = torch.full((1, 1, 300, 300), 0.9)
    noisy = problems.add_noise(x, 0.2, seed=1)
    noise = (noisy - x).double()
    assert abs(noise.mean()) < 3 * 0.2 / 300
    assert abs(noise.std() / 0.2 - 1) < 3 / (2**0.5 * 300)
    assert noisy.max() > 1.2
    assert torch.equal(noisy, problems.add_noise(x, 0.2, seed=1))
    assert not torch.equal(noisy, problems.add_noise(x, 0.2, seed=2))


@pytest.mark.parametrize("noise_std", [0, -0.1, float("nan"), float("inf")])
def test_noise_level_must_be_positive(noise_std):
    with pytest.raises(InputError, match="noise level"):
        problems.add_noise(torch.zeros(1, 1, 4, 4), noise_std, seed=0)


# --- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".PNG"])
@pytest.mark.parametrize("channels", [1, 3])
def test_written_images_are_read_again(tmp_path, suffix, channels):
    image = torch.from_numpy(RNG.integers(0, 256, (1, channels, 12, 17))).float() / 255
    path = tmp_path / f"out{suffix}"
    images.write_image(path, image)
    torch.testing.assert_close(images.read_image(path, color=True), image, rtol=0, atol=1e-7)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_pictures_are_clipped_and_npy_is_not(tmp_path):
    image = torch.tensor([[-0.5, 0.5], [1.0, 1.5]])[None, None]
    images.write_image(tmp_path / "a.npy", image)
    assert torch.equal(images.read_image(tmp_path / "a.npy"), image)
    images.write_image(tmp_path / "a.png", image)
    assert images.read_image(tmp_path / "a.png").flatten().tolist()[::3] == [0, 1]
    assert torch.equal(images.read_image(images.to_png(image)), images.read_image(tmp_path / "a.png"))
    images.write_image(tmp_path / "a.jpg", image)
    assert images.read_image(tmp_path / "a.jpg").shape == (1, 1, 2, 2)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    image = torch.zeros(1, 1, 4, 4)
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "a.gif", tmp_path / "no" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(InputError, match="Cannot write"):
            images.write_image(path, image)
    with pytest.raises(InputError, match="1 or 3"):
        images.write_image(tmp_path / "a.png", torch.zeros(2, 1, 4, 4))
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


# --- collections -----------------------------------------------------------------------------


def test_image_files_and_lists(tmp_path):
    for name in ("b.png", "a.jpg", "c.npy", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [p.name for p in images.image_files(tmp_path)] == ["a.jpg", "b.png", "c.npy"]
    (tmp_path / "list.txt").write_text("c\nb.png\n\n")
    listed = images.image_files(tmp_path, tmp_path / "list.txt")
    assert [p.name for p in listed] == ["c.npy", "b.png"]
    (tmp_path / "list.txt").write_text("c\nzebra\n")
    with pytest.raises(InputError, match="zebra"):
        images.image_files(tmp_path, tmp_path / "list.txt")
    with pytest.raises(InputError, match="no folder"):
        images.image_files(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        images.image_files(tmp_path / "empty")


def test_loading_loses_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    (tmp_path / "b.npy").write_bytes(npy(RNG.random((9, 9))))
    files = images.image_files(tmp_path)
    first, second = images.load_images(files)
    assert first.dtype == torch.uint8
    assert second.dtype == torch.float32
    for file, image in zip(files, (first, second), strict=True):
        assert torch.equal(images.to_float(image), images.read_image(file))


def test_random_patches_come_from_the_images_in_all_positions_and_turns():
    image = torch.arange(9, dtype=torch.float32).reshape(1, 1, 3, 3) / 10
    patches = images.random_patches([image], 2, 2000, torch.Generator().manual_seed(0))
    assert patches.shape == (2000, 1, 2, 2)
    seen = {tuple(p.flatten().tolist()) for p in patches}
    cuts = [image[0, 0, i : i + 2, j : j + 2] for i in range(2) for j in range(2)]
    turned = [torch.rot90(flipped, k) for c in cuts for flipped in (c, c.T) for k in range(4)]
    assert seen == {tuple(p.flatten().tolist()) for p in turned}  # 4 places x 8 symmetries
    again = images.random_patches([image], 2, 2000, torch.Generator().manual_seed(0))
    assert torch.equal(patches, again)


def test_random_patches_mix_types_and_reject_small_images():
    mixed = [torch.full((1, 1, 8, 8), 255, dtype=torch.uint8), torch.ones(1, 1, 9, 8)]
    patches = images.random_patches(mixed, 8, 10, torch.Generator().manual_seed(0))
    assert patches.dtype == torch.float32
    assert torch.equal(patches, torch.ones(10, 1, 8, 8))
    with pytest.raises(InputError, match="smaller than the patches"):
        images.random_patches(mixed, 9, 1, torch.Generator().manual_seed(0))


def test_samples_are_photographs():
    samples = images.sample_images()
    assert {"Cameraman", "Astronaut", "Coins"} <= set(samples)
    assert images.load_sample("Cameraman").shape == (1, 1, 512, 512)
    assert images.load_sample("Astronaut", color=True).shape == (1, 3, 512, 512)
    with pytest.raises(InputError, match="Cameraman"):
        images.load_sample("Lena")


def test_shrinking_keeps_proportions_brightness_and_small_images():
    image = torch.linspace(0, 1, 90).expand(2, 1, 60, 90)
    small = images.shrink(image, 30)
    assert small.shape == (2, 1, 20, 30)
    torch.testing.assert_close(small[0, 0, 7, 3:-3], torch.linspace(1 / 89, 88 / 89, 30)[3:-3], atol=1e-3, rtol=0)
    assert images.shrink(image, 90) is image
    edge = (torch.arange(64) >= 30).float().expand(1, 1, 64, 64)
    assert images.shrink(edge, 24).aminmax() == (0, 1)  # the cubic's overshoot is clipped


def test_shrunken_mask_observes_only_what_is_observed_throughout():
    observed = torch.ones(1, 1, 8, 12, dtype=torch.bool)
    observed[0, 0, 5, 2] = False
    small = images.shrink(observed, 6)
    assert small.dtype == torch.bool
    assert (~small).nonzero().tolist() == [[0, 0, 2, 1]]


def test_what_is_kept_owns_no_more_than_it_shows(tmp_path):
    painted = Image.fromarray(COLOR).convert("RGBA")
    painted.putalpha(Image.fromarray(GREY))
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(COLOR), "PNG"))
    (tmp_path / "b.npy").write_bytes(npy(RNG.random((9, 9))))
    kept = [
        images.crop_center(torch.zeros(1, 1, 500, 400), 20),
        images.crop_center(torch.zeros(3, 1, 500, 20), 40),
        images.crop_center(torch.ones(1, 1, 500, 400, dtype=torch.bool), 20),
        images.shrink(torch.zeros(1, 1, 500, 400), 20),
        images.shrink(torch.ones(1, 1, 500, 400, dtype=torch.bool), 20),
        images.read_image(npy(GREY / np.float32(255))),
        images.read_image(encoded(Image.fromarray(COLOR), "PNG")),
        images.read_image(png(COLOR16, 2)),
        images.read_image(encoded(painted, "PNG"), gaps=True),
        images.read_mask(npy(GREY > 127), (12, 17)),
        images.read_mask(encoded(painted, "PNG"), (12, 17)),
        *images.load_images(images.image_files(tmp_path)),
    ]
    for image in kept:
        assert image.untyped_storage().nbytes() == image.numel() * image.element_size()


def test_crop_takes_the_middle():
    image = torch.arange(35.0).view(1, 1, 5, 7)
    assert torch.equal(images.crop_center(image, 5), image[..., 1:6])
    assert torch.equal(images.crop_center(image, 3), image[..., 1:4, 2:5])
    assert torch.equal(images.crop_center(image, 9), image)
