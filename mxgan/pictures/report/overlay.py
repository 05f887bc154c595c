"""Charts of several runs laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["overlaid", "run_labels"]


def run_labels(views: Sequence[Mapping]) -> list:
    """A label for each run: the folder's name, or the whole path if two have the same name."""
    names = [view["overview"]["name"] for view in views]
    return [name if names.count(name) == 1 else view["overview"]["path"] for name, view in zip(names, views)]


def overlaid(views: Sequence[Mapping]) -> list:
    """One chart for each curve of the runs, with a series for each run that has it.

    The charts are those of a view, but each series has steps of its own: {name, label: of the run, look: the run's
    position, which decides colour and dashes, x, values}.
    """
    found: dict = {}
    for position, (view, label) in enumerate(zip(views, run_labels(views))):
        for chart in view["charts"]:
            for each in chart["series"]:
                title = chart["title"] if len(chart["series"]) == 1 else f"{chart['title']}: {each['label']}"
                joint = found.setdefault((chart["id"], each["name"]), _joint(chart, each["name"], title))
                joint["log"] |= chart["log"]
                joint["thinned"] = joint["thinned"] or chart.get("thinned", "")
                series = {
                    "name": each["name"],
                    "label": label,
                    "look": position,
                    "run": position,
                    "dashed": position > 0,
                }
                joint["series"].append({**series, "x": chart["x"], "values": each["values"]})
    return list(found.values())


def _joint(chart: Mapping, name: str, title: str) -> dict:
    kept = {key: chart[key] for key in ("unit", "summary", "log")}
    return {"id": f"{chart['id']}.{name}", "title": title, **kept, "thinned": "", "x": [], "series": []}
