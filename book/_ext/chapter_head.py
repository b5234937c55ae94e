"""The head of a chapter: how long it takes, what it needs, and where else it can be opened.

Time and needs are what the chapter itself says in its first box ("**Time** about 30 minutes ·
**Needs** …"). Download works everywhere; Colab and Source appear once `make stamp URL=…` has set
the repository's address. The theme's own buttons, which need a script of 80 KB, are switched off,
and Thebe, which jupyter-book loads in any case and which would fetch its script from elsewhere.
"""

from typing import Any
from urllib.parse import urlsplit

from chapter_numbers import chapter_number
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

COLAB = "https://colab.research.google.com/github"


def take_over_buttons(app: Sphinx, config: Config) -> None:
    """Keep the address for our buttons and hide it from the theme's; drop Thebe."""
    options = config.html_theme_options
    config.repository_address = (options.pop("repository_url", "") or "").rstrip("/")
    config.repository_branch = options.get("repository_branch") or "main"
    options["launch_buttons"] = {}
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [
        entry for entry in app.registry.css_files if entry[0] != "sphinx-thebe.css"
    ]


def buttons(config: Config, path: str) -> list[tuple[str, str, str]]:
    """(class, text, address) of a chapter's buttons; its path starts at the root."""
    name = path.rpartition("/")[2]
    found = [("download", "Download", "../" * path.count("/") + f"_sources/{path}")]
    if address := config.repository_address:
        place = f"blob/{config.repository_branch}/{path}"
        url = urlsplit(address)
        if url.hostname == "github.com":  # the only host that Colab opens
            found.insert(0, ("colab", "Colab", f"{COLAB}{url.path}/{place}"))
        found.append(("source", "Source", f"{address}/{place}"))
    return [
        (kind, f"{text} {name}" if kind == "download" else text, to) for kind, text, to in found
    ]


def add_head(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Set time and needs apart from the chapter's first box, with the buttons below."""
    if chapter_number(name) is None or app.builder.format != "html":
        return
    title = next(doctree.findall(nodes.title), None)
    if title is None:
        return
    facts = next(
        (p for p in doctree.findall(nodes.paragraph) if p.astext().startswith("Time ")), None
    )
    head = nodes.container(classes=["chapter-head"])
    if facts is not None and isinstance(box := facts.parent, nodes.block_quote):
        box.remove(facts)
        facts["classes"].append("chapter-facts")
        head += facts
        if not box.children:
            box.parent.remove(box)
    row = nodes.paragraph(classes=["chapter-buttons"])
    path = app.env.doc2path(name, base=False)
    for kind, text, address in buttons(app.config, str(path)):
        row += nodes.reference(
            "", text, refuri=address, internal=kind == "download", classes=[f"button-{kind}"]
        )
        row += nodes.Text(" ")
    head += row
    title.parent.insert(title.parent.index(title) + 1, head)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the settings once they are read, and at each chapter when it is written."""
    app.add_config_value("repository_address", "", "html", str)
    app.add_config_value("repository_branch", "main", "html", str)
    app.connect("config-inited", take_over_buttons)
    app.connect("doctree-resolved", add_head)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
