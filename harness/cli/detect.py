"""`drillproof detect`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

app = typer.Typer()


@app.command(
    epilog=options.examples(
        "drillproof detect ./manifests",
        "drillproof detect ./manifests --out shop.toml",
        "drillproof detect ./rendered.yaml --json | jq '.databases[].pod'",
    )
)
def detect(
    manifests: Annotated[
        Path,
        typer.Argument(metavar="MANIFESTS", help="A kustomization, a folder of YAML, a YAML file or a Helm chart."),
    ],
    namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where they are deployed; if they do not say so themselves.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the proposed file there.")] = None,
    as_json: options.AsJson = False,
) -> int:
    """Say which databases your manifests run, and propose the file to drill them by; makes nothing."""
    from harness.workloads.manifests import render as sources
    from harness.workloads.manifests import scaffold

    if out and out.exists():
        raise Misconfigured(f"{out} is there already; name another file with --out")
    if sources.is_chart(manifests):
        namespace = namespace or manifests.resolve().name
    objects = sources.of_anything(manifests, namespace)
    found = scaffold.found(str(manifests), objects, namespace or sources.namespace_of(objects))
    where = os.path.relpath(manifests, out.parent) if out else str(manifests)
    text = scaffold.proposal(found, where, chart=sources.is_chart(manifests))
    if as_json:
        output.document(scaffold.document(found))
    else:
        typer.echo("\n".join(scaffold.lines(found)))
    if out:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Misconfigured(f"{out} cannot be written: {error.strerror}; name another file with --out") from error
        if not as_json:
            typer.echo(f"proposed: {out}; read it, mend it, and confirm it in its first lines")
    elif not as_json:
        typer.echo(f"\n{text}", nl=False)
    return 0
