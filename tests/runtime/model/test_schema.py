"""What a file says about itself."""

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

import onnx

from runtime.errors import ModelFileError, SchemaError
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import METADATA_KEY, Metadata, StatePart
from toys.onnx_files import metadata
from toys.streams import DETECTOR

GOLDEN = Path(__file__).parents[2] / "golden"
META = metadata(("a", "b"), ("time_of_day_sin",), calibration={"rows": 3}, training={"rows": 9})
RAW = json.loads(META.to_json())
SEVEREST = {"rows": 9, "level": 0.5, "steps": "0 3 1", "severity": "0.5 1 2.25", "restarts": "0 2"}
COUNT = {"name": "count", "shape": [1], "offset": 0, "keeps": False}
REST = {"name": "rest", "shape": [2], "offset": 1, "keeps": True}


def schema1():
    """The metadata of the first golden file."""
    model = onnx.load(GOLDEN / "schema1.onnx")
    return next(prop.value for prop in model.metadata_props if prop.key == METADATA_KEY)


def test_metadata_survives_json():
    """What the toy wrote into the file is what the detector reads."""
    for meta in (DETECTOR.metadata, META, Metadata.from_json(schema1())):
        assert Metadata.from_json(meta.to_json()) == meta
    assert RAW["schema"] == 2
    assert META.state[1] == StatePart(name="average", shape=(2,), offset=1, keeps=True)


def test_schema_1_is_read():
    """Its identity is the hash of its weights; it says nothing of the state's parts."""
    raw = json.loads(schema1())
    meta = Metadata.from_json(schema1())
    assert meta.schema == 1
    assert meta.identity == meta.graph_sha256 == meta.networks_sha256 == raw["weights_sha256"]
    assert meta.state == ()
    assert json.loads(meta.to_json()) == raw | {
        name: json.loads(meta.to_json())[name] for name in ("alarm", "reorder")
    }
    # What belongs to schema 2 means nothing here.
    assert Metadata.from_json(json.dumps(raw | {"state": 5, "step_of": 5})) == meta


def test_a_step_file_is_the_detector_that_it_belongs_to():
    """Streams may go from one to the other."""
    step = metadata(graph_sha256="1" * 64, step_of="2" * 64)
    assert step.identity == "2" * 64
    assert metadata(graph_sha256="1" * 64).identity == "1" * 64


@pytest.mark.parametrize("version", [0, 3, True, 2.0, "2", None, [2], 10**18])
def test_another_schema_is_named(version):
    """A newer file is a SchemaError that says which version came."""
    with pytest.raises(SchemaError, match="schema 1 to 2. Received: schema"):
        Metadata.from_json(json.dumps(RAW | {"schema": version}))


def test_the_alarm_policy_is_part_of_the_file():
    """Files from before it have hysteresis alone; a newer file's unknown options are left out."""
    policy = AlarmPolicy(refractory_steps=7, release=0.5)
    text = metadata(alarm=policy).to_json()
    assert Metadata.from_json(text).alarm == policy
    raw = json.loads(text)
    newer = {**raw, "alarm": {**raw["alarm"], "of_tomorrow": 1}}
    assert Metadata.from_json(json.dumps(newer)).alarm == policy
    assert Metadata.from_json(schema1()).alarm == AlarmPolicy()
    for damaged in ({"release": 2}, {"release": "x"}, {"merge_gap_steps": 10**13}, 3, ["release"]):
        with pytest.raises(ModelFileError, match="damaged"):
            Metadata.from_json(json.dumps({**raw, "alarm": damaged}))


def test_calibration_rows_are_part_of_the_file():
    """Those that a budget is counted in."""
    for rows in (SEVEREST, SEVEREST | {"steps": "", "severity": "", "restarts": ""}):
        meta = Metadata.from_json(json.dumps(RAW | {"calibration": {"severest": rows}}))
        assert meta.calibration["severest"] == rows


EXPECTED = {"level": 0.8, "events_per_week": [1, 0.4, 2.1], "time_share": [0.01, 0.002, 0.03]}


def test_what_is_to_be_expected_is_part_of_the_file():
    """Of a threshold, on normal data; files from before it have nothing."""
    meta = Metadata.from_json(json.dumps(RAW | {"calibration": {"expected": EXPECTED}}))
    assert meta.calibration["expected"] == EXPECTED
    assert "expected" not in Metadata.from_json(json.dumps(RAW | {"calibration": {}})).calibration


