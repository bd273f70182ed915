"""The weekly report on paper."""

from __future__ import annotations

from flask import current_app

from wholesale.platform import i18n, pdf
from wholesale.reports import chart, rules, screens
from wholesale.reports.queries import Weekly


def render(report: Weekly, language: str) -> bytes:
    """The PDF, in that language. The template gets the figures and nothing else."""
    with i18n.speaking(language):
        html = current_app.jinja_env.get_template("reports/weekly.html").render(
            report=report,
            measures=screens.measures(report.now, report.before),
            chart=chart.columns(
                [bar.figures.sales.amount for bar in report.days],
                [bar.figures.sales.amount for bar in report.days_before],
            ),
            week=rules.week_name(report.asked.now),
            lang=language,
            change=rules.change,
            site_name=current_app.extensions["settings"].site_name,
        )
        css = current_app.jinja_env.get_template("reports/weekly.css").render()
    return pdf.render(html, css)
