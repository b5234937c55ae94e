"""Buttons that run a chapter elsewhere: Colab where the address is known, Thebe never.

``make stamp URL=…`` sets the repository's address; without one the theme would not build. Thebe
would fetch its script from another site; jupyter-book loads its extension in any case.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def keep_colab_alone(app: Sphinx, config: Config) -> None:
    """Drop the launch buttons where there is no address, and all that Thebe would do."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options["launch_buttons"] = {}
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [
        entry for entry in app.registry.css_files if entry[0] != "sphinx-thebe.css"
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the settings once they are read."""
    app.connect("config-inited", keep_colab_alone)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
