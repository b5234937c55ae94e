"""The rules for chapters and pages: each looks at one document and says what is wrong with it.

A rule is a small generator ``rule(document, book)`` of sentences that name the cell, what was
found, expected and how to mend it. ``test_rules_can_fail.py`` plants a fault for each of them.
"""

import ast
import builtins
import re
from collections.abc import Callable
from posixpath import normpath

import nbformat
from documents import called, calls, first, has_image, names_in, output_text, tags, tree

TAGS = {
    "hide-input",
    "hide-cell",
    "needs-torch",
    "nbval-ignore-output",
    "raises-exception",
    "exercise",
    "solution",
}
ROLES = {"cite:p", "cite:t", "eq", "numref", "term"}
SLOW = {"11", "12", "13", "14", "16", "19", "24", "25", "26", "27", "29", "30", "31"}
SEEDED = {"default_rng", "manual_seed", "manual_seed_all", "seed", "RandomState", "SeedSequence"}
LONGEST_CELL, LONGEST_OUTPUT = 25, 20  # lines

RULES: list[Callable] = []  # for chapters
PAGE_RULES: list[Callable] = []  # those of them that hold for pages too


def rule(function):
    RULES.append(function)
    return function


def rule_for_pages_too(function):
    PAGE_RULES.append(function)
    return rule(function)


# --- Shape of a chapter ------------------------------------------------------------------------


@rule
def is_a_valid_notebook(chapter, book):
    try:
        nbformat.validate(chapter.notebook)
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error.message}"
    kernel = chapter.notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"kernelspec is {kernel!r}, expected 'python3': `make run NB={chapter.path}`"
    if not re.fullmatch(r"notebooks/\d_[a-z_]+/\d\d_[a-z0-9_]+\.ipynb", str(chapter.path)):
        yield "the path is not notebooks/<digit>_<part>/<NN>_<name>.ipynb: rename the file"


@rule
def has_one_title_without_a_number(chapter, book):
    where, cell = chapter.cells[0]
    if cell.cell_type != "markdown" or not cell.source.startswith("# "):
        yield f"{where} does not start with `# Title`: the first cell is the title"
    titles = [title for _, level, title in chapter.headings if level == 1]
    if len(titles) != 1:
        yield f"{len(titles)} headings of level 1, expected one: make the others `##`"
    if titles and re.match(r"\d|chapter\b", titles[0], re.IGNORECASE):
        yield f"the title {titles[0]!r} has a number; the build takes it from the file name"
    for where, level, title in chapter.headings:
        if level > 3:
            yield f"{where}: heading {title!r} has level {level}: use `##` or `###`"


@rule
def starts_with_the_set_up(chapter, book):
    where, cell = chapter.code[0]
    if cell.source != book.first_cell:
        yield f"{where} is not what tools/first_cell.py makes: `make stamp URL=…` renews it"
    if "hide-input" not in tags(cell):
        yield f"{where}: the set-up cell lacks the tag hide-input"


@rule
def draws_from_one_seed(chapter, book):
    seeding = [
        ast.unparse(call) for _, cell in chapter.code for call in calls(cell, "seed_everything")
    ]
    where, cell = chapter.code[1]
    if seeding != ["seed_everything(0)"]:
        yield f"found {seeding}, expected one call: rng = seed_everything(0)"
    if not (calls(cell, "seed_everything") and calls(cell, "use_style")):
        yield f"{where}: the second code cell imports, calls use_style() and seed_everything(0)"
    literal = _literal_names(chapter)
    for where, cell in chapter.code:
        for call in (node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)):
            seeds = [[k.value] for k in call.keywords if k.arg in ("seed", "random_state")]
            if called(call) in SEEDED:
                seeds.append(call.args)
            if any(set().union(*map(names_in, seed)) <= literal for seed in seeds):
                yield (
                    f"{where}: `{ast.unparse(call)}` has a seed of its own: draw from rng, "
                    "as in rng.spawn(5) or int(rng.integers(2**31))"
                )


def _literal_names(chapter) -> set[str]:
    """Names bound to nothing but literals: ``SEED = 3``, ``for seed in range(5)``."""
    known = set(dir(builtins))
    for _, cell in chapter.code:
        for node in ast.walk(tree(cell)):
            target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
            value = getattr(node, "iter", None) or getattr(node, "value", None)
            if isinstance(target, ast.Name) and value and names_in(value) <= known:
                known.add(target.id)
    return known


