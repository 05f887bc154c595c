"""The command `mxgan serve`: the pages of runs, live."""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn, Optional

import click

from mxgan.cli.flags import debug_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import ArgumentError
from mxgan.runtime.extras import needed
from mxgan.runtime.paths import checked_path

__all__ = ["serve"]


@click.command()
@click.argument("folder", type=click.Path(), default="runs")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others need --token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--token", metavar="TEXT|auto", envvar="MXGAN_TOKEN", help="What each viewer must know, of 16 characters "
              "or more; auto makes one. $MXGAN_TOKEN keeps it out of the list of processes.")  # fmt: skip
@click.option(
    "--allow-host", "others", metavar="NAME", multiple=True, help="A further name of this machine in addresses."
)
@click.option(
    "--nice", type=click.IntRange(0, 19), default=10, show_default=True, help="A training beside it comes first."
)
@debug_option
def serve(folder: str, host: str, port: int, token: Optional[str], others: tuple, nice: int, debug: bool) -> None:
    """Show the runs of FOLDER in a browser while they train: curves, pictures, scores. Ctrl-C ends it.

    Without FOLDER: runs. The server reads and never writes. Only this machine reaches it, unless --host names another
    address; that needs a --token.
    """
    with readable_errors(debug):
        for module in ("starlette", "uvicorn"):
            needed(module, "web", "The pages of `mxgan serve` are")
        show_log(err=True)
        _serve(_folder(folder), host, port, token, others, nice)


def _folder(folder: str) -> Path:
    path = checked_path("FOLDER", folder)
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise ArgumentError(f"{folder} {what}. Give a folder of runs, such as the one in which --run-dir was.")
    return path


def _serve(folder: Path, host: str, port: int, token: Optional[str], others: tuple, nice: int) -> None:
    from mxgan.web.addresses import address_text, listen, names_of, resolved
    from mxgan.web.app import make_app
    from mxgan.web.explorer.routes import explorer_routes
    from mxgan.web.explorer.studio import Studio
    from mxgan.web.server import run_until_signal
    from mxgan.web.site import Site
    from mxgan.web.tokens import Token, checked_token

    address, text = resolved(host), checked_token(token)
    if text is None and not address.is_loopback:
        raise ArgumentError(
            f"--host {host} can be reached from other machines, and there is no --token. Give --token auto; or leave "
            f"--host out, and run `ssh -L {port}:127.0.0.1:{port} MACHINE` on the other machine."
        )
    names = names_of(address, others)
    with listen(address, port) as listener, closing(Studio()) as studio:
        os.nice(nice)  # before there are threads: on Linux each has its own, from the one that made it
        taken = listener.getsockname()[1]
        site = Site(folder)
        site.more_pages["Explore"] = "explore"
        app = make_app(site, names, Token(text, taken) if text else None, explorer_routes(studio))
        shown = f"?token={text}" if token == "auto" else "?token=…" if text else ""
        say(f"{folder} at {address_text(address, taken)}{shown} (Ctrl-C ends it)")
        run_until_signal(app, listener)
    _leave_at_once()


def _leave_at_once() -> NoReturn:
    """End the process now: readers may be in the middle of a long file, and MXNet takes seconds to end."""
    with suppress(OSError, ValueError):  # standard output was closed
        sys.stdout.flush()
    os._exit(0)
