"""The cleaned orders, column by column, and the rejected lines."""

import csv

import pytest

OUT = "/app/out"
REJECTED = [
    ("5", "bad-date"),
    ("7", "no-id"),
    ("8", "bad-date"),
    ("12", "bad-date"),
    ("13", "bad-amount"),
    ("14", "bad-amount"),
    ("15", "bad-amount"),
    ("17", "bad-date"),
    ("20", "no-id"),
    ("22", "bad-date"),
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def got():
    return rows(f"{OUT}/orders.csv")


@pytest.fixture
def expected():
    return rows("/tests/expected_orders.csv")


def test_the_right_orders_are_kept(got, expected):
    """Every valid order once, no other."""
    assert sorted(row["order_id"] for row in got) == sorted(row["order_id"] for row in expected)


@pytest.mark.parametrize("column", ["date", "customer", "amount", "currency"])
def test_columns_are_clean(got, expected, column):
    """Each column has its one form, and repeated orders their last values."""
    assert {row["order_id"]: row[column] for row in got} == {row["order_id"]: row[column] for row in expected}


def test_rows_are_in_order(got, expected):
    """By date, then by id."""
    assert [row["order_id"] for row in got] == [row["order_id"] for row in expected]


def test_header_and_line_ends():
    """The header of the export, and line feeds alone."""
    with open("/app/out/orders.csv", "rb") as file:
        data = file.read()
    assert data.startswith(b"order_id,date,customer,amount,currency\n")
    assert b"\r" not in data


def test_rejected_lines():
    """Every impossible row with its line and first reason."""
    got = rows(f"{OUT}/rejected.csv")
    assert [(row["line"], row["reason"]) for row in got] == REJECTED
