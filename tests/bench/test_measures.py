"""What is read off the operating system, checked on processes of which we know the answer."""

from __future__ import annotations

import os
import time

import pytest

from bench.measures import cpu_seconds, median, percentile, raise_file_limit, resident_kib


def test_cpu_time_of_this_process_is_what_its_own_clock_says() -> None:
    before = time.process_time()
    assert before <= cpu_seconds(os.getpid()) <= time.process_time()


def test_resident_memory_grows_by_what_is_touched() -> None:
    before = resident_kib(os.getpid())
    block = b"x" * 50_000_000
    assert 45_000 < resident_kib(os.getpid()) - before < 60_000
    del block


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (51.0, 100.0, 100.0)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert (median([4.0, 1.0, 2.0]), median([4.0, 1.0, 2.0, 3.0])) == (2.0, 2.5)


def test_more_files_than_the_system_allows_is_one_clear_line() -> None:
    with pytest.raises(SystemExit, match="open files are allowed"):
        raise_file_limit(10**12)
