"""A judge in one line of text: what it is, how often it is right, and what it cannot see."""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.errors import listed

__all__ = ["judge_in_words"]

UNTESTED = "not known what it can see"
GREY = "colour"  # what a network of grey images cannot see, whatever the images of its test were


def judge_in_words(known: Mapping) -> str:
    """One line from the `describe` of a FeatureNetwork, or from a protocol that an earlier version has saved.

    >>> judge_in_words({"network": "LeNet", "accuracy": 0.994, "test_images": 10000, "sees": ["blur"], "blind_to": []})
    'judge: LeNet, right on 99.4 % of 10,000 held-out images; sees blur; sees no colour'
    """
    title = known.get("network", "a network")
    parts = [f"judge: {title}{_accuracy(known)}"]
    if "sees" not in known:
        parts.append(UNTESTED)
    if known.get("sees"):
        parts.append(f"sees {listed(known['sees'], 9)}")
    levels = known.get("seen_from") or {}
    for words, ordered in (("cannot see", False), ("sees without order", True)):
        names = [name for name in known.get("blind_to") or [] if bool(levels.get(name)) == ordered]
        if names:
            parts.append(f"{words}: {listed(names, 9)}")
    if title == "LeNet":
        parts.append(f"sees no {GREY}")
    return "; ".join(parts)


def _accuracy(known: Mapping) -> str:
    share, count = known.get("accuracy"), known.get("test_images")
    if share is None:
        return ", of unknown accuracy"
    turned = ", each in four turns" if known.get("architecture") == "rotation" else ""
    return f", right on {100 * share:.1f} %" + (f" of {count:,} held-out images{turned}" if count else "")
