"""YAML that means what it looks like: read without its traps, and written so that it reads back the same.

PyYAML follows YAML 1.1, in which ``on`` is true, ``010`` is eight, ``1:30`` is ninety and ``1e-3`` is text. Whoever
writes a number or a word does not mean that, so these are errors that say what to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Union

import yaml

from mxgan.errors import ArgumentError

__all__ = ["read_yaml", "write_yaml"]

MOST_VALUES = 20_000  # with aliases followed: a file of a few lines can stand for millions
DEEPEST = 50
_TAG = "tag:yaml.org,2002:"
_PLAIN = ("map", "seq", "str", "int", "float", "bool", "null", "merge")
_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"[-+]?0[0-9_]+", re.ASCII)
_WORDS = ("true", "false")


class _Loader(yaml.SafeLoader):
    """Stops at a file that is nested too deeply or has too many values, for which PyYAML takes minutes."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0

    def compose_node(self, parent, index):
        self._depth, self._count = self._depth + 1, self._count + 1
        _check_number(self._count)
        if self._depth > DEEPEST:
            raise RecursionError
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _check_number(count: int) -> None:
    if count > MOST_VALUES:
        raise ArgumentError(f"it stands for more than {MOST_VALUES:,} values. Write fewer.")


def read_yaml(text: str) -> Any:
    """The values in a text: mappings with text keys, lists, texts, numbers, true, false, None; None if it is empty.

    Raises
    ------
    ArgumentError : it is not YAML, a key stands twice, or a value does not mean what it looks like; it names the line.
    RecursionError, ValueError : it is nested too deeply; a number is too long.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        for count, (key, each) in enumerate(_nodes(node)):
            _check_number(count)
            _check(each, key)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ArgumentError(_in_words(error)) from error


def _nodes(node: yaml.Node) -> Iterator[tuple]:
    """(the key before it, node) of a node and of all below it; what stands behind an alias counts at each place."""
    waiting = [("", node)]
    while waiting:
        key, node = waiting.pop()
        yield key, node
        if isinstance(node, yaml.MappingNode):
            waiting += [(str(name.value), value) for name, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(key, each) for each in node.value]


def _check(node: yaml.Node, key: str) -> None:
    """Raise ArgumentError for a node whose value is not what it looks like, or that has no meaning in JSON."""
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    kind = node.tag[len(_TAG) :] if node.tag.startswith(_TAG) else node.tag
    remedy = _remedy(kind, node.value) if isinstance(node, yaml.ScalarNode) and node.style is None else ""
    name = f"{key} is " if key else ""
    if remedy:
        raise ArgumentError(f"{_line(node)}: {name}{node.value}, which YAML reads as {remedy}.")
    if kind not in _PLAIN:
        raise ArgumentError(f"{_line(node)}: {name}of the type {kind}; give text, numbers, lists and mappings alone.")


def _remedy(kind: str, text: str) -> str:
    """How YAML reads a scalar without quotes that does not mean what it looks like, and what to write; "" if it does.

    >>> _remedy("str", "1e-3")
    'text; write 0.001, or "1e-3" for the text'
    """
    quoted = f'or "{text}" for the text'
    if kind == "str" and _EXPONENT.fullmatch(text):
        return f"text; write {_number(float(text))}, {quoted}"
    if kind == "bool" and text.lower() not in _WORDS:
        return f"{str(text.lower() in ('on', 'yes', 'y')).lower()}; write true or false, {quoted}"
    if kind == "int" and _OCTAL.fullmatch(text):
        return f"an octal number; write {text.lstrip('+-0_') or '0'}, {quoted}"
    if kind in ("int", "float") and ":" in text:
        return f'a number to the base 60; write "{text}" for the text'
    if kind == "timestamp":
        return f'a date; write "{text}" for the text'
    return ""


def _number(value: float) -> str:
    """A float as YAML 1.1 and JSON both read it: 1.0e-05, not 1e-05."""
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


def _check_keys(node: yaml.MappingNode) -> None:
    seen: dict = {}
    for key, _ in node.value:
        if key.tag == f"{_TAG}merge":
            continue
        if key.tag != f"{_TAG}str":
            remedy = f'write "{key.value}" in quotes' if isinstance(key, yaml.ScalarNode) else "write the name of one"
            raise ArgumentError(f"{_line(key)}: a key is {_shown(key)}, which is no name of a setting; {remedy}.")
        if key.value in seen:
            raise ArgumentError(
                f"{_line(key)}: the key {key.value!r} stands in {_line(seen[key.value])} already; leave one out."
            )
        seen[key.value] = key


def _shown(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "a list or a mapping"
    kind = key.tag[len(_TAG) :] if key.tag.startswith(_TAG) else key.tag
    return f"{key.value!r:.60} (YAML reads it as {kind})"


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _in_words(error: Union[yaml.MarkedYAMLError, yaml.reader.ReaderError]) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"it is not YAML: it has the character {chr(error.character)!r} at {error.position}. Take it out."
    mark, problem = error.problem_mark, error.problem
    context = f" ({error.context})" if error.context else ""
    return (
        f"line {mark.line + 1}, column {mark.column + 1}: it is not YAML: {problem}{context}. Correct this line, or "
        "the one before it."
    )


class _Dumper(yaml.SafeDumper):
    """Writes in quotes also what `read_yaml` refuses without them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar(f"{_TAG}str", text, style="'" if _EXPONENT.fullmatch(text) else None)


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda *_: True  # two equal lists are written twice


def write_yaml(values: Mapping) -> str:
    """A mapping of plain values as YAML, in its order; `read_yaml` gives the same values back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
