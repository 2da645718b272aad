"""What several commands take, once: each option's name, its help, and what a shell may complete it to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import complete
from harness.core.errors import Misconfigured

if TYPE_CHECKING:
    from harness.workflows.drill.shared_cluster import Place

if TYPE_CHECKING:
    from harness.workloads import application

Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIOS]...", help="Names; see `list`.", autocompletion=complete.word(complete.scenarios)
    ),
]
Stores = Annotated[
    list[str] | None,
    typer.Option(metavar="A,B", help="Only these stores.", autocompletion=complete.words(complete.stores)),
]
Strategy = Annotated[
    str | None, typer.Option(help="How data gets into the backup.", autocompletion=complete.word(complete.strategies))
]
Strategies = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B", help="Default: each scenario's own.", autocompletion=complete.words(complete.strategies)
    ),
]
Deployment = Annotated[
    str | None, typer.Option(metavar="NAME", help="What is protected: custos (the default) or custos-shipped.")
]
Engine = Annotated[
    str | None, typer.Option(help="What takes and restores the backup.", autocompletion=complete.word(complete.engines))
]
Engines = Annotated[
    list[str] | None,
    typer.Option(metavar="A,B", help="Default: each scenario's own.", autocompletion=complete.words(complete.engines)),
]
Application = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own application, described in a file; see `detect`.")
]
Seed = Annotated[int, typer.Option(help="Number that the known data follow from.")]
Size = Annotated[
    str,
    typer.Option(help="small (100 MB), medium (1 GB) or large (10 GB).", autocompletion=complete.word(complete.sizes)),
]
Rate = Annotated[float, typer.Option(metavar="N", help="Writes a second to each store.")]
Repeat = Annotated[int, typer.Option(metavar="N", help="How often each drill is made.")]
Images = Annotated[
    str,
    typer.Option(help="Where images come from: auto, pull or build.", autocompletion=complete.word(complete.images)),
]
Mirror = Annotated[str | None, typer.Option(metavar="HOST", help="Registry that mirrors the official names.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the cluster up afterwards.")]
Before = Annotated[
    list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD before STEP.", autocompletion=complete.steps)
]
After = Annotated[
    list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD after STEP.", autocompletion=complete.steps)
]
Cluster = Annotated[str, typer.Option(metavar="NAME", help="Cluster to make; another name for a drill beside another.")]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="A cluster that is there, by its kubeconfig's context.")
]
Kubeconfig = Annotated[Path | None, typer.Option(metavar="FILE", help="Default: kubectl's own.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Which contexts are allowed (drillproof.toml if not given).")
]
Key = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="DRILLPROOF_KEY", help="Private key that signs (yours if not given)."),
]
Runs = Annotated[Path, typer.Option(help="Folder of the run directories.", envvar="DRILLPROOF_RUNS")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A path, a run directory's name, or `latest`.", autocompletion=complete.word(complete.runs)
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")]

RUNS = complete.RUNS
CLUSTER = "drillproof"


def described(file: Path | None, place: Place | None = None) -> application.Application | None:
    """The application of the user's that a file describes; None, and nothing is loaded, where none is named.

    `place` is the cluster that is there, if it is to be drilled on one.
    """
    if file is None:
        return None
    from harness.workloads.manifests.load import OURS, Where, load

    allowed = place.allowed if place else None
    return load(file, Where(allowed.storage_class, allowed.namespace, pulls=True) if allowed else OURS)


def examples(*lines: str) -> str:
    """What --help ends with: command lines that can be copied as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def place(context: str | None, kubeconfig: Path | None, config: Path | None) -> Place | None:
    """The cluster that is there, if one is named. Misconfigured if the configuration does not allow it."""
    if context is None:
        if kubeconfig or config:
            raise Misconfigured("--kubeconfig and --config go with --context")
        return None
    from harness.clusters.permissions_file import allowed
    from harness.workflows.drill.shared_cluster import Place

    return Place(allowed(context, config), kubeconfig)
