"""Finds the project's data: next to the package in a clone, inside it in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """The data folder `name`: clusters, fixtures, scenarios, or one of reports."""
    for root in (_PACKAGE / "data", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"drillproof was installed without its folder {name}; install it again")


def fixtures() -> Path:
    return folder("fixtures")


def clusters() -> Path:
    return folder("clusters")


def scenarios() -> Path:
    return folder("scenarios")
