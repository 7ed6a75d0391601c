"""What operators are given: the alerts, the dashboard, and the metrics that their expressions name."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.deployed import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/bestfill.json"
SCRAPES = ROOT / "deploy/prometheus/prometheus.yml"
OF_PROMETHEUS = {"up": {"job", "instance"}}
"""What Prometheus itself adds, and to all else the labels of the scrape."""
_WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"


def alerts() -> list[dict[str, Any]]:
    """Give the alert rules."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Give the dashboard's panels but for the titles of its rows."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Give every expression of both files."""
    yield from (rule["expr"] for rule in alerts())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def uses(expression: str) -> list[tuple[str, set[str]]]:
    """Give the metrics that an expression names, each with the labels by which it is chosen.

    The labels by which sums are grouped come with the empty name: which metric they are of is not told here.
    """
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    found: list[tuple[str, set[str]]] = []
    groups = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", bare)
    found += [("", {label.strip() for label in group.split(",")} - {""}) for group in groups]
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    for match in re.finditer(rf"(?<![\w.])({_NAME})\s*(\{{([^}}]*)\}})?", bare):
        name, matchers = match[1], match[3] or ""
        is_call = bare[match.end() :].lstrip().startswith("(")
        if name in _WORDS or is_call:
            continue
        found.append((name, set(re.findall(rf"({_NAME})\s*[=!]~?\s*\"", matchers))))
    return found


def labels_by_sample(texts: Iterable[str]) -> dict[str, set[str]]:
    """Give every sample's name in some scrapes, and its labels."""
    labels: dict[str, set[str]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def families(texts: Iterable[str]) -> set[str]:
    """Give every metric's name in some scrapes, as the documents have it: counters with their ending."""
    found: set[str] = set()
    for text in texts:
        for family in text_string_to_metric_families(text):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return found


def check_all_are_there(texts: list[str]) -> None:
    """See that each metric and label that the files name is one of those that are shown."""
    there = labels_by_sample(texts)
    of_scrapes = OF_PROMETHEUS["up"]
    anywhere = set().union(*there.values()) | of_scrapes
    for expression in expressions():
        named = uses(expression)
        assert any(name for name, _ in named), expression
        for name, labels in named:
            known = anywhere if not name else (there | OF_PROMETHEUS).get(name)
            assert known is not None, f"{name} is not there: {expression}"
            assert labels <= known | of_scrapes, f"{labels - known} of {name or 'a group'}: {expression}"
