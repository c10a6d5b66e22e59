"""The HTML report: what is on it, and in a browser what it does."""

import base64
import io
import math
import os
import re
import shutil
import tempfile
import tracemalloc
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from srgan_cli.errors import SrganError
from srgan_cli.evaluation import report
from srgan_cli.evaluation.charts import draw_chart
from srgan_cli.evaluation.report import CROP, Report, most_different
from srgan_cli.metrics import Metric

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PSNR = Metric("psnr", "PSNR", "dB", higher_is_better=True, decimals=2)
LPIPS = Metric("lpips", "LPIPS", "", higher_is_better=False, decimals=3)
HOSTILE = "<b>x</b>\"'</script><script>alert(1)</script>{{ title }}[old].png"


class Elements(HTMLParser):
    """The start tags of a page as (name, attributes), and all its text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if self.tags and self.tags[-1][0] not in ("style", "script"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of that name."""
        return [attributes for name, attributes in self.tags if name == tag]


def render(
    tmp_path: Path, scores: Mapping[str, Mapping[str, Mapping[str, float]]], pixels: np.ndarray | None = None
) -> str:
    """The page about pictures with these scores: picture -> model -> metric -> number."""
    hr = np.zeros((8, 12, 3), np.uint8) if pixels is None else pixels
    measured = next((numbers for of_models in scores.values() for numbers in of_models.values()), {})
    with Report("Title", "Protocol", [metric for metric in (PSNR, LPIPS) if metric.key in measured]) as report:
        for name, of_models in scores.items():
            report.add(name, hr, dict.fromkeys(of_models, hr), of_models)
        report.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text("utf-8")


def cells(page: str, table: int = 0) -> list[list[str]]:
    """The rows of a table; the best numbers with a star."""
    (body,) = re.findall(r"<tbody>(.*?)</table>", page)[table : table + 1]
    rows = [re.split("<t[hd][^>]*>", row)[1:] for row in body.split("<tr>")[1:]]
    return [[re.sub("<[^>]*>", "", cell.replace("</strong>", "*")) for cell in row] for row in rows]


def decode(source: str | None) -> np.ndarray:
    assert source
    kind, data = source.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (28.426, "28.43"),
        (-0.001, "0.00"),
        (-3, "\N{MINUS SIGN}3.00"),
        (math.inf, "\N{INFINITY}"),
    ],
)
def test_numbers_are_typeset(value: float, text: str) -> None:
    assert PSNR.text(value) == text


def test_the_table_shows_means_and_marks_the_best(tmp_path: Path) -> None:
    bicubic = {"psnr": 28.0, "lpips": 0.4}, {"psnr": 30.0, "lpips": 0.2}
    ours = {"psnr": 27.0, "lpips": 0.1}, {"psnr": 30.0001, "lpips": 0.1}
    page = render(tmp_path, {name: {"bicubic": bicubic[n], "ours": ours[n]} for n, name in enumerate(("a", "b"))})
    assert cells(page) == [["bicubic", "29.00*", "0.300"], ["ours", "28.50", "0.100*"]]
    assert cells(page, 1) == [["bicubic", "28.00*", "0.400"], ["ours", "27.00", "0.100*"]]
    assert cells(page, 2) == [["bicubic", "30.00*", "0.200"], ["ours", "30.00*", "0.100*"]]
    assert "(n = 2)" in page


def test_infinite_scores_break_nothing(tmp_path: Path) -> None:
    page = render(
        tmp_path,
        {
            "a": {"bicubic": {"psnr": math.inf}, "ours": {"psnr": 30.0}},
            "b": {m: {"psnr": 20.0} for m in ("bicubic", "ours")},
        },
    )
    assert cells(page) == [["bicubic", "\N{INFINITY}*"], ["ours", "25.00"]]
    places = [float(place) for place in re.findall(r'<circle cx="([\d.]+)%"', page)]
    assert sorted(places) == [4, 4, 95, 99.55]
    assert not re.search(r"\b(nan|inf)\b", Elements(page).text)


