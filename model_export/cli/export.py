"""Command `export`: a training run into a verified artifact."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say, warn
from model_export.cli.options import Json, check_run
from model_export.cli.outcome import new_in
from model_export.data.atomic_file import temporary_folder
from model_export.training.run_folder import read_run
from nextitem.model.artifact import open_artifact
from nextitem.model.attribute_quality import AttributeQuality
from nextitem.model.manifest import Bounds, Quantization


def export(
    run: Annotated[
        Path, typer.Argument(help="A run's folder, from `nextitem train`.", show_default=False, callback=check_run)
    ],
    out: Annotated[Path, typer.Option(help="Folder to make the artifact's folder in.", show_default=False)],
    min_overlap: Annotated[float, typer.Option(help="Minimum top-20 overlap with fp32.")] = Bounds().overlap,
    max_hr_loss: Annotated[float, typer.Option(help="Maximum loss of HR@20 against fp32.")] = Bounds().hr_delta,
    scheme: Annotated[
        str | None, typer.Option(help="Scoring scheme; by default the cheapest within the bounds.")
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            help="File of items, as for `nextitem items publish`. The artifact then places items that it was not "
            "trained on by their attributes.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn a run into a verified artifact with a fast scoring scheme, named by its content."""
    new_in(out)
    bounds = Bounds(overlap=min_overlap, hr_delta=max_hr_loss)
    with progress() as view, temporary_folder() as folder:
        view.begin(f"reading {run}")
        trained = read_run(run)
        catalogue = None
        if items is not None:
            view.begin(f"reading {items}")
            from model_export.data.items.build import build_catalogue

            catalogue = build_catalogue(items, folder / "catalogue.bin").catalogue
        view.begin("starting torch")
        from model_export.export.export import export as export_run

        home = export_run(trained, out, bounds, view, scheme=scheme, items=catalogue)
    manifest = open_artifact(home).manifest
    if as_json:
        document = {"version": home.name, "folder": str(home), "quantization": manifest.quantization}
        print_json(document if manifest.attributes is None else document | {"attributes": manifest.attributes})
        return
    loss = manifest.quantization
    for line in _scheme_lines(loss):
        say(line)
    size = sum(entry.size for entry in manifest.files.values())
    say(
        f"{loss.scheme}: top-20 overlap with fp32 {loss.overlap:.4f}, HR@20 {loss.hr_delta:+.4f} on {loss.targets} "
        f"targets; torch = ONNX fp32 within {loss.parity:.1g}, stepwise = replay within {loss.stepwise:.1g}; "
        f"{size / 1e6:.2f} MB"
    )
    if manifest.attributes is not None:
        _say_attributes(manifest.attributes)
    typer.echo(home)


def _say_attributes(quality: AttributeQuality) -> None:
    if quality.refused:
        warn([f"no attribute map, so new items wait for the next training: {quality.refused}"])
        return
    say(
        f"attribute map of {', '.join(quality.columns)}: HR@20 of {quality.targets} held-out targets {quality.hr:.4f}; "
        f"among {quality.held_out} held-out items {quality.hr_among_new:.4f} (best sellers "
        f"{quality.best_sellers_among_new:.4f}, random {quality.random_among_new:.4f}); other targets "
        f"{quality.warm_delta:+.4f}"
    )


def _scheme_lines(quantization: Quantization) -> Iterator[str]:
    not_tried: dict[str, list[str]] = {}
    for row in quantization.considered:
        if row.cost_us is None or row.bytes is None:
            not_tried.setdefault(row.refused, []).append(row.scheme)
            continue
        yield (
            f"  {row.scheme}: counted {row.cost_us:.0f} us, {row.bytes / 1e6:.1f} MB, overlap {row.overlap:.4f}, HR@20 "
            f"{row.hr_delta:+.4f}, MRR@20 {row.mrr_delta:+.4f}: "
            f"{row.refused or ('pinned' if quantization.pinned else 'chosen')}"
        )
    for refused, schemes in not_tried.items():
        yield f"  {', '.join(schemes)}: {refused}"
