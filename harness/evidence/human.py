"""What people say of a run, from TOML files: before it (`--about`), and afterwards (`review`).

All of it is optional and nothing is ever made up: what is not said is left out, and printed as `to be filled in`.
"""

from pathlib import Path

from harness.core.model import Json
from harness.core.toml import Keys

ABOUT = ("purpose", "system", "asked_by", "run_by", "approved_by", "ticket", "plan", "revision", "location", "scope")
ABOUT_LISTS = ("participants", "assumptions")
REVIEW_LISTS = ("deviations", "lessons", "plan_changes")
ACTION, SIGN_OFF = ("title", "owner"), ("name", "role")


def about(path: Path) -> dict[str, Json]:
    """What was agreed on before a run, for run.json. Misconfigured."""
    keys = Keys.of(path)
    said = _said(keys, ABOUT, ABOUT_LISTS, days=("approved_on",))
    if (limit := keys.seconds("maximum_tolerable_downtime_s")) is not None:
        said["maximum_tolerable_downtime_s"] = limit
    return _whole(keys, said)


def review(path: Path) -> dict[str, Json]:
    """What people add to a run that ended. Misconfigured."""
    keys = Keys.of(path)
    said = _said(keys, (), REVIEW_LISTS)
    actions = [Keys(f"{path}, action {n}", raw) for n, raw in enumerate(keys.take("action", list, []), 1)]
    if actions:
        said["actions"] = [_whole(each, {**_said(each, ACTION, (), ("due",), needed="title")}) for each in actions]
    if signed := keys.take("sign_off", dict, {}):
        each = Keys(f"{path}, sign_off", signed)
        said["sign_off"] = _whole(each, _said(each, SIGN_OFF, (), ("on",), needed="name"))
    return _whole(keys, said)


def _said(
    keys: Keys, texts: tuple[str, ...], lists: tuple[str, ...], days: tuple[str, ...] = (), needed: str = ""
) -> dict[str, Json]:
    found: dict[str, Json] = {name: keys.take(name, str, None if name == needed else "").strip() for name in texts}
    found |= {name: keys.day(name) for name in days}
    found |= {name: [each.strip() for each in keys.strings(name, []) if each.strip()] for name in lists}
    if needed and not found[needed]:
        keys.fail(f"key `{needed}` is empty")
    return {name: value for name, value in found.items() if value}


def _whole(keys: Keys, said: dict[str, Json]) -> dict[str, Json]:
    keys.done()
    if not said:
        keys.fail("says nothing; fill in a key, or leave the file out")
    return said
