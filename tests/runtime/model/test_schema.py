"""What a file says about itself."""

import json

import pytest

pytest.importorskip("onnx")

from runtime.errors import ModelFileError
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from toys.onnx_files import metadata
from toys.streams import DETECTOR


def test_metadata_survives_json():
    """What the toy wrote into the file is what the detector reads."""
    meta = DETECTOR.metadata
    assert type(meta).from_json(meta.to_json()) == meta
    assert json.loads(meta.to_json())["schema"] == 1


def test_the_alarm_policy_is_part_of_the_file():
    """Files from before it have hysteresis alone; a newer file's unknown options are left out."""
    policy = AlarmPolicy(refractory_steps=7, release=0.5)
    text = metadata(alarm=policy).to_json()
    assert Metadata.from_json(text).alarm == policy
    raw = json.loads(text)
    newer = {**raw, "alarm": {**raw["alarm"], "of_tomorrow": 1}}
    assert Metadata.from_json(json.dumps(newer)).alarm == policy
    del raw["alarm"]
    assert Metadata.from_json(json.dumps(raw)).alarm == AlarmPolicy()
    for damaged in ({"release": 2}, {"release": "x"}, 3, ["release"]):
        with pytest.raises(ModelFileError, match="damaged"):
            Metadata.from_json(json.dumps({**raw, "alarm": damaged}))
