"""The pages as a real Chromium shows them. `make test-browser` runs it: it needs the browser, and axe-core.

Each page is made from a whole drill, a drill that failed, one that broke off, one that is hostile, or from many.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chromium
import pytest
import sample_runs
from fleets import Fleets, target
from memory import Memory

from harness.campaigns import trend_page as trend_pages
from harness.campaigns.fleet import page as fleet_pages
from harness.campaigns.fleet.status import Gap
from harness.campaigns.matrix import page as matrix_pages
from harness.campaigns.matrix.plan import Exclusion
from harness.campaigns.matrix.results import drilled, rows
from harness.campaigns.trend import trend
from harness.core.model import Verdict
from harness.core.wait import NotYet, until
from harness.evidence import run_view
from harness.reports import after_action, render
from harness.workflows.runner import finish

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESK = 390, 1280
MOST_BYTES = 2_000_000
NAMES = ("pass", "fail", "unknown", "hostile", "matrix", "trend", "after-action", "after-hostile", "fleet")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of page by name, with the runs that it links to."""
    folder = tmp_path_factory.mktemp("pages")
    memory = Memory(folder / "runs")
    memory.drill()
    story = finish(memory.path)
    assert story.verdict is Verdict.PASS
    for name in ("copy-1", "copy-2"):
        shutil.copytree(memory.path, folder / "runs" / name)
    runs = {
        "pass": memory.path,
        "fail": sample_runs.failed(folder / "runs" / "fail"),
        "unknown": sample_runs.broken_off(folder / "runs" / "unknown"),
        "hostile": sample_runs.hostile(folder / "runs" / "hostile").write(),
    }
    for run in runs.values():
        render(run)
    matrix_pages.write(folder, rows(map(drilled, runs.values())), [Exclusion("a", "b", "c", "why not")], 1)
    trend_pages.write(trend(folder / "runs", (), scenarios=("memory_loss", "worker_lost")), folder / "trend.html")
    found = {name: run / "report.html" for name, run in runs.items()}
    for name in ("fail", "hostile"):
        made = after_action.read(run_view.read(runs[name]), {})
        (folder / f"after-{name}.html").write_text(after_action.render(made), encoding="utf-8")
    for name, targets in (("fleet", 30), ("fleet of 500", 500)):
        found[name] = fleet_page(folder / name, targets)
    found |= {"after-action": folder / "after-fail.html", "after-hostile": folder / "after-hostile.html"}
    return {**found, "matrix": folder / "matrix.html", "trend": folder / "trend.html"}


