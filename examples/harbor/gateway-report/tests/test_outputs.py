"""The report against the figures of the log."""

import json
from pathlib import Path

REPORT = Path("/workspace/report.json")
EXPECTED = json.loads((Path("/tests") / "expected.json").read_text(encoding="utf-8"))


def report():
    return json.loads(REPORT.read_text(encoding="utf-8"))


def test_requests_are_counted_once():
    """Lines shipped twice are one request."""
    assert report()["requests"] == EXPECTED["requests"]


def test_malformed_lines_are_counted():
    """Cut lines, stack traces and empty lines."""
    assert report()["malformed"] == EXPECTED["malformed"]


def test_endpoints_are_grouped():
    """Numbers become {id}, queries are dropped."""
    assert sorted(report()["endpoints"]) == sorted(EXPECTED["endpoints"])


class TestFigures:
    def compare(self, key):
        got = {name: values[key] for name, values in report()["endpoints"].items()}
        assert got == {name: values[key] for name, values in EXPECTED["endpoints"].items()}

    def test_requests(self):
        """Requests of each endpoint."""
        self.compare("requests")

    def test_errors(self):
        """Errors of each endpoint."""
        self.compare("errors")

    def test_p95(self):
        """Nearest-rank percentile of each endpoint."""
        self.compare("p95_ms")


def test_worst_minute():
    """The minute with most errors."""
    assert report()["worst_minute"] == EXPECTED["worst_minute"]
