"""The report: one HTML file that opens offline, with the verdict at the top and the evidence below."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, Template
from markupsafe import Markup

from harness.checks.explanation import explain
from harness.core import resources
from harness.core.json import flat, items, mapping, number, text
from harness.core.model import Event, Json, Verdict
from harness.core.text import duration, escaped, plural, visible
from harness.evidence.marks import DEFINITIONS, LEGS, MARKS
from harness.evidence.run_view import RunView
from harness.reports.equality import BAD, stores
from harness.reports.metrics import figures
from harness.reports.pictures import steps, timeline, writes
from harness.reports.printed import printed
from harness.reports.questions import answers
from harness.reports.summary import about, following, says
from harness.reports.texts import DEFINITIONS as OF_KIND
from harness.reports.texts import WRITES

SHOWN_ELSEWHERE = ("selftest", "left_out", "versions")  # the keys of run.json that are not shown among the settings


def render(view: RunView) -> str:
    read_back, (plots, write_marks) = stores(view), writes(view)
    return template("report.html").render(
        view=view,
        verdict=view.verdict.name,
        says=says(view),
        about=about(view),
        figures=figures(view, read_back),
        line=timeline(view.marks),
        marks=MARKS,
        legs=[(name, *ends, view.marks) for name, ends in LEGS.items()],
        ledgers={store: mapping(each) for store, each in mapping(view.judged, "ledger").items()},
        plots=plots,
        write_marks=write_marks,
        kinds=WRITES,
        stores=read_back,
        bad_states=BAD,
        causes=explain(view.findings),
        recovery=explain(view.recovery),
        detected=[each.detail for each in view.findings if each.check == "noticed" and each.verdict is Verdict.PASS],
        following=following,
        printed=printed(view) if view.verdict is not Verdict.PASS or view.recovery else (),
        answers=answers(view),
        damage=[pair for event in view.of("damage") for pair in flat(event.data.get("what"))],
        protected=[mapping(each) for event in view.of("protected") for each in items(event.data, "volumes")],
        reports=[_report(event) for event in view.of("backup", "restore")],
        steps=steps(view),
        versions=list(_versions(mapping(view.facts, "versions"))),
        facts=[pair for name, value in view.facts.items() if name not in SHOWN_ELSEWHERE for pair in flat(value, name)],
        left_out={name: mapping(each) for name, each in mapping(view.facts, "left_out").items()},
        definitions={**DEFINITIONS, **OF_KIND.get(text(view.facts, "kind"), {})},
    )


@functools.cache
def template(name: str) -> Template:
    """One of the project's templates: HTML, Markdown or JSON; every value in it is escaped."""
    html = name.endswith(".html")
    finalize: dict[str, Callable[[object], object]] = {"html": _visible, "md": _escaped, "json": json.dumps}
    environment = Environment(
        loader=FileSystemLoader(resources.folder("reports/templates")),
        autoescape=html,  # noqa: S701 # Markdown and JSON are escaped by `finalize`
        undefined=ChainableUndefined,  # a run may lack anything
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize[name.rpartition(".")[2]],
    )
    environment.filters.update(duration=duration, plural=plural)
    return environment.get_template(name)


def _visible(value: object) -> object:
    """Make invisible characters of every printed value visible; markup of the templates is unchanged."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(value: object) -> object:
    return value if isinstance(value, Markup) else escaped(str(value))


def _report(event: Event) -> Mapping[str, object]:
    data = event.data
    hooks = plural(number(data.get("hooks_attempted")) or 0, "hook")
    return {
        "kind": event.kind,
        "hooks": f"{hooks} ran, {text(data.get('hooks_failed')) or 0} failed",
        "volumes": tuple(map(mapping, items(data, "volumes"))),
        "messages": tuple(map(text, items(data, "messages"))),
        **{name: text(data, name) for name in ("name", "of", "phase", "errors", "warnings")},
    }


def _versions(versions: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in versions.items():
        if name == "images":
            yield from ((image, ", ".join(seen for _, seen in flat(each))) for image, each in mapping(value).items())
        else:
            yield from flat(value, name)