@rule
def cells_are_short(chapter, book):
    for where, cell in chapter.code[1:]:
        if (lines := len(cell.source.splitlines())) > LONGEST_CELL:
            yield f"{where} has {lines} lines, at most {LONGEST_CELL}: split it"
        lines = len(output_text(cell).splitlines())
        if lines > LONGEST_OUTPUT and not {"needs-torch", "raises-exception"} & tags(cell):
            yield f"{where} prints {lines} lines, at most {LONGEST_OUTPUT}: print less"


@rule
def tags_are_known(chapter, book):
    for where, cell in chapter.cells:
        if unknown := tags(cell) - TAGS:
            yield f"{where}: unknown tags {sorted(unknown)}; known are {sorted(TAGS)}"
        if cell.cell_type == "code" and "# NBVAL_" in cell.source:
            yield f"{where}: an NBVAL comment: write it as a tag"


@rule
def torch_has_one_section_in_the_numpy_chapters(chapter, book):
    sections, section = set(), "the top"
    for where, cell in chapter.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.MULTILINE):
            section = where
        if "needs-torch" in tags(cell):
            sections.add(section)
    if chapter.number <= "08" and len(sections) > 1:
        yield (
            f"cells tagged needs-torch stand in {len(sections)} sections, headed by "
            f"{', '.join(sorted(sections))}: move them into one"
        )


@rule
def nothing_public_is_defined_again(chapter, book):
    for where, cell in chapter.code:
        nodes = list(ast.walk(tree(cell)))
        methods = [part for node in nodes if isinstance(node, ast.ClassDef) for part in node.body]
        for node in nodes:
            name = None
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node not in methods:
                name = node.name
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                name = ast.unparse(node.targets[0])
            if name in book.public:
                yield (
                    f"{where} defines `{name}`, a public name of {book.public[name]}: "
                    f"import it, or call yours `my_{name}`"
                )


# --- Outputs -----------------------------------------------------------------------------------


@rule
def was_executed_in_order(chapter, book):
    for expected, (where, cell) in enumerate(chapter.code, start=1):
        if cell.execution_count != expected:
            yield (
                f"{where} has execution count {cell.execution_count}, expected {expected}: "
                f"`make run NB={chapter.path}`"
            )
            break
        spoken = {
            called(node.value)
            for node in tree(cell).body
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        }
        if spoken & {"print", "claim", "grade", "hint", "predict"} and not cell.outputs:
            yield f"{where} prints but no output is stored: `make run NB={chapter.path}`"


@rule
def errors_are_on_purpose(chapter, book):
    for where, cell in chapter.code:
        error = next((o for o in cell.outputs if o.output_type == "error"), None)
        if error and "raises-exception" not in tags(cell):
            yield f"{where} ended in {error.ename}: {error.evalue}; mend it or tag raises-exception"
        if not error and "raises-exception" in tags(cell):
            yield f"{where} is tagged raises-exception but raised nothing: remove the tag"


@rule
def outputs_are_clean(chapter, book):
    for where, cell in chapter.code:
        text = output_text(cell)
        if noise := [output.text for output in cell.outputs if output.get("name") == "stderr"]:
            yield f"{where} wrote to stderr {noise[0][:80]!r}: mend what warns"
        if re.search(r"\d+%\|.*\||\d(it/s|s/it)\b", text):
            yield f"{where} stores a progress bar: `make run` disables them"
        if found := re.search(r"0x[0-9a-f]{8,}|/(home|tmp|root|Users|work)/\S+", text):
            yield f"{where} shows {found[0]!r}, which differs on each machine: do not print it"