def fleet_page(folder: Path, targets: int) -> Path:
    """The page of a fleet, of which a tenth is proved."""
    fleets = Fleets(folder)
    read = fleets.write(*(target(f"t{n:03}", owner=f'"team {n % 7}"', rto_s="60") for n in range(targets)))
    for n, each in enumerate(read.targets[: targets // 10]):
        for hours in (54, 30, 6):
            fleets.attempt(each.name, hours, Verdict.FAIL if n % 5 == 0 else Verdict.PASS, detail="<script>x</script>")
    gaps = (Gap("namespace mail", "has 2 claims, and no schedule backs it up"),)
    fleet_pages.write(replace(fleets.status(), gaps=gaps), folder / "fleet.html")
    return folder / "fleet.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Page]:
    with chromium.page() as page:
        yield page


@functools.cache
def axe() -> str:
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_alone_and_without_a_complaint(browser: chromium.Page, pages: dict[str, Path], name: str) -> None:
    browser.look()
    browser.open(pages[name])
    assert browser.complaints() == []
    assert browser.requests() == [pages[name].resolve().as_uri()]
    assert pages[name].stat().st_size < MOST_BYTES


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_readable_for_everybody(
    browser: chromium.Page, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    browser.look(width=width, dark=dark)
    browser.open(pages[name])
    browser.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.ask("document.documentElement.scrollWidth") <= width  # type: ignore[operator] # a number
    browser.ask(axe())
    found = browser.ask("""axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']}).then(told =>
        told.violations.map(each => [each.id, each.nodes.map(node => `${node.html} ${node.failureSummary}`)]))""")
    assert found == []


def test_a_dark_page_is_dark(browser: chromium.Page, pages: dict[str, Path]) -> None:
    colours = []
    for dark in (False, True):
        browser.look(dark=dark)
        browser.open(pages["pass"])
        colours.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(246, 247, 249)", "rgb(17, 21, 27)"]


@pytest.mark.parametrize(("name", "least"), [("pass", 4), ("fail", 1), ("trend", 2)])
def test_the_pictures_are_there(browser: chromium.Page, pages: dict[str, Path], name: str, least: int) -> None:
    """The timeline, and each store's writes; the trend of each figure."""
    browser.look(width=PHONE)
    browser.open(pages[name])
    drawn = browser.ask("""[...document.querySelectorAll('svg[role=img]')].map(svg => [
        svg.getBoundingClientRect().width > 200 && svg.getBoundingClientRect().height > 60,
        [...svg.querySelectorAll('rect, circle, text')].filter(part => part.getBoundingClientRect().width > 0).length,
    ])""")
    assert isinstance(drawn, list)
    assert len(drawn) >= least
    assert all(isinstance(each, list) and each[0] and each[1] > 3 for each in drawn)


@pytest.mark.parametrize("name", ["pass", "fail", "unknown", "trend"])
def test_what_is_folded_opens_when_it_is_clicked(browser: chromium.Page, pages: dict[str, Path], name: str) -> None:
    browser.look()
    browser.open(pages[name])
    opened = browser.ask("""[...document.querySelectorAll('details:not([open])')].map(each => {
        const before = each.getBoundingClientRect().height;
        for (let up = each.parentElement; up; up = up.parentElement) if (up.tagName === 'DETAILS') up.open = true;
        each.querySelector('summary').click();
        return each.open && each.getBoundingClientRect().height > before;
    })""")
    assert opened
    assert opened == [True] * len(opened)  # type: ignore[arg-type] # a list, as was asked for


@pytest.mark.parametrize("name", ["matrix", "trend"])
def test_its_links_lead_to_reports(browser: chromium.Page, pages: dict[str, Path], name: str) -> None:
    browser.look()
    browser.open(pages[name])
    links = browser.ask("[...document.querySelectorAll('a')].map(each => each.href)")
    assert isinstance(links, list)
    reports = [Path(unquote(urlsplit(str(link)).path)) for link in links]
    there = [report for report in reports if report.exists()]
    assert len(there) >= 4
    browser.open(there[0])
    assert str(browser.ask("document.title")).endswith("drillproof")


def test_a_fleet_is_filtered_by_owner(browser: chromium.Page, pages: dict[str, Path]) -> None:
    browser.look()
    browser.open(pages["fleet of 500"])
    assert browser.complaints() == []
    assert pages["fleet of 500"].stat().st_size < MOST_BYTES
    shown = "[...document.querySelectorAll('tbody tr')].filter(each => each.checkVisibility())"
    assert browser.ask(f"{shown}.length") == 500
    browser.ask("[...document.querySelectorAll('label')].find(each => each.innerText.includes('team 3')).click()")
    assert browser.ask(f"{shown}.length") == 71
    assert browser.ask(f"[...new Set({shown}.map(each => each.cells[2].innerText))]") == ["team 3"]
    browser.ask("document.querySelector('#owner-0').click()")
    assert browser.ask(f"{shown}.length") == 500
    assert browser.ask("document.querySelector('h1').innerText.split('\\n')[0]") == "40 of 501 proved"


def test_an_unknown_looks_nothing_like_a_pass(browser: chromium.Page, pages: dict[str, Path]) -> None:
    looks = []
    for name in ("pass", "unknown"):
        browser.look()
        browser.open(pages[name])
        looks.append(
            browser.ask("""(({backgroundColor, backgroundImage, borderStyle, color}) =>
                [document.querySelector('h1').innerText.split(/\\s/)[0], document.querySelector('.sign').innerText,
                 backgroundColor, backgroundImage, borderStyle, color]
            )(getComputedStyle(document.querySelector('.verdict')))""")
        )
    good, unknown = looks
    assert isinstance(good, list)
    assert isinstance(unknown, list)
    assert (good[:2], unknown[:2]) == (["PASS", "✓"], ["UNKNOWN", "?"])
    assert not set(good) & set(unknown)


@pytest.mark.parametrize("name", NAMES)
def test_it_prints(browser: chromium.Page, pages: dict[str, Path], name: str) -> None:
    """Whatever is folded on the screen is on paper, since nobody can click on it there."""
    browser.look()
    browser.open(pages[name])
    assert browser.paper().startswith(b"%PDF-")
    browser.send("Emulation.setEmulatedMedia", media="print")

    def shown() -> None:  # on a busy machine the styles for paper come a moment later
        hidden = browser.ask("""[...document.querySelectorAll('details > :not(summary)')]
            .filter(each => !each.checkVisibility({contentVisibilityAuto: true})).length""")
        if hidden != 0:
            raise NotYet(f"{hidden} parts are hidden")

    until(shown, waited_for="all that is folded to be on paper", within_s=10)
    browser.send("Emulation.setEmulatedMedia", media="")