def test_what_was_not_measured_is_named(tmp_path: Path) -> None:
    with Report("Title", "Protocol", [PSNR]) as report:
        report.fail("b<i>.png: cannot be read")
        report.write(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<li>b&lt;i&gt;.png: cannot be read" in page


@pytest.mark.parametrize("values", [[0.0, 0.0], [-5.0, 3.0], [1e-9, 2e-9], [31.2, 31.2], [0.999, 1.0], [0.1, 90_000.0]])
def test_a_chart_keeps_the_order_of_values_and_has_round_ticks(tmp_path: Path, values: list[float]) -> None:
    page = render(tmp_path, {str(n): {"bicubic": {"psnr": value}} for n, value in enumerate(values)})
    places = [float(place) for place in re.findall(r'<circle cx="([\d.]+)%"', page)]
    assert all(0 <= place <= 100 for place in places)
    assert (places[0] < places[1]) == (values[0] < values[1])
    ticks = re.findall(r'class="tick" x="([\d.]+)%"', page)
    assert 1 <= len(ticks) <= 9
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize(
    ("values", "first", "ticks"),
    [
        ([0.0, 8.0], 4, "0 1 2 3 4 5 6 7 8"),
        ([0.0, 30.0], 4, "0 5 10 15 20 25 30"),
        ([10.0, 30.0], 4, "10 15 20 25 30"),
        ([10.0, 50.0], 22.2, "0 10 20 30 40 50"),
        ([-5.0, 3.0], 4, "-5 -4 -3 -2 -1 0 1 2 3"),
        ([20.0, math.inf], 4, "20 \N{INFINITY}"),
    ],
)
def test_a_chart_has_an_axis(values: list[float], first: float, ticks: str) -> None:
    """From the least value, or from a zero that is near, to the most; infinity is beyond it."""
    chart = draw_chart(PSNR, ["a", "b"], {"bicubic": values})
    places = [float(place) for place in re.findall(r'<circle cx="([\d.]+)%"', chart)]
    assert places == [first, 99.55 if math.inf in values else 95]
    assert re.findall(r'class="tick"[^>]*>([^<]*)<', chart) == ticks.replace("-", "\N{MINUS SIGN}").split()


def test_a_chart_says_what_is_better_and_names_models() -> None:
    name = "weights/" * 4 + "<i>best</i>.keras"
    for metric, better in (
        (PSNR, "Higher is better \N{RIGHTWARDS ARROW}"),
        (LPIPS, "\N{LEFTWARDS ARROW} Lower is better"),
    ):
        chart = Elements(draw_chart(metric, ["a"], {"<i>ours</i>": [0.5], name: [math.inf]}))
        assert better in chart.text
        assert f"<i>ours</i> {metric.text(0.5)}" in chart.text
        assert f"\N{HORIZONTAL ELLIPSIS}{name[-31:]} \N{INFINITY}" in chart.text
        assert name not in chart.text
        assert [line["class"] for line in chart.all("line") if "class" in line].count("mean") == 1
    assert draw_chart(PSNR, ["a"], {"HR": [math.inf]}) == "", "there is nothing to compare"


def test_a_single_picture_of_a_single_model_is_compared_with_hr(tmp_path: Path, photo: np.ndarray) -> None:
    page = render(tmp_path, {"a": {"bicubic": {"psnr": 30.0}}}, photo)
    layers = [image for image in Elements(page).all("img") if image["alt"]]
    assert [(image["alt"], image["class"]) for image in layers] == [("a, bicubic", "left"), ("a, HR", "right")]
    assert cells(page) == [["bicubic", "30.00"]], "the only number is not the best"
    assert 'role="img"' not in page


def test_bicubic_and_the_last_model_are_shown_first(tmp_path: Path) -> None:
    page = render(tmp_path, {"a": {"bicubic": {}, "old": {}, "new": {}}})
    classes = {image["alt"]: image["class"] for image in Elements(page).all("img") if image["alt"]}
    assert classes == {"a, bicubic": "left", "a, old": "", "a, new": "right", "a, HR": ""}


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_inside_and_the_details_exact(tmp_path: Path, photo: np.ndarray, channels: int) -> None:
    hr = photo[..., :channels]
    sr = hr.copy()
    sr[60:90, 100:130] ^= 0x80
    with Report("", "", [PSNR]) as report:
        report.add("a", hr, {"bicubic": sr}, {"bicubic": {"psnr": 30.0}})
        report.write(tmp_path / "report.html")
    sources = [decode(image["src"]) for image in Elements((tmp_path / "report.html").read_text()).all("img")]
    assert [source.shape for source in sources] == [photo.shape] * 2 + [(CROP, CROP, 3)] * 2
    np.testing.assert_array_equal(sources[1], np.broadcast_to(hr, photo.shape))
    top, left, _ = most_different([sr, hr])
    detail = np.broadcast_to(hr[top : top + CROP, left : left + CROP], (CROP, CROP, 3))
    np.testing.assert_array_equal(sources[3], detail)


@pytest.mark.parametrize(("height", "width", "zoom"), [(8, 12, 60), (12, 8, 60), (721, 8, 1), (1, 16_400, 1)])
def test_small_pictures_are_shown_larger(tmp_path: Path, height: int, width: int, zoom: int) -> None:
    """The longest are longer than WebP can hold."""
    page = render(tmp_path, {"a": {"bicubic": {"psnr": 30.0}}}, np.zeros((height, width, 1), np.uint8))
    assert re.findall(r"--zoom:(\d+)", page) == [str(zoom)]


def test_links_lead_to_the_pictures(tmp_path: Path) -> None:
    elements = Elements(render(tmp_path, {name: {"bicubic": {"psnr": 30.0}} for name in "ab"}))
    assert "(n = 2)" in elements.text
    places = [f"#{tag['id']}" for _, tag in elements.tags if (tag.get("id") or "").startswith("picture-")]
    assert [link["href"] for link in elements.all("a")] == places
    assert len(places) == 2


def test_large_pictures_are_compressed_and_that_is_said(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"a": {"bicubic": {"psnr": 30.0}}}
    exact = render(tmp_path, scores, photo)
    monkeypatch.setattr(report, "EXACT", photo.shape[0] * photo.shape[1] - 1)
    compressed = render(tmp_path, scores, photo)
    assert len(compressed) < 0.7 * len(exact)
    assert ("unlike the above" in compressed, "unlike the above" in exact) == (True, False)
    np.testing.assert_array_equal(decode(Elements(compressed).all("img")[-1]["src"]), photo[:CROP, :CROP])


def test_no_text_becomes_markup(tmp_path: Path) -> None:
    hr = np.zeros((8, 8, 3), np.uint8)
    metric = Metric("m", HOSTILE, HOSTILE, higher_is_better=True, decimals=1)
    with Report(HOSTILE, HOSTILE, [metric]) as report:
        for name in (HOSTILE, "undecodable \udcff"):
            report.add(name, hr, {HOSTILE: hr}, {HOSTILE: {"m": 1.0}})
        report.write(tmp_path / "report.html")
    elements = Elements((tmp_path / "report.html").read_text("utf-8"))
    assert len(elements.all("script")) == 1
    assert len(elements.all("b")) == 1, "the heading of the chart"
    assert elements.text.count(HOSTILE) >= 8
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]