DAMAGED = [
    *({"period_s": value} for value in (0, -1, 1e300, 1e-9, 1e9, "60", True, None, [])),
    *({"threshold": value} for value in (0, -3, 1e308, 1e-9, "3", True, None)),
    *({"max_steps": value} for value in (0, -1, 1.5, 8.0, True, "8", 10**9, None)),
    *({"state_size": value} for value in (0, 2, 4, 3.0, 2**40, None)),
    *({"warmup_steps": value} for value in (-1, 10**9, 1e3, False)),
    *({"max_gap_steps": value} for value in (-1, 10**9, 1e3, False)),
    *({"reorder": value} for value in (-1, 10**9, 1e3, False)),
    *({"detector": value} for value in (5, None, "x" * 2000, "a\nb")),
    *({"false_alarms": value} for value in (5, None, "1/week" * 400)),
    *({"graph_sha256": value} for value in ("", "0" * 63, "G" * 64, "A" * 64, 0, None)),
    *({"networks_sha256": value} for value in ("", 0, None)),
    *({"step_of": value} for value in ("", "0" * 63, 0, False)),
    *({"grid": value} for value in ("hexagonal", None, 1, ["time"])),
    *({"alarm": value} for value in (None, [], {"release": float("1e300")}, {"release": True})),
    *({"calibration": value} for value in (None, [], "x", {"severest": None}, {"expected": 1})),
    *(
        {"calibration": {"expected": EXPECTED | change}}
        for change in (
            {"level": "0.8"},
            {"events_per_week": [1, 2]},
            {"events_per_week": [1, 2, -1]},
            {"time_share": [0.1, 0.2, 1.1]},
            {"time_share": None},
            {"more": 1},
        )
    ),
    *({"training": value} for value in (None, [], "x")),
    *({"inputs": value} for value in ([], {}, None, 5, "ab", [5], [None], ["a"], [{}])),
    {"inputs": [{"name": "a", "role": "spy"}]},
    {"inputs": [{"name": "a", "role": None}]},
    {"inputs": [{"name": "a"}, {"name": "a"}]},
    {"inputs": [{"name": 5}]},
    {"inputs": [{"name": "a", "unit": 5}]},
    {"inputs": [{"name": "a", "colour": "red"}]},
    {"inputs": [{"name": "a", "role": "context"}]},
    {"inputs": [{"name": "a", "role": "context"}, {"name": "b"}]},
    {"inputs": [{"name": str(i)} for i in range(20_000)]},
    *({"state": value} for value in ([], {}, None, 5, [5], [COUNT], [REST, COUNT], [{}])),
    *({"state": [COUNT | {"keeps": value}, REST]} for value in (True, 0, None)),
    *({"state": [COUNT | {"shape": value}, REST]} for value in ([1, 1], [True], [1.0], 1, [-1])),
    *({"state": [COUNT | {"offset": value}, REST]} for value in (1, False, 0.0, None)),
    *({"state": [COUNT, REST | {"shape": value}]} for value in ([3], [1], [-2], [10**18, 10**18])),
    *({"state": [COUNT, REST | {"offset": value}]} for value in (0, 2, True)),
    *({"state": [COUNT, REST | {"name": value}]} for value in ("count", 5, None)),
    {"state": [COUNT, REST | {"more": 1}]},
    {"state": [COUNT | {"name": "counter"}, REST]},
    *(
        {"calibration": {"severest": SEVEREST | change}}
        for change in (
            {"rows": 2},
            {"rows": "9"},
            {"rows": 9.5},
            {"level": -1},
            {"level": None},
            {"level": True},
            {"steps": "0 3"},
            {"steps": "0 0 1"},
            {"steps": "0 -3 1"},
            {"steps": "0 3 1 "},
            {"steps": "0 3 9999999999999"},
            {"steps": [0, 3, 1]},
            {"severity": "0.5 1"},
            {"severity": "0.5 1 nan"},
            {"severity": "0.5 1 inf"},
            {"severity": "0.5 1 1e9"},
            {"severity": "0.5 1 9999999"},
            {"severity": "0.5  1 2"},
            {"severity": "٠ 1 2"},
            {"restarts": "2 0"},
            {"restarts": "0 3"},
            {"restarts": "0 x"},
            {"restarts": 0},
            {"more": 1},
        )
    ),
]


@pytest.mark.parametrize("change", DAMAGED, ids=lambda change: json.dumps(change)[:60])
def test_damaged_metadata_is_a_model_file_error(change):
    """Metadata of other types, beyond its bounds or against itself: at loading, in one line."""
    with pytest.raises(ModelFileError, match="damaged") as error:
        Metadata.from_json(json.dumps(RAW | change))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("", "must be JSON"),
        ("null", "schema None"),
        ("[]", "schema None"),
        ("[" * 100_000, "nested deeper"),
        ('{"a":' * 100_000, "nested deeper"),
        (json.dumps(RAW | {"training": {"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}}), "nested deeper"),
        (json.dumps(RAW | {"training": {"a": float("nan")}}), "NaN"),
        (json.dumps(RAW | {"training": {"a": float("inf")}}), "Infinity"),
        (json.dumps(RAW).replace('"rows": 9', '"rows": 1e999'), "beyond all bounds"),
        (json.dumps(RAW).replace('"rows": 9', '"rows": 1' + "0" * 400), "beyond 64 bits"),
        (json.dumps(RAW).replace('"rows": 9', '"rows": 1' + "0" * 9999), "must be JSON"),
        (json.dumps(RAW).replace('"rows": 9', '"rows": 9, "rows": 9'), "a key twice"),
        (json.dumps(RAW).replace("toy", "\\ud800"), "half a character"),
        (json.dumps(RAW | {"training": {"\ud800": 1}}), "half a character"),
        (json.dumps(RAW | {"training": {"a": "x" * 2**22}}), "characters, more than"),
    ],
    ids=range(16),
)
def test_what_is_no_such_json_is_refused(text, message):
    """Bombs, NaN, keys that hide others, text that cannot be printed."""
    with pytest.raises(ModelFileError, match=message) as error:
        Metadata.from_json(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", sorted(RAW))
def test_what_lacks_is_named(name):
    """Every entry is needed."""
    raw = {key: value for key, value in RAW.items() if key != name}
    with pytest.raises(ModelFileError, match=f"lacks {name}|schema None"):
        Metadata.from_json(json.dumps(raw))
