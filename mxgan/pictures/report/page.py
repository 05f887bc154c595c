"""`render`: a view as a page of HTML."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

import mxgan
from mxgan.pictures.report.assets import asset, page_assets
from mxgan.pictures.report.words import FILTERS

__all__ = ["embedded", "render"]

# Characters that could end a script element, or that are line ends in JavaScript alone.
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def render(template: str, view: Any, inline: bool = True, root: str = "", **values) -> str:
    """A page.

    Parameters
    ----------
    template : a name of `mxgan.pictures.report.assets.PAGES`.
    view : what the page shows, JSON-able; the template gets it as `view`, the scripts as JSON.
    inline : whether styles and scripts stand in the page, which then makes no request at all; else it links to them.
    root : the address of the pages' root relative to the page, "" or ending in "/"; for pages with links.
    values : what else the template needs.
    """
    found = page_assets(template)
    styles, scripts = found if not inline else ([Markup(asset(name)) for name in names] for names in found)
    html = (
        _templates()
        .get_template(template)
        .render(
            view=view,
            data=embedded(view),
            inline=inline,
            root=root,
            styles=styles,
            scripts=scripts,
            policy=_policy(styles, scripts) if inline else "",
            version=mxgan.__version__,
            **values,
        )
    )
    # A lone surrogate, which names of files can have, stands in no file of UTF-8; as \\udc80 it also is JSON.
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


def embedded(value: Any) -> Markup:
    """A value as JSON that can stand in a script element of type application/json.

    >>> print(embedded("</script>"))
    "\\u003c/script\\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The Content-Security-Policy of a page that holds everything: only these styles and scripts, and no request."""
    hashes = [" ".join(f"'sha256-{_hash(text)}'" for text in texts) for texts in (styles, scripts)]
    return f"default-src 'none'; img-src data:; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'"


@cache
def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mxgan.pictures.report", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment
