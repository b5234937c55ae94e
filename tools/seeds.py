"""Do the chapters' claims hold at other seeds? ``make seeds`` runs all and writes book/claims.json.

``make seeds NB=notebooks/…`` runs only that chapter and leaves the others' lines as they are.
Every chapter runs at ATTNUTILS_SEED 0, 1 and 2 with the reader's own code. It fails if a claim
does not hold, if the seeds do not yield the same claims, or if a claim's value is the same at all
seeds (then it tests nothing about chance) unless the chapter marks it deterministic. The ledger
holds the range of each claim and a hash of each chapter's code, which the tests of the book compare
with the chapters, so that a ledger older than its chapter is noticed.
"""

import hashlib
import json
import sys
from pathlib import Path

from first_cell import ROOT, chapters
from nbformat import NotebookNode
from run import ChapterError, execute

LEDGER = ROOT / "book" / "claims.json"
SEEDS = (0, 1, 2)
METADATA_KEY = "attnutils_claim"


def code_hash(notebook: NotebookNode) -> str:
    """Hash of a chapter's code, without the set-up cell, which `make stamp` changes."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code[1:]).encode()).hexdigest()[:16]


def claims_in(notebook: NotebookNode) -> dict[str, dict]:
    """The claims that an executed chapter made, by id."""
    found: dict[str, dict] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            claim = output.get("metadata", {}).get(METADATA_KEY)
            if claim and claim["id"] in found:
                raise ChapterError(f"claim {claim['id']} is made twice")
            if claim:
                found[claim["id"]] = dict(claim)
    return found


def problems_with(claim_id: str, runs: list[dict | None]) -> list[str]:
    """What is wrong with one claim, given what each seed made of it."""
    if None in runs:
        without = [seed for seed, run in zip(SEEDS, runs, strict=True) if run is None]
        return [f"{claim_id}: not made at seed {without}"]
    problems = []
    for seed, run in zip(SEEDS, runs, strict=True):
        low, high = run.get("at_least"), run.get("at_most")
        value = run["value"]
        if not (low is None or value >= low) or not (high is None or value <= high):
            problems.append(f"{claim_id}: {value:.3g} at seed {seed}, but claimed: {low} to {high}")
    moves = len({run["value"] for run in runs}) > 1
    if runs[0].get("deterministic") and moves:
        problems.append(f"{claim_id}: marked deterministic, but its value moves with the seed")
    if not runs[0].get("deterministic") and not moves:
        problems.append(
            f"{claim_id}: {runs[0]['value']:.3g} at every seed; if it cannot depend on "
            "the seed, say deterministic=True"
        )
    return problems


def entry(runs: list[dict]) -> dict:
    """One claim's line in the ledger."""
    values = [float(f"{run['value']:.4g}") for run in runs]
    bounds = {key: runs[0][key] for key in ("at_least", "at_most") if runs[0].get(key) is not None}
    return {
        "lowest": min(values),
        "highest": max(values),
        **bounds,
        "deterministic": bool(runs[0].get("deterministic")),
    }


def survey(path: Path) -> tuple[dict, list[str]]:
    """Run one chapter at every seed; return its part of the ledger and what is wrong."""
    try:
        notebooks = [execute(path, seed)[0] for seed in SEEDS]
        by_seed = [claims_in(notebook) for notebook in notebooks]
    except ChapterError as error:
        return {}, [str(error)]
    ids = list(dict.fromkeys(claim_id for claims in by_seed for claim_id in claims))
    runs = {claim_id: [claims.get(claim_id) for claims in by_seed] for claim_id in ids}
    problems = [line for claim_id in ids for line in problems_with(claim_id, runs[claim_id])]
    claims = {} if problems else {claim_id: entry(runs[claim_id]) for claim_id in ids}
    return {"code": code_hash(notebooks[0]), "claims": claims}, problems


def make_ledger(only: list[Path]) -> int:
    """Run these chapters, or all; write the ledger if nothing is wrong."""
    surveyed, problems = {}, []
    for path in only or chapters():
        surveyed[path.stem], found = survey(path)
        problems += [f"{path.stem}: {line}" for line in found]
        print(
            f"{path.stem}: {len(surveyed[path.stem].get('claims', {}))} claims hold at {SEEDS}"
            if not found
            else f"{path.stem}: FAILED",
            flush=True,
        )
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    # read only now: another survey may have written meanwhile
    ledger = json.loads(LEDGER.read_text(encoding="utf-8")) if only else {}
    ledger |= surveyed
    ledger = {path.stem: ledger[path.stem] for path in chapters() if path.stem in ledger}
    LEDGER.write_text(json.dumps(ledger, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(make_ledger([Path(path).resolve() for path in sys.argv[1:]]))
