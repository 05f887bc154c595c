"""`python -m benchmarks.tables FILE…`: tables of README and docs/speed.md, from the JSON of `python -m benchmarks`."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.report import as_markdown, from_json, short_table

__all__ = ["main"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--whole", is_flag=True, help="All rows, as docs/speed.md has them; else README's.")
def main(files: tuple, whole: bool) -> None:
    """Print the Markdown of FILES, one for each machine, in this order."""
    measured = [_read(path) for path in files]
    if whole:
        click.echo("\n".join(as_markdown(*each) for each in measured), nl=False)
    else:
        click.echo(short_table(measured), nl=False)


def _read(path: Path) -> tuple:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(
            f"{path} is not the JSON of `python -m benchmarks` ({error!r}); give its --output."
        ) from error


if __name__ == "__main__":
    main()