def test_the_page_names_no_other_resource(tmp_path: Path) -> None:
    elements = Elements(render(tmp_path, {name: {"bicubic": {"psnr": 30.0}} for name in "ab"}))
    links = [value for _, tag in elements.tags for name, value in tag.items() if name in ("src", "href", "srcset")]
    assert len(links) == 1 + 2 + 2 * 4, "icon, links to pictures, pictures"
    assert all(link and link.startswith(("data:", "#")) for link in links)
    (policy,) = (meta["content"] for meta in elements.all("meta") if "http-equiv" in meta)
    assert policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "url(" not in (tmp_path / "report.html").read_text()


def test_colours_have_contrast() -> None:
    style = (ROOT / "srgan_cli" / "evaluation" / "report.html").read_text()
    themes = [dict(re.findall(r"--(\w+): (#\w+);", rule)) for rule in re.findall(r":root \{(.*?)\}", style, re.DOTALL)]
    assert len(themes) == 2

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        channels = np.array([int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for theme in themes:
        for ink in ("ink", "soft", "accent"):
            for ground in ("page", "mat"):
                low, high = sorted((luminance(theme[ink]), luminance(theme[ground])))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


def test_the_detail_is_where_the_models_differ_most() -> None:
    hr = np.full((200, 300, 3), 255, np.uint8)
    a, b = np.zeros_like(hr), np.zeros_like(hr)
    b[20:35, 40:55] = 255  # a small place, far apart
    b[100:148, 200:248, 1] = 90  # a square of the size that is looked for: a larger sum in one colour
    assert most_different([a, b, hr]) == (100, 200, CROP)


def test_hr_counts_only_beside_a_single_model() -> None:
    hr = np.zeros((100, 100, 1), np.uint8)
    sr = hr.copy()
    sr[50:98, 7:55] = 9
    assert most_different([sr, hr]) == (50, 7, CROP)
    assert most_different([sr, sr, hr]) == (0, 0, CROP)


def test_of_a_small_picture_the_detail_is_all() -> None:
    for height, width in ((20, 30), (30, 20)):
        picture = np.zeros((height, width, 3), np.uint8)
        assert most_different([picture, picture]) == (0, 0, 20)


def test_pictures_do_not_pile_up_in_memory() -> None:
    rng = np.random.default_rng(0)
    with Report("", "", [PSNR]) as report:
        tracemalloc.start()
        try:
            for name in range(4):
                noise = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
                report.add(str(name), noise, {"bicubic": noise}, {"bicubic": {"psnr": 1.0}})
            del noise
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 256 * 256


def test_a_page_can_be_written_again(tmp_path: Path) -> None:
    hr = np.zeros((8, 8, 1), np.uint8)
    with Report("", "", [PSNR]) as report:
        for name in ("a", "b"):
            report.add(name, hr, {"bicubic": hr}, {"bicubic": {"psnr": 30.0}})
            report.write(tmp_path / "report.html")
    assert re.findall("<h2>(.*)</h2>", (tmp_path / "report.html").read_text()) == ["a", "b"]


def test_a_failed_write_leaves_the_old_page_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SrganError, match=r"report\.html: .*No space left"):
        render(tmp_path, {})
    assert (tmp_path / "report.html").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_missing_folder_and_a_full_disk_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SrganError, match="No such file"):
        render(tmp_path / "missing", {})

    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: Full())
    with pytest.raises(SrganError, match="No space left"):
        render(tmp_path, {"a": {"bicubic": {}}})


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Headless Chromium, the one of the system."""
    api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("needs Chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: "Browser", photo: np.ndarray, tmp_path: Path) -> Iterator["Page"]:
    """A report on two pictures on a phone: "bicubic" is the photo, "ours" its negative, HR black.

    Afterwards: nothing was fetched or complained about, and the page was never wider than the phone.
    """
    models = {
        "bicubic": photo,
        "a-model-with/a/path/that/never/ends/and/has/no/space.keras": photo // 2,
        "ours": 255 - photo,
    }
    metrics = [Metric(f"m{n}", f"Measure {n}", "unit", higher_is_better=n % 2 == 0, decimals=4) for n in range(6)]
    rng = np.random.default_rng(0)
    with Report("Title" * 20, "protocol", metrics) as report:
        for name in ("a", "b" * 80):
            scores = {model: {metric.key: float(rng.normal()) for metric in metrics} for model in models}
            report.add(name, np.zeros_like(photo), models, scores)
        report.write(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 375, "height": 812}, has_touch=True)
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto((tmp_path / "report.html").as_uri())
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.close()
    assert [text for text in heard if not text.startswith("data:")] == [(tmp_path / "report.html").as_uri()]


def shown(page: "Page", share: float) -> np.ndarray:
    """What is seen of the first picture at this share of its width, near its lower edge: mean colour, (3,)."""
    stage = page.locator(".stage").first
    stage.scroll_into_view_if_needed()  # pictures are lazy
    stage.evaluate(
        "stage => Promise.all([...stage.querySelectorAll('img.left, img.right')].map(image => image.decode()))"
    )
    screenshot = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"))
    height, width, _ = screenshot.shape
    column = int(share * width)
    patch: Any = screenshot[height // 2 : height * 3 // 4, column - 4 : column + 4].mean(axis=(0, 1))
    return np.asarray(patch)


def expected(picture: np.ndarray, share: float) -> np.ndarray:
    height, width, _ = picture.shape
    column = int(share * width)
    mean: Any = picture[height // 2 : height * 3 // 4, column - 2 : column + 3].mean(axis=(0, 1))
    return np.asarray(mean)


def assert_split(page: "Page", left: np.ndarray, right: np.ndarray, split: float) -> None:
    """The first picture shows `left` up to `split`, a share of its width, and `right` from there on."""
    clip = page.locator(".stage .right").first.evaluate("image => getComputedStyle(image).clipPath")
    assert float(re.findall(r"([\d.]+)%", clip)[0]) == pytest.approx(100 * split, abs=0.6)
    for share in {0.1, split - 0.07} if split > 0.1 else ():
        np.testing.assert_allclose(shown(page, share), expected(left, share), atol=14)
    for share in {0.9, split + 0.07} if split < 0.9 else ():
        np.testing.assert_allclose(shown(page, share), expected(right, share), atol=14)


@pytest.mark.slow
def test_the_divider_follows_the_mouse(opened: "Page", photo: np.ndarray) -> None:
    assert_split(opened, photo, 255 - photo, 0.5)
    stage = opened.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    opened.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 40, steps=3)
    assert_split(opened, photo, 255 - photo, 0.8)
    opened.mouse.move(-50, box["y"])
    assert_split(opened, photo, 255 - photo, 0)
    opened.mouse.up()
    opened.mouse.move(box["x"] + 0.3 * box["width"], box["y"])
    assert_split(opened, photo, 255 - photo, 0)


@pytest.mark.slow
def test_the_divider_follows_a_finger(opened: "Page", photo: np.ndarray) -> None:
    stage = opened.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    opened.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 20)
    assert_split(opened, photo, 255 - photo, 0.25)
    assert stage.evaluate("stage => getComputedStyle(stage).touchAction") == "pan-y pinch-zoom"


@pytest.mark.slow
def test_the_divider_follows_the_keyboard(opened: "Page", photo: np.ndarray) -> None:
    slider = opened.get_by_role("slider", name="Divider between left and right").first
    opened.get_by_role("combobox", name="Right").first.focus()
    opened.keyboard.press("Tab")
    assert slider.evaluate("slider => slider === document.activeElement")
    outline = opened.locator(".divider").first.evaluate("divider => getComputedStyle(divider, '::after').outlineStyle")
    assert outline == "solid", "focus is seen"
    for key, split in [
        ("ArrowRight", 0.51),
        ("PageUp", 0.61),
        ("PageDown", 0.51),
        ("ArrowLeft", 0.5),
        ("End", 1),
        ("Home", 0),
    ]:
        opened.keyboard.press(key)
        assert_split(opened, photo, 255 - photo, split)
        assert slider.get_attribute("aria-valuetext") == f"{100 * split:.0f}% bicubic, then ours"
        assert opened.evaluate("document.documentElement.scrollWidth") == 375


@pytest.mark.slow
def test_the_selects_choose_the_layers(opened: "Page", photo: np.ndarray) -> None:
    left, right = (opened.get_by_role("combobox", name=side).first for side in ("Left", "Right"))
    assert left.locator("option").all_inner_texts()[2:] == ["ours", "HR"]
    left.select_option("HR")
    right.select_option("bicubic")
    assert_split(opened, np.zeros_like(photo), photo, 0.5)
    left.select_option("bicubic")
    np.testing.assert_allclose(shown(opened, 0.25), expected(photo, 0.25), atol=14)
    assert opened.get_by_role("slider").first.get_attribute("aria-valuetext") == "50% bicubic, then bicubic"
    others = opened.locator(".stage").last.locator("img.left, img.right").all()
    assert [image.get_attribute("alt") for image in others] == [f"{'b' * 80}, bicubic", f"{'b' * 80}, ours"]


@pytest.mark.slow
def test_the_page_is_dark_where_the_system_is(opened: "Page") -> None:
    grounds = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        grounds.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(22, 22, 22)"]
