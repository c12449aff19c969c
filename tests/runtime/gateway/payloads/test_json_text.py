"""JSON within limits."""

import pytest

from runtime.gateway.payloads.json_text import lookup, parse
from runtime.gateway.samples import BadInputError


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b'{"a":1}x', "json"),
        (b"{'a':1}", "json"),
        (b"[1,]", "json"),
        (b'{"a":' + b"9" * 5000 + b"}", "json"),
        (b"\xef\xbb\xbf{}", "encoding"),
        ("{}".encode("utf-16"), "encoding"),
        ('{"a":1}'.encode("utf-16-le"), "encoding"),
        (b'{"a":"\xff"}', "encoding"),
        (b"[" * 9 + b"]" * 9, "depth"),
        (b"[" * 500_000, "depth"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "depth"),
    ],
)
def test_bad_json(payload, kind):
    with pytest.raises(BadInputError) as caught:
        parse(payload, 8)
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


def test_good_json():
    """The last of double keys wins; spaces around; brackets in texts are no depth."""
    assert parse(b' {"a":1,"a":2} \n', 8) == {"a": 2}
    assert parse(b"[" * 8 + b"]" * 8, 8) == [[[[[[[[]]]]]]]]
    assert parse(b'{"a":"[[[[[[[[[[[["}', 8) == {"a": "[[[[[[[[[[[["}
    assert str(parse(b'{"a":NaN,"b":-Infinity}', 8)) == "{'a': nan, 'b': -inf}"


def test_paths():
    """A key with the dots itself comes first; numbers are places; nothing there is None."""
    tree = {"a.b": 1, "a": {"b": 2, "c": [5, {"d": 6}]}, "x.y": {"z": None}}
    paths = ("a.b", "a.c.0", "a.c.1.d", "x.y.z", "a.c.7", "a.q", "q", "a.c.-1", "a.b.c")
    assert [lookup(tree, path, "none") for path in paths] == [
        *(1, 5, 6, None),
        *["none"] * 5,
    ]
