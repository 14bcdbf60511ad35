"""The report in a real browser: nothing overflows, all figures are visible, and hostile names stay text."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_report import hostile_folder, write_folder

from extrapolate.report import write_page
from pages import HOSTILE

pytest.importorskip("selenium", reason="needs selenium: pip install 'extrapolate[dev]'")
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

pytestmark = pytest.mark.slow

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
)
FLAGS += ("--disable-background-networking", "--disable-component-update")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    binary = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {
        "whole": write_page(write_folder(folder / "whole")),
        "hostile": write_page(hostile_folder(folder / "hostile")),
    }


def visit(browser: webdriver.Chrome, page: Path, width: int, scheme: str = "light") -> None:
    """Open `page` on an emulated screen of `width` CSS pixels; a window cannot be that narrow."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get_log("browser")
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["whole", "hostile"])
def test_page_fits_and_all_figures_are_visible(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int
) -> None:
    visit(browser, pages[name], width)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(one => one.getBoundingClientRect())"
        ".map(box => [box.width, box.height, box.left, box.right])"
    )
    assert len(sizes) >= 10
    assert all(wide > 200 and high > 40 for wide, high, _, _ in sizes)
    assert all(left >= 0 and right <= width for _, _, left, right in sizes)
    assert browser.get_log("browser") == []
    assert browser.title != "owned"
    spilling = browser.execute_script(
        "return [...document.querySelectorAll('.matrix th, .card dd, .facts dd, .facts dt, h1, h2, h3')]"
        ".filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"
    )
    assert name != "hostile" or spilling == [], "long names stay inside their elements"


def test_drawn_text_stays_inside_its_drawing(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    visit(browser, pages["whole"], 1280)
    outside = browser.execute_script(
        "return [...document.querySelectorAll('figure svg text')].filter(text => {"
        " const box = text.getBoundingClientRect();"
        " const frame = text.closest('figure').getBoundingClientRect();"
        " return box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom"
        "}).map(text => text.textContent)"
    )
    assert outside == []


def test_hostile_names_are_read_as_written(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    visit(browser, pages["hostile"], 1280)
    text = browser.execute_script("return document.documentElement.textContent")
    assert all(name in text for name in HOSTILE[:4])
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe').length") == 0
    labels = browser.execute_script(
        "return [...document.querySelectorAll('figure svg text')].map(text => text.textContent).join('\\n')"
    )
    assert "<script>" in labels
    assert "$\\frac{" in labels


def test_dark_scheme_reaches_the_drawings(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    colours = []
    for scheme in ("light", "dark"):
        visit(browser, pages["whole"], 1280, scheme)
        colours.append(
            browser.execute_script(
                "return [getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.querySelector('figure svg text')).fill]"
            )
        )
    assert colours[0][0] != colours[1][0]
    assert colours[0][1] != colours[1][1]
