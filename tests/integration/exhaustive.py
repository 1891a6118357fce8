"""Variants that only tests/exhaustive goes through. tests/run takes one or some of them.

A test or a parameter that is marked `exhaustive` runs only with --exhaustive.
"""

import pytest

EXHAUSTIVE = pytest.mark.exhaustive
everything = False  # --exhaustive was given; conftest.py knows


def first_of(values, count=1):
    """Parameters. Only the first ones run without --exhaustive."""
    values = list(values)
    return values[:count] + [rarely(value) for value in values[count:]]


def rarely(value):
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=EXHAUSTIVE)


def at_a_real_one(values, count=1):
    """Parameters for a forge that is a real one. Only the first ones run without --exhaustive, since the rest vary only
    the daemon, and the stand-in shows that as well."""
    values = list(values)
    return [pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.few_at_a_real_one)
            if place >= count else value for place, value in enumerate(values)]  # fmt: skip


def sample(points, count):
    """All of them with --exhaustive, else always the same few, from the first to the last."""
    if everything or len(points) <= count:
        return points
    return [points[place * (len(points) - 1) // (count - 1)] for place in range(count)]
