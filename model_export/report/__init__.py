"""An evaluation as a page with plots: ``report.md`` and PNG files beside it.

Matplotlib is imported only when plots are drawn.
"""

from model_export.report.writer import PAGE, require_plots, write_report

__all__ = ["PAGE", "require_plots", "write_report"]
