"""The directive ``{claims-ledger}``: one table a chapter out of book/claims.json."""

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

LEDGER = Path(__file__).parents[1] / "claims.json"


def number(value: float) -> str:
    """Three significant digits, as the chapters print them, but large numbers in full."""
    short = f"{value:.3g}"
    return f"{float(short):,.0f}" if abs(value) >= 1000 else short


def demanded(claim: dict) -> str:
    """The bounds that the chapter's cell asserts."""
    low, high = claim.get("at_least"), claim.get("at_most")
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    return f"at least {number(low)}" if high is None else f"at most {number(high)}"


def measured(claim: dict) -> str:
    """The range over the seeds."""
    low, high = number(claim["lowest"]), number(claim["highest"])
    if claim["deterministic"]:
        return f"{low} (no chance in it)"
    return low if low == high else f"{low} to {high}"


def table(claims: dict[str, dict]) -> list[str]:
    """A chapter's claims as a Markdown table; a claim's words are those of its name."""
    rows = [
        f"| {name.partition('-')[2].replace('-', ' ')} | {demanded(claim)} | {measured(claim)} |"
        for name, claim in claims.items()
    ]
    head = ["```{table}", ":width: 100%", ":widths: 40 25 35", ""]
    head += ["| claim | must be | measured at three seeds |", "|---|---|---|"]
    return [*head, *rows, "```", ""]


class ClaimsLedger(SphinxDirective):
    """Every claim of every chapter, under a heading that links to the chapter."""

    def run(self) -> list[Any]:
        """Write the tables as Markdown and let MyST read them."""
        self.env.note_dependency(str(LEDGER))
        ledger = json.loads(LEDGER.read_text(encoding="utf-8"))
        lines = []
        for docname in sorted(self.env.found_docs, key=lambda name: name.rpartition("/")[2]):
            chapter = ledger.get(docname.rpartition("/")[2])
            if chapter and chapter["claims"]:
                source = self.env.doc2path(docname, base=False)
                lines += [f"**[](/{source})**", "", *table(chapter["claims"])]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("claims-ledger", ClaimsLedger)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
