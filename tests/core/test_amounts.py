"""Bytes and seconds in words."""

import pytest

from mirage_core.amounts import amount, lasting


@pytest.mark.parametrize(
    "nbytes, words",
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (35.4 * 2**20, "35.4 MiB"),
        (99.96 * 2**20, "100 MiB"),
        (1023.7 * 2**20, "1.0 GiB"),
        (9.84 * 2**30, "9.8 GiB"),
        (3000 * 2**40, "3,000 TiB"),
    ],
)
def test_bytes_are_said_in_the_largest_unit_of_which_there_is_one(nbytes, words):
    assert amount(nbytes) == words


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1.0 min"),
        (84, "1.4 min"),
        (599, "10 min"),
        (3599, "1 h 0 min"),
        (10320, "2 h 52 min"),
    ],
)
def test_times_are_said_as_exactly_as_one_reads_them(seconds, words):
    assert lasting(seconds) == words
