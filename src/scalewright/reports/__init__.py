"""The report of a project: what was forecast, what was measured, and why, in one page."""

from scalewright.reports.content import ReportContent, Variant
from scalewright.reports.page import render_page, write_report

__all__ = ["ReportContent", "Variant", "render_page", "write_report"]