@rule
def figures_are_described(chapter, book):
    for where, cell in chapter.code:
        mystnb = cell.metadata.get("mystnb", {})
        caption, name = (mystnb.get("figure", {}).get(key, "") for key in ("caption", "name"))
        alt = mystnb.get("image", {}).get("alt", "")
        shown = sum(map(has_image, cell.outputs))
        if shown > 1:
            yield f"{where} shows {shown} figures, at most one: split the cell"
        if not shown:
            if "figure" in mystnb:
                yield f"{where} has the metadata of a figure but stores none: run it or remove them"
            continue
        if len(caption.split()) < 5 or not caption.endswith(".") or caption[0].islower():
            yield f"{where}: caption {caption!r} is no sentence of five words or more with a period"
        if not re.fullmatch(rf"fig-{chapter.number}-[a-z0-9]+(-[a-z0-9]+)*", name):
            yield f"{where}: figure name {name!r}, expected fig-{chapter.number}-some-slug"
        if len(alt.split()) < 3 or alt == caption:
            yield f"{where}: alt text {alt!r} must say what is seen and differ from the caption"


@rule
def outputs_not_compared_are_few_and_guarded(chapter, book):
    cells = [cell for _, cell in chapter.code]
    ignored = [i for i, cell in enumerate(cells) if "nbval-ignore-output" in tags(cell)]
    shown = sum(bool(cell.outputs) for cell in cells)
    if 4 * len(ignored) > shown:
        yield (
            f"{len(ignored)} of {shown} cells with output are tagged nbval-ignore-output, at "
            "most a quarter may be: only those that train or time"
        )
    for i in ignored:
        guards = [
            node
            for cell in cells[i : i + 3]
            for node in ast.walk(tree(cell))
            if isinstance(node, ast.Assert)
            or isinstance(node, ast.Call)
            and called(node) == "claim"
        ]
        if not guards:
            yield f"{chapter.code[i][0]} is not compared: assert or claim() within two code cells"


@rule
def runs_in_a_minute(chapter, book):
    seconds = chapter.notebook.metadata.get("attnutils", {}).get("cpu_seconds")
    limit = 120 if chapter.number in SLOW else 60
    if not isinstance(seconds, int | float):
        yield f"metadata attnutils.cpu_seconds is {seconds!r}: `make run NB={chapter.path}`"
    elif seconds > limit:
        yield f"takes {seconds} CPU seconds, at most {limit}: fewer steps or smaller sizes"


# --- Claims, predictions, exercises ------------------------------------------------------------


@rule
def claims_can_fail(chapter, book):
    for where, cell in chapter.code:
        for call in calls(cell, "claim"):
            name = first(call)
            if not isinstance(name, str) or not name.startswith(f"{chapter.number}-"):
                yield f"{where}: claim id {name!r}, expected a literal '{chapter.number}-some-slug'"
            elif book.claims[name] > 1:
                yield f"{where}: claim id {name!r} is used {book.claims[name]} times: rename one"
            if not {"at_least", "at_most"} & {keyword.arg for keyword in call.keywords}:
                yield f"{where}: claim {name!r} has neither at_least nor at_most"


@rule
def predictions_and_exercises_are_known(chapter, book):
    for kind, table in (("predict", book.predictions), ("grade", book.exercises)):
        own = {name for name, number in table.items() if number == chapter.number}
        used = [(where, first(call)) for where, cell in chapter.code for call in calls(cell, kind)]
        for where, name in used:
            if name not in own:
                yield f"{where}: {kind}({name!r}) is not of this chapter, whose are {sorted(own)}"
        for name in own - {name for _, name in used}:
            yield f"{name!r} is defined for this chapter, but no cell calls {kind}({name!r}, …)"


@rule
def exercises_have_stub_and_solution(chapter, book):
    following = [*chapter.code[1:], (None, None)]
    for (where, cell), (_, solution) in zip(chapter.code, following, strict=True):
        if calls(cell, "grade") and not {"exercise", "solution"} & tags(cell):
            yield f"{where} calls grade: tag it exercise or solution"
        if "exercise" not in tags(cell):
            continue
        match = re.search(r'^grade\("([\w-]+)", (\w+)\)\Z', cell.source, re.MULTILINE)
        if not match:
            yield f'{where}: the last line of a stub is grade("id", function)'
            continue
        name, function = match.groups()
        if f"{name}: not attempted yet" not in output_text(cell):
            yield f"{where}: output lacks '{name}: not attempted yet'; the stub must return `...`"
        if f'hint("{name}")' not in chapter.text:
            yield f'{where}: the text does not say that hint("{name}") gives a hint'
        if solution is None or "solution" not in tags(solution):
            yield f"{where}: the next code cell must be the solution, tagged solution"
        else:
            yield from _solution_faults(
                f"solution of {name!r}", solution, f'grade("{name}", solution_{function})'
            )


