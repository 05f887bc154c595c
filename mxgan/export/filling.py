"""The templates of this room, filled in."""

from __future__ import annotations

import jinja2

__all__ = ["filled"]

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("mxgan.export", "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # Python and Markdown, not HTML: who fills in a text from outside makes it safe for these
)


def filled(template: str, **values) -> str:
    """The text of a file in templates/ with these values."""
    return _TEMPLATES.get_template(template).render(**values)
