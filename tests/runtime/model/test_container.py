"""What the bytes of a file say before ONNX Runtime sees them."""

import hashlib

import pytest

pytest.importorskip("onnx")

import onnx
from onnx import helper

from runtime.errors import ModelFileError
from runtime.model.container import graph_digest, read_container, seal
from runtime.model.limits import ENTRIES, GRAPH_DEPTH
from toys.onnx_files import graph, metadata, toy, with_props


def varint(value):
    """A number as protobuf writes it."""
    more = varint(value >> 7) if value > 127 else b""
    return bytes([value & 127 | (128 if more else 0)]) + more


def field(number, content):
    """A field of bytes as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def test_entries_are_those_that_onnx_reads():
    """Keys and values, empty and beyond ASCII."""
    props = {"kad": "{}", "": "nothing", "note": "Prüfstand 7, °C", "empty": ""}
    assert read_container(with_props(graph(metadata()), **props)).entries == props


def test_the_digest_is_of_all_but_the_entries():
    """As the format says: the other fields as they stand in the file, in their order."""
    model = graph(metadata())
    bare = model.SerializeToString()
    assert graph_digest(bare) == hashlib.sha256(bare).hexdigest()
    assert graph_digest(with_props(model, a="b", c="d")) == graph_digest(bare)
    entry = field(14, field(1, b"k") + field(2, b"v"))
    assert graph_digest(entry + bare + entry.replace(b"k", b"l")) == graph_digest(bare)
    model.graph.node[0].input[0] = "state"
    assert graph_digest(model.SerializeToString()) != graph_digest(bare)


def test_the_seal_is_of_all_entries_of_kad():
    """As the format says; what is sealed twice is sealed once."""
    entries = {"kad.golden": "g", "kad": "m", "author": "Ada", "kadet": "x"}
    sealed = seal(entries)
    assert sealed == {
        **entries,
        "kad.sha256": hashlib.sha256(b"kad\0m\0kad.golden\0g\0").hexdigest(),
    }
    assert seal(sealed) == sealed


@pytest.mark.parametrize("keep", range(0, 200, 7))
def test_what_broke_off_is_refused(keep):
    """Wherever."""
    content = toy(golden=False)
    with pytest.raises(ModelFileError):
        read_container(content[: len(content) * keep // 200 - (keep > 0)])


BARE = graph(metadata()).SerializeToString()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"time,value\n",
        bytes(100),
        b"\xff" * 100,
        field(14, b""),
        BARE + field(14, field(1, b"\xff")),
        BARE + field(14, field(1, b"a") + field(1, b"b")),
        BARE + field(14, field(3, b"a")),
        BARE + 2 * field(14, field(1, b"a")),
        BARE + field(14, field(1, b"a"))[:-1],
        BARE + b"\x70\x01",
        BARE + b"\x38\x01",
        BARE + b"\x0b",
        BARE + b"\x02\x00",
        BARE + field(7, b"\x0b"),
        BARE + field(7, b"\x02\x00"),
        BARE + field(7, b"\x08\x01"),
        BARE + field(7, b"\x0d\x00"),
        BARE + field(7, b"\xff" * 11),
        BARE + field(7, field(1, field(5, b"\x2d" + bytes(4)))),
        BARE + b"".join(field(14, field(1, str(i).encode())) for i in range(ENTRIES + 1)),
    ],
    ids=range(21),
)
def test_what_is_no_such_message_is_refused(content):
    """Other files, other wire types, entries twice, text that is no UTF-8: one line."""
    with pytest.raises(ModelFileError, match="must be an ONNX file") as error:
        read_container(content)
    assert "\n" not in str(error.value)


def test_nesting_is_limited():
    """Far above what detectors have, far below where a recursion ends."""
    inner = helper.make_graph([], "inner", [], [])
    for depth in range(GRAPH_DEPTH // 3 + 1):
        node = helper.make_node("If", ["c"], [], then_branch=inner)
        inner = helper.make_graph([node], "outer", [], [])
        model = helper.make_model(inner)
        if depth < GRAPH_DEPTH // 3 - 1:
            read_container(model.SerializeToString())
    with pytest.raises(ModelFileError, match="nested deeper"):
        read_container(model.SerializeToString())
    deep = b""
    for _ in range(5000):
        deep = field(1, field(5, field(6, deep)))
    with pytest.raises(ModelFileError, match="nested deeper"):
        read_container(BARE + field(7, deep))


def test_data_in_so_many_words_is_data():
    """`data_location` may say DEFAULT."""
    model = graph(metadata())
    model.graph.initializer[0].data_location = onnx.TensorProto.DEFAULT
    read_container(model.SerializeToString())
