"""A headless Chromium that opens pages from disk, as their readers do."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DESKTOP, PHONE = (1280, 800), (390, 844)


class Page:
    """A page in the browser."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def open(self, path: Path, size: tuple[int, int] = DESKTOP, anchor: str = "") -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.driver.get(f"{path.resolve().as_uri()}{anchor}")

    def run(self, script: str):
        """Run JavaScript; its ``return`` value comes back."""
        return self.driver.execute_script(script)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.05).until(lambda _: self.run(f"return {condition}"))

    def complaints(self) -> list[str]:
        """What the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for, beside itself and what it holds."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "file:", "about:"))]

    def sticks_out(self) -> list[str]:
        """Elements beyond the right edge of the window that no scrolling box holds."""
        return self.run(
            """
            const held = (e) => e
              && (getComputedStyle(e).overflowX !== 'visible' || held(e.parentElement));
            const edge = document.documentElement.clientWidth + 1;
            return [...document.body.querySelectorAll('*')]
              .filter((e) => e.getBoundingClientRect().right > edge && !held(e.parentElement))
              .map((e) => e.outerHTML.slice(0, 80));
            """
        )


@contextmanager
def chromium() -> Iterator[Page]:
    """Start the browser, or skip the test and say what is missing."""
    programs = [
        next(filter(None, map(shutil.which, names)), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    ]
    if not all(programs):
        pytest.skip(
            "Chromium and chromedriver are not installed (Debian: chromium chromium-driver)"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
    try:
        yield Page(driver)
    finally:
        driver.quit()
