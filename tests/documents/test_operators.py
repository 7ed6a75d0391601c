"""The alerts, the dashboard and their page fit each other; that the metrics exist, tests/e2e/test_metrics.py says."""

import json
import re

import yaml

from tests.documents.blocks import read
from tests.operators import DASHBOARD, SCRAPES, alerts, panels, uses

OPERATIONS = read("docs/operations.md")
TITLES = re.findall(r"^#+ (.*)", OPERATIONS, re.MULTILINE)
HEADINGS = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in TITLES}


def test_expressions_are_taken_apart_as_prometheus_does():
    assert uses('sum by (le, a) (rate(x_bucket{b="c",d=~"e|f(g)"}[5m])) > 0.5e3 and on (h) max(y) or vector(0)') == [
        ("", {"le", "a"}),
        ("", {"h"}),
        ("x_bucket", {"b", "d"}),
        ("y", set()),
    ]


def test_every_alert_says_what_it_is_and_what_to_do():
    rules = alerts()
    names = [rule["alert"] for rule in rules]
    assert len(set(names)) == len(names)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].strip()
        document, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert document == "docs/operations.md" and anchor == rule["alert"].lower() and anchor in HEADINGS
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_every_alert_that_is_explained_is_one():
    section = OPERATIONS.split("### Alerts")[1].split("\n### ")[0]
    assert set(re.findall(r"^#### (\w+)$", section, re.MULTILINE)) == {rule["alert"] for rule in alerts()}


def test_the_dashboard_asks_one_data_source_that_its_reader_chooses():
    whole = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in whole["panels"]]
    assert len(set(ids)) == len(ids)
    assert [variable["name"] for variable in whole["templating"]["list"]] == ["datasource"]
    for panel in panels():
        assert panel["title"] and panel["targets"]
        assert {part["datasource"]["uid"] for part in (panel, *panel["targets"])} == {"${datasource}"}
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_no_two_panels_lie_on_each_other():
    places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(set(cells)) == len(cells)


def test_the_example_of_what_to_scrape_names_the_rules():
    scrapes = yaml.safe_load(SCRAPES.read_text())
    assert scrapes["rule_files"] == ["alerts.yml"]
    assert [job["job_name"] for job in scrapes["scrape_configs"]] == ["bestfill-api", "bestfill-worker"]
