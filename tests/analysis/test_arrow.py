"""Arrow columns made of their buffers are those that PyArrow makes of the values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bluezone_sim.tables.arrow_columns import coded, numbers, optional_floats, words


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_numbers(kind):
    values = np.arange(20).astype(kind)
    assert numbers(values).equals(pa.array(values))
    # A view with gaps is a column as well.
    assert numbers(values[::3]).equals(pa.array(values[::3]))
    assert len(numbers(values[:0])) == 0


def test_truth_values_are_bits():
    values = np.arange(19) % 3 == 0
    found = numbers(values)
    found.validate(full=True)
    assert found.equals(pa.array(values))


def test_what_is_missing_is_null():
    found = optional_floats([0.5, None, -1.0, None])
    found.validate(full=True)
    assert found.equals(pa.array([0.5, None, -1.0, None]))
    assert found.null_count == 2
    assert optional_floats([None, None]).equals(pa.array([None, None], pa.float64()))
    assert optional_floats([]).equals(pa.array([], pa.float64()))


def test_words():
    each = ["risky pairs", "", "Yên Bái"]
    found = words(each)
    found.validate(full=True)
    assert found.equals(pa.array(each))
    assert words([]).equals(pa.array([], pa.string()))


def test_codes_are_words():
    found = coded(np.array([1, 255, 0], np.uint8), ("android", "ios"), missing=255)
    found.validate(full=True)
    assert found.to_pylist() == ["ios", None, "android"]
    assert coded(np.array([1, 0], np.uint8), ("a", "b")).to_pylist() == ["b", "a"]
