"""`restore` and the files that people have: depth, levels, transparency, stacks, whole folders, interruptions."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from click.testing import CliRunner
from PIL import Image

from gnc_core import images, problems, restoration, zoo
from gnc_core.__main__ import main
from gnc_core.measuring import psnr
from gnc_core.prior.fields_of_experts import FieldsOfExperts

SMALL = {"layers": 1, "channels": 8, "kernel_size": 3, "knots_u": 31, "knots_s": 6}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with the prior "small", and a folder "scans" of noisy images of several formats, 40 x 32, and their truth."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    zoo.save(tmp_path / "pretrained" / "small", FieldsOfExperts(**SMALL), {"iterations": 0})
    clean = images.load_sample("Cameraman")[..., 200:232, 200:240]
    noisy = problems.add_noise(clean, 0.1, 0).clamp(0, 1)
    for folder, image in (("scans", noisy), ("truth", clean)):
        Path(folder).mkdir()
        images.write_image(f"{folder}/a.png", image)
        images.write_image(f"{folder}/b.tif", image, images.Encoding(16, 65535))
        images.write_image(f"{folder}/c.npy", image)
    return tmp_path


def restore(*arguments, task="denoise", **options):
    """`restore` with defaults; options by name, None leaves one out, True is a flag, a list gives it several times."""
    given = {"input": "scans", "output": "out", "prior": "small", "device": "cpu", "steps": 2}
    given |= {"noise_std": 0.1} if task == "denoise" else {}
    words = []
    for name, value in (given | options).items():
        option = "--" + name.replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            words += [] if one is None else [option] if one is True else [option, one]
    return CliRunner().invoke(main, [str(word) for word in ["restore", task, *words]])


def assert_one_line(result, message):
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- depth, levels, and what else a file carries ---------------------------------------------


def ramp(bits: int) -> np.ndarray:
    return np.linspace(0, 2**bits - 1, 1280).reshape(32, 40).astype(np.uint16)


@pytest.mark.parametrize("suffix", ["tif", "png", "pgm"])
def test_twelve_bits_in_sixteen_come_back_as_twelve_bits(work, suffix):
    Image.fromarray(ramp(12)).save("in.png")
    tifffile.imwrite("in.tif", ramp(12))
    Path("in.pgm").write_bytes(b"P5 40 32 65535\n" + ramp(12).astype(">u2").tobytes())
    result = restore(input=f"in.{suffix}", output=f"out.{suffix}", white=4095, noise_std=0.001)
    assert result.exit_code == 0, result.output
    assert "Note" not in result.stderr
    out = images.read(f"out.{suffix}")[0]
    assert out.encoding.bits == 16
    assert (out.image * 65535 - torch.from_numpy(ramp(12).astype(np.float32))).abs().max() < 40  # of 4095
    reference = restore(input=f"in.{suffix}", output="out.npy", white=4095, noise_std=0.001)
    assert reference.exit_code == 0
    expected = (images.read_image("out.npy").clamp(0) * 4095).round()
    assert torch.equal((out.image * 65535).round(), expected)


def test_known_pixels_of_sixteen_bits_come_back_bit_for_bit(work):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (32, 40, 3), dtype=np.uint16)
    tifffile.imwrite("in.tif", values, photometric="rgb")
    known = rng.random((32, 40)) > 0.3
    Image.fromarray(known).save("mask.png")
    assert restore(task="inpaint", input="in.tif", output="out.tif", mask="mask.png", color=True).exit_code == 0
    out = tifffile.imread("out.tif")
    assert out.dtype == np.uint16
    np.testing.assert_array_equal(out[known], values[known])
    assert (out[~known] != values[~known]).any()


def test_dim_files_bring_a_note_that_names_the_likely_white(work):
    tifffile.imwrite("dim.tif", ramp(14))
    result = restore(input="dim.tif", output="out.tif", json=True)
    assert "--white 16383" in result.stderr
    assert json.loads(result.stdout)["likely_white"] == 16383
    assert "--white" not in restore(input="scans/b.tif", output="out.tif").stderr
    Path("dim").mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(f"dim/{name}", ramp(14))
    assert restore(input="dim", output="folder").stderr.count("--white 16383") == 1  # once for all that are alike


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"white": 100, "black": 100}, "larger than black"),
        ({"white": 65536}, "must lie in 0 ... 65535"),
        ({"black": -1}, "must lie in 0 ... 65535"),
        ({"white": "nan"}, "larger than black"),
        ({"output": "out.gif"}, "must end with"),
        ({"input": "color.png", "color": True, "output": "out.pgm"}, "no colours"),
    ],
)
def test_bad_levels_and_outputs_are_one_sentence(work, options, message):
    images.write_image("color.png", images.load_sample("Astronaut", color=True)[..., :32, :40])
    before = sorted(work.rglob("*"))
    assert_one_line(restore(**({"input": "scans/b.tif", "output": "out.tif"} | options)), message)
    assert sorted(work.rglob("*")) == before


def test_floats_stay_floats_and_eight_bits_are_said(work):
    tifffile.imwrite("float.tif", ramp(8).astype(np.float32) / 200)
    assert restore(input="float.tif", output="out.tif").exit_code == 0
    assert tifffile.imread("out.tif").dtype == np.float32
    assert "8 bits; the input has 16" in restore(input="scans/b.tif", output="out.jpg").stdout
    assert "bits" not in restore(input="scans/b.tif", output="out.png").stdout


def test_transparency_stays_unless_it_marks_what_is_missing(work):
    values = np.random.default_rng(0).integers(0, 256, (32, 40, 4), dtype=np.uint8)
    Image.fromarray(values).save("in.png", dpi=(300, 300))
    assert restore(input="in.png", output="out.png", color=True).exit_code == 0
    out = Image.open("out.png")
    np.testing.assert_array_equal(np.asarray(out)[..., 3], values[..., 3])
    assert out.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
    assert restore(task="inpaint", input="in.png", output="out.png", color=True).exit_code == 0
    assert Image.open("out.png").mode == "RGB"


# --- stacks ----------------------------------------------------------------------------------


def test_pages_are_restored_one_by_one(work):
    pages = np.stack([ramp(16), ramp(16)[::-1], ramp(16) // 2])
    tifffile.imwrite("stack.tif", pages, photometric="minisblack")
    assert_one_line(restore(input="stack.tif", output="out.tif"), "--pages")
    assert_one_line(restore(input="stack.tif", output="out.png", pages=True), "only TIFF holds 3 pages")
    assert_one_line(restore(input="stack.tif", output="out.tif", pages=True, save_trace="t.csv"), "has 3 pages")
    assert_one_line(restore(input="stack.tif", output="out.tif", pages=True, truth="scans/b.tif"), "has 1 pages")
    result = restore(input="stack.tif", output="out.tif", pages=True, truth="stack.tif", json=True)
    assert result.exit_code == 0, result.output
    assert [page["steps"] for page in json.loads(result.stdout)["pages"]] == [2, 2, 2]
    assert "Page 3: PSNR" in restore(input="stack.tif", output="out.tif", pages=True, truth="stack.tif").stdout
    out = tifffile.imread("out.tif")
    assert (out.shape, out.dtype) == (pages.shape, np.uint16)
    for number, page in enumerate(pages):
        tifffile.imwrite("page.tif", page)
        assert restore(input="page.tif", output="page_out.tif", pages=True).exit_code == 0
        np.testing.assert_array_equal(tifffile.imread("page_out.tif"), out[number])


def test_pages_that_are_degraded_have_noise_of_their_own(work):
    tifffile.imwrite("stack.tif", np.stack([ramp(16), ramp(16)]), photometric="minisblack")
    assert restore(input="stack.tif", output="out.tif", pages=True, simulate=True).exit_code == 0
    first, second = tifffile.imread("out.tif")
    assert (first != second).any()


# --- folders ---------------------------------------------------------------------------------


def test_a_folder_is_restored_as_its_images_are_one_by_one(work):
    result = restore(truth="truth")
    assert result.exit_code == 0, result.output
    assert "Restored 3 of 3 images" in result.stdout
    assert result.stdout.count("PSNR") == 3
    for name in ("a.png", "b.tif", "c.npy"):
        alone = f"alone{Path(name).suffix}"
        assert restore(input=f"scans/{name}", output=alone).exit_code == 0
        assert Path("out", name).read_bytes() == Path(alone).read_bytes()
    assert tifffile.imread("out/b.tif").dtype == np.uint16


def test_a_bad_file_does_not_stop_the_others(work):
    Path("scans/b.tif").write_bytes(Path("scans/b.tif").read_bytes()[:500])
    Path("scans/bad.png").write_text("no image")
    Image.fromarray(np.zeros((1, 1), np.uint8)).save("scans/tiny.png")
    Image.fromarray(np.zeros((32, 40), np.uint8)).save("scans/d.gif")
    result = restore()
    assert result.exit_code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.npy", "d.png"]
    assert "3 of 6 images could not be restored" in result.stderr
    for name, reason in (("b.tif", "damaged"), ("bad.png", "not an image"), ("tiny.png", "at least")):
        assert any(name in line and reason in line for line in result.stderr.splitlines())
    reports = lines(restore(output="other", json=True))
    assert [Path(report["input"]).name for report in reports] == [
        "a.png",
        "b.tif",
        "bad.png",
        "c.npy",
        "d.gif",
        "tiny.png",
    ]
    assert ["error" in report for report in reports] == [False, True, True, False, False, True]


def test_results_that_are_there_are_kept_unless_overwrite(work):
    Path("out").mkdir()
    Path("out/a.png").write_text("mine")
    result = restore()
    assert result.exit_code == 0
    assert "Skipped" in result.stdout
    assert "Restored 2 of 3 images, 1 were there already (--overwrite" in result.stdout
    assert Path("out/a.png").read_text() == "mine"
    assert all(report["skipped"] for report in lines(restore(json=True)))
    assert "Restored 3 of 3" in restore(overwrite=True).stdout
    assert images.read_image("out/a.png").shape == (1, 1, 32, 40)


def test_several_inputs_and_a_file_into_a_folder(work):
    Path("out").mkdir()
    assert restore(input="scans/a.png").exit_code == 0
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]
    result = restore(input=["scans/a.png", "scans/c.npy", "nowhere.png"], output="new")
    assert result.exit_code == 1
    assert "no file nowhere.png" in result.stderr
    assert sorted(path.name for path in Path("new").iterdir()) == ["a.png", "c.npy"]


def test_an_interrupted_run_keeps_what_is_done_and_goes_on(work, monkeypatch):
    score = FieldsOfExperts.score

    def interrupted(prior, x, *more):
        if x.shape[-1] == 50:
            raise KeyboardInterrupt
        return score(prior, x, *more)

    np.save("scans/b.npy", np.full((50, 50), 0.5))
    monkeypatch.setattr(FieldsOfExperts, "score", interrupted)
    result = restore()
    assert result.exit_code == 130
    assert "1 of 4 images are restored; the same command goes on" in result.stderr
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]
    monkeypatch.setattr(FieldsOfExperts, "score", score)
    assert "Restored 3 of 4" in restore().stdout


def test_too_little_memory_for_one_image_does_not_stop_the_others(work, monkeypatch):
    score = FieldsOfExperts.score

    def lacking(prior, x, *more):
        if x.shape[-1] == 50:
            raise MemoryError
        return score(prior, x, *more)

    np.save("scans/b.npy", np.full((50, 50), 0.5))
    monkeypatch.setattr(FieldsOfExperts, "score", lacking)
    result = restore()
    assert result.exit_code == 1
    assert "b.npy: This does not fit into memory." in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.tif", "c.npy"]


def test_images_that_are_degraded_have_noise_of_their_own(work):
    for name in ("b.tif", "c.npy"):
        Path("truth", name).unlink()
    Path("truth/z.png").write_bytes(Path("truth/a.png").read_bytes())
    first, second = lines(restore(input="truth", simulate=True, json=True))
    assert first["psnr_degraded"] != second["psnr_degraded"]
    assert lines(restore(input="truth", output="again", simulate=True, json=True))[1]["psnr"] == second["psnr"]


def test_masks_of_a_folder(work):
    known = np.random.default_rng(0).random((32, 40)) > 0.3
    Path("masks").mkdir()
    for file in ("mask.png", "masks/a.png", "masks/b.png", "masks/c.tif"):
        Image.fromarray(np.uint8(255) * known).save(file)
    assert restore(task="inpaint", mask="mask.png").exit_code == 0
    assert restore(task="inpaint", mask="masks", output="other").exit_code == 0
    for name in ("a.png", "b.tif", "c.npy"):
        assert Path("out", name).read_bytes() == Path("other", name).read_bytes()
    Path("masks/b.png").unlink()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("masks/c.tif")
    result = restore(task="inpaint", mask="masks", output="third")
    assert result.exit_code == 1
    assert "no file masks/b.tif" in result.stderr
    assert "9 x 9 pixels, but the image is 40 x 32" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "out.png"}, "let --output be a folder"),
        ({"output": "truth/a.png"}, "let --output be a folder"),
        ({"output": "no/folder"}, "let --output be a folder"),
        ({"output": "scans"}, "would overwrite the images"),
        ({"input": ["scans", "truth"]}, "would be written to out/a.png"),
        ({"input": "empty"}, "no images"),
        ({"truth": "truth/a.png"}, "not a folder"),
        ({"save_trace": "trace.csv"}, "of one image"),
        ({"noise_std": None}, "needs the noise level"),
        ({"noise_std": -1}, "positive"),
        ({"scheme": "learned"}, "there are: none"),
        ({"sigma0": 0.9}, "[0.01, 0.5]"),
        ({"mask": "truth"}, "belongs to inpainting"),
        ({"prior": "unknown"}, "there are small"),
        ({"blind": True}, "leave out --noise-std"),
    ],
)
def test_what_is_wrong_for_all_images_is_said_once_and_before(work, options, message):
    Path("empty").mkdir()
    before = sorted(work.rglob("*"))
    assert_one_line(restore(**options), message)
    assert sorted(work.rglob("*")) == before


# --- clipped noise ---------------------------------------------------------------------------


def test_noise_in_files_is_taken_as_clipped_and_in_floats_it_is_not(work):
    """As the data term of a clipped observation has it, to the last bit."""
    prior = zoo.load("small")
    flow = restoration.Flow(restoration.linear(0.1, 0.01, 2))
    for file, clipped in (("scans/a.png", True), ("scans/b.tif", True), ("scans/c.npy", False)):
        z = images.read_image(file)
        for asked, expected in ((None, clipped), ("as_floats", False), ("as_file", True)):
            given = {asked: True} if asked else {}
            assert restore(input=file, output="one.npy", scheme="flow", **given).exit_code == 0
            *_, last = flow.run(prior, problems.Denoising(z, 0.1, expected))
            torch.testing.assert_close(images.read_image("one.npy"), last.image)


def test_a_simulation_is_made_as_the_input_would_hold_it(work):
    for file, clipped in (("truth/a.png", True), ("truth/c.npy", False)):
        report = lines(restore(input=file, output="one.npy", simulate=True, noise_std=0.3, json=True))[0]
        truth = images.read_image(file)
        z = problems.Denoising.degrade(truth, 0.3, 0, as_file=clipped).observation
        assert report["psnr_degraded"] == pytest.approx(psnr(z, truth).item())


def test_evaluate_measures_on_both(work):
    words = ["evaluate", "--data", "truth", "--prior", "small", "--task", "denoise", "--noise-std", "0.3", "--json"]
    reports = [json.loads(CliRunner().invoke(main, [*words, *more]).stdout) for more in ([], ["--as-file"])]
    assert [report["as_file"] for report in reports] == [False, True]
    assert reports[0]["mean"]["psnr"] != reports[1]["mean"]["psnr"]
