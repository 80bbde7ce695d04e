"""An evaluation, or a measurement of drift, as one HTML page with its plots inside, which loads nothing.

Matplotlib and Jinja2 are imported only when a page is written.
"""

from model_export.report.writer import check_report, write_drift_report, write_report

__all__ = ["check_report", "write_drift_report", "write_report"]
