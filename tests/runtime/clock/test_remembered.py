"""What a grid remembers takes little, and no more after a while."""

from runtime.clock.remembered import Remembered


def test_no_more_is_kept_than_a_quarter_beyond_what_is_remembered():
    one, many = Remembered(256), Remembered(256)
    for row in range(1000):
        one.add(row * 10, row)
        assert len(one.stamps) == len(one.sums) <= 321
    for start in range(0, 1000, 50):
        many.extend([row * 10 for row in range(start, start + 50)], range(start, start + 50))
        assert len(many.stamps) == len(many.sums) <= 321 + 50
    for known in (one, many):
        assert known.stamps.itemsize + known.sums.itemsize == 16
        assert known.find(7440, 7440, 7440) == (7440, 744)
        assert known.find(7430, 7430, 7430) is None
        assert not known.covers(7439)
        assert [array.tolist() for array in known.arrays()] == [
            list(range(7440, 10_000, 10)),
            list(range(744, 1000)),
        ]


def test_what_is_put_in_place_is_all_that_it_knows():
    known = Remembered(3)
    known.extend([1, 2, 3], [10, 20, 30])
    known.replace([5, 7], [50, 2**32 - 1])
    known.insert(6, 60)
    assert known.find(0, 4, 1) is None
    assert [array.tolist() for array in known.arrays()] == [[5, 6, 7], [50, 60, 2**32 - 1]]
