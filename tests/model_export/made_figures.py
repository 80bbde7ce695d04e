"""The summary of events without a fault."""

from model_export.data.ingestion.figures import Figures, Heavy, Lengths

GOOD = Figures(
    rows=10_000,
    dropped={},
    rewritten={},
    about_values=(),
    types={},
    kept_types=(),
    collapse="repeats",
    events=10_000,
    sessions=2_000,
    items=100,
    is_epoch=True,
    by_user=False,
    first="2026-01-01",
    last="2026-01-31",
    early=0,
    late=0,
    earliest="2026-01-01",
    latest="2026-01-31",
    gaps=(),
    lengths=Lengths(median=4, p95=12, longest=80, single=1_000),
    duplicates=300,
    repeats=3_000,
    tied=500,
    long=20,
    heaviest=(Heavy("s1", 999),),
)