def _solution_faults(where, cell, last):
    lines, metadata = cell.source.splitlines(), cell.metadata
    if not (
        "hide-cell" in tags(cell)
        and metadata.get("cellView") == "form"
        and metadata.get("jupyter", {}).get("source_hidden")
        and lines[0] == "# @title Solution"
    ):
        yield (
            f"{where} is not folded everywhere: it needs the tag hide-cell, the metadata "
            "cellView: form and jupyter.source_hidden, the first line # @title Solution"
        )
    if lines[-1] != last:
        yield f"{where}: last line is {lines[-1]!r}, expected {last!r}"


# --- Text --------------------------------------------------------------------------------------


@rule
def text_works_in_plain_jupyter(chapter, book):
    for where, cell in chapter.cells:
        found = re.search(r"^[\s>*-]*(`{3,}|~{3,}|:{3,})\s*\{.*", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and found:
            yield f"{where}: directive {found[0]!r} shows raw in Jupyter: write plain Markdown"
    for where, token in chapter.tokens:
        if token.type == "myst_role" and token.meta["name"] not in ROLES:
            yield f"{where}: role {{{token.meta['name']}}}, but only {sorted(ROLES)} are used"
        if token.type == "html_block" and re.search(r"</(summary|details)>.*\n.*\w", token.content):
            yield f"{where}: no blank line after {token.content!r}: what follows shows raw"
        if token.type == "amsmath":
            yield f"{where}: a bare \\begin{{…}}: write $$ … $$ (eq-{chapter.number}-slug)"
        if token.type == "math_block_label" and not re.fullmatch(
            rf"eq-{chapter.number}-[a-z0-9-]+", token.info
        ):
            yield f"{where}: equation label {token.info!r}, expected eq-{chapter.number}-some-slug"


@rule_for_pages_too
def formulas_are_within_katex(document, book):
    for where, token in document.tokens:
        found = re.search(
            r"\\(begin\{(multline|eqnarray)\*?\}|(label|eqref|mathds)\b)",
            token.content if "math" in token.type else "",
        )
        if found:
            yield f"{where}: KaTeX does not render {found[0]}: use aligned, {{eq}} or \\mathbb"


@rule_for_pages_too
def labels_are_defined_once(document, book):
    for label in set(document.labels):
        if book.labels[label] > 1:
            yield f"label {label!r} is defined {book.labels[label]} times in the book: rename one"
    for where, label in document.roles("eq", "numref"):
        if not book.labels[label]:
            yield f"{where}: reference to {label!r}, which nothing in the book defines"


@rule_for_pages_too
def citations_are_in_the_bibliography(document, book):
    for where, key in document.roles("cite:p", "cite:t"):
        if key not in book.keys:
            yield f"{where}: citation {key!r} is not in book/references.bib"


@rule_for_pages_too
def links_resolve(document, book):
    for where, token in document.tokens:
        links = [str(value) for key, value in token.attrs.items() if key in ("href", "src")]
        if token.type.startswith("html"):
            links += re.findall(r"""\b(?:href|src)=["'](.*?)["']""", token.content)
        for link in links:
            if not re.match(r"https?://|mailto:", link) and (fault := _dead(document, book, link)):
                yield f"{where}: link {link!r} {fault}"


def _dead(document, book, link) -> str | None:
    path, _, anchor = link.partition("#")
    target = normpath(document.path.parent / path) if path else str(document.path)
    if page := book.by_path.get(target):
        if anchor and anchor not in page.anchors:
            return f"names no heading of {target}, whose anchors are {sorted(page.anchors)}"
    elif not (book.root / target).exists():
        return f"leads nowhere: there is no {target}"
    elif re.fullmatch(r"(book|notebooks)/.*\.(md|ipynb)", target):
        return "leads to a page that _toc.yml does not list"


@rule_for_pages_too
def nothing_is_left_to_do(document, book):
    for where, cell in document.cells:
        if found := re.search(r"\b(TODO|FIXME|XXX|TBD)\b", cell.source):
            yield f"{where}: {found[0]} is left: finish it or take it out"
