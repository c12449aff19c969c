"""The shapes that devices, gateways and historians send."""

import json
import math

import pytest

from runtime.errors import ConfigError
from runtime.gateway.payloads.decoder import Decoder
from runtime.gateway.payloads.options import SHAPES, ChannelOptions, PayloadOptions
from runtime.gateway.payloads.presets import PRESETS, preset
from runtime.gateway.samples import BadInputError, Message, Quality

NOW = 1_772_359_230 * 10**9
SECOND = 1_772_359_200 * 10**9
THEN = SECOND + 250_000_000
CHANNELS = ("flow", "temp")


def read(payload, topic="", options=None, channels=CHANNELS):
    payload = payload if isinstance(payload, str) else json.dumps(payload)
    made = Decoder(options or PayloadOptions(), lambda _: channels)
    readings = made.decode(Message(topic=topic, payload=payload.encode()), NOW)
    return [(r.stream, r.time_ns, dict(r.values), r.quality) for r in readings], made.take_bad()


def readings(*args, **kwargs):
    found, bad = read(*args, **kwargs)
    assert not {k: v for k, v in bad.items() if k != "channel_unknown"}
    return found


VALUES = {"flow": 12.5, "temp": 61.0}
TB = {"ts": 1_772_359_200_250, "values": VALUES}
METRIC = {
    "name": "pump",
    "tags": {"device": "p7", "host": "gw1"},
    "fields": VALUES,
    "timestamp": 1_772_359_200,
}


@pytest.mark.parametrize("shape", ["auto", "thingsboard"])
def test_thingsboard(shape):
    options = PayloadOptions(shape=shape)
    assert readings(TB, "p7", options) == [("p7", THEN, VALUES, 0)]
    assert readings([TB, TB], "p7", options) == [("p7", THEN, VALUES, 0)] * 2
    assert readings(VALUES, "p7", options) == [("p7", NOW, VALUES, Quality.ARRIVAL)]
    assert readings([VALUES], "p7", options) == [("p7", NOW, VALUES, Quality.ARRIVAL)]


@pytest.mark.parametrize("options", [None, preset("thingsboard_gateway")])
def test_thingsboard_of_a_gateway(options):
    payload = {"Pump 7": [TB], "Pump #8": [VALUES, TB]}
    found = readings(payload, "v1/gateway/telemetry", options)
    assert found == [
        ("Pump 7", THEN, VALUES, 0),
        ("Pump #8", NOW, VALUES, Quality.ARRIVAL),
        ("Pump #8", THEN, VALUES, 0),
    ]


@pytest.mark.parametrize("options", [None, preset("telegraf")])
def test_telegraf(options):
    assert readings(METRIC, "telegraf/gw1", options) == [("p7", SECOND, VALUES, 0)]
    assert readings({"metrics": [METRIC, METRIC]}, "", options) == [("p7", SECOND, VALUES, 0)] * 2
    bare = {**METRIC, "tags": {"rack": "b", "area": "a"}}
    assert readings(bare, "", options)[0][0] == "pump/a/b"
    assert readings([METRIC], "", options)[0][0] == "p7"


@pytest.mark.parametrize("options", [None, preset("line_protocol")])
def test_line_protocol(options):
    text = (
        "# telegraf\n"
        "pump,device=p7 flow=12.5 1772359200250000000\n"
        "pump,device=p7 temp=60 1772359200250000000\n"
        "pump,device=p7 temp=61i 1772359200250000000\n"
        'pump,device=p8 flow=12.5,temp=61,note="a b"\n'
    )
    assert readings(text, "", options) == [
        ("p7", THEN, VALUES, 0),
        ("p8", NOW, VALUES, Quality.ARRIVAL),
    ]
    found, bad = read("pump flow=1\npump flow\nxx\xff", "", options)
    assert len(found) == 1
    assert bad["line_protocol"][0] == 2


def test_line_protocol_in_seconds_and_with_a_line_in_another_encoding():
    options = PayloadOptions(shape="line_protocol", time_unit="s")
    made = Decoder(options, lambda _: CHANNELS)
    payload = b"pump,device=p7 flow=1 1772359200\npump,device=\xfc flow=1\npump,device=p8 flow=2"
    found = made.decode(Message(payload=payload), NOW)
    assert [(r.stream, r.time_ns) for r in found] == [("p7", SECOND), ("p8", NOW)]
    assert made.take_bad()["encoding"][0] == 1


def test_name_and_value_records():
    options = preset("records")
    record = {"tagname": "P7.flow", "timestamp": 1_772_359_200_250, "value": 12.5}
    assert readings(record, "", options) == [("P7", THEN, {"flow": 12.5}, 0)]
    pair = [
        record,
        {**record, "tagname": "P7.temp", "value": "61"},
        {**record, "tagname": "P8.flow"},
    ]
    assert readings(pair, "", options) == [
        ("P7", THEN, VALUES, 0),
        ("P8", THEN, {"flow": 12.5}, 0),
    ]
    outer = {"ts": 1_772_359_200_250, "data": [{"metric": "flow", "val": 12.5, "quality": "Bad"}]}
    (found,) = readings(outer, "p7", options)
    assert found[:2] == ("p7", THEN)
    assert math.isnan(found[2]["flow"])
    own = preset("records", name_keys=("n",), value_keys=("w",), tag="{area}/{device}/{channel}")
    assert readings([{"n": "a/p7/flow", "w": 1}], "", own)[0][:1] == ("p7",)
    own = preset("records", tag="{area}/{device}/{channel}", stream="{area}-{device}")
    assert readings([{"name": "a/p7/flow", "value": 1}], "", own)[0][0] == "a-p7"
    whole = preset("records", channels={"flow": ChannelOptions(path="Ch1.P7.F")})
    assert readings([{"name": "Ch1.P7.F", "value": 1}], "p7", whole)[0][2] == {"flow": 1.0}
    found, bad = read([record, {"tagname": "x"}, {"value": 1}, 7], "", options)
    assert len(found) == 1
    assert bad["shape"][0] == 3
    _, bad = read([{"name": "p7", "value": 1}, {"name": "a/p7/flow", "value": 1}], "", own)
    assert bad["tag"][0] == 1


def test_kepware():
    payload = {
        "timestamp": 1_772_359_200_300,
        "values": [
            {"id": "Ch1.P7.flow", "v": 12.5, "q": True, "t": 1_772_359_200_250},
            {"id": "Ch1.P7.temp", "v": 61, "q": False, "t": 1_772_359_200_250},
            {"id": "Ch1.P8.flow", "v": 1, "q": 192},
        ],
    }
    found = readings(payload, "iotgateway", preset("kepware"))
    assert [r[0] for r in found] == ["Ch1.P7", "Ch1.P8"]
    assert [r[1] for r in found] == [THEN, THEN + 50_000_000]
    assert found[0][2]["flow"] == 12.5
    assert math.isnan(found[0][2]["temp"])
    assert found[0][3] == Quality.MISSING


def test_senml():
    options = preset("senml", channels={"flow": ChannelOptions(unit="m3/s")})
    pack = [
        {"bn": "urn:dev:p7:", "bt": 1_772_359_200, "n": "flow", "u": "m3/s", "v": 12.5},
        {"n": "temp", "u": "Cel", "v": 61, "t": -1},
        {"n": "temp", "v": 62, "t": 0.25},
        {"bn": "urn:dev:p8:", "bv": 10, "n": "flow", "v": 2.5},
        {"n": "on", "vs": "x"},
    ]
    assert readings(pack, "", options) == [
        ("urn:dev:p7", SECOND, {"flow": 12.5}, 0),
        ("urn:dev:p7", SECOND - 10**9, {"temp": 61.0}, 0),
        ("urn:dev:p7", THEN, {"temp": 62.0}, 0),
        ("urn:dev:p8", SECOND, {"flow": 12.5}, 0),
    ]
    relative = [{"n": "urn:dev:p7:flow", "v": 1, "t": -5}]
    assert readings(relative, "", options) == [
        ("urn:dev:p7", NOW - 5 * 10**9, {"flow": 1.0}, Quality.ARRIVAL)
    ]
    assert readings([{"n": "flow", "v": 1}], "p7", options)[0] == (
        *("p7", NOW, {"flow": 1.0}, Quality.ARRIVAL),
    )
    _, bad = read([*pack, {"n": "flow", "v": 1, "u": "Cel"}, {"n": 5, "v": 1}, 5], "", options)
    assert bad["unit"][0] == 1
    assert bad["shape"][0] == 2


def test_zigbee2mqtt():
    options = preset("zigbee2mqtt", channels={"temp": ChannelOptions(path="temperature")})
    payload = {
        "temperature": 21.4,
        "flow": None,
        "linkquality": 92,
        "last_seen": "2026-03-01T10:00:00Z",
    }
    (found,) = readings(payload, "zigbee2mqtt/hall/pump room", options)
    assert found[:2] == ("hall/pump room", SECOND)
    assert found[2]["temp"] == 21.4
    for topic in ("bridge/state", "pump/set", "pump/set/state", "pump/get", "pump/availability"):
        with pytest.raises(BadInputError) as caught:
            read(payload, f"zigbee2mqtt/{topic}", options)
        assert caught.value.kind == "ignored"


def test_tasmota():
    channels = {"temp": ChannelOptions(path="DHT22.Temperature")}
    options = preset("tasmota", timezone="Europe/Berlin", channels=channels)
    payload = {"Time": "2026-03-01T11:00:00", "DHT22": {"Temperature": 21.4}, "TempUnit": "C"}
    wanted = [("p7", SECOND, {"temp": 21.4}, 0)]
    assert readings(payload, "tele/p7/SENSOR", options) == wanted
    status = preset(
        "tasmota", timezone="Europe/Berlin", channels=channels, topics=("stat/{device}/STATUS8",)
    )
    assert readings({"StatusSNS": payload}, "stat/p7/STATUS8", status) == wanted
    more = preset("tasmota", topics=("tele/{device}/+",))
    with pytest.raises(BadInputError) as caught:
        read("Online", "tele/p7/LWT", more)
    assert caught.value.kind in ("ignored", "json")


def test_shelly():
    options = preset("shelly", channels={"flow": ChannelOptions(path="em:0.a_act_power")})
    payload = {
        "src": "shellypro3em-ab12",
        "method": "NotifyStatus",
        "params": {"ts": 1_772_359_200.25, "em:0": {"id": 0, "a_act_power": 812.4}},
    }
    topic = "shellypro3em-ab12/events/rpc"
    assert readings(payload, topic, options) == [("shellypro3em-ab12", THEN, {"flow": 812.4}, 0)]
    assert options.hold
    with pytest.raises(BadInputError) as caught:
        read({**payload, "method": "NotifyEvent"}, topic, options)
    assert caught.value.kind == "ignored"


def test_nested_by_path():
    options = preset("aws_shadow", channels={"temp": ChannelOptions(path="state.reported.temp")})
    payload = {"state": {"reported": {"temp": 21.4}}, "timestamp": 1_772_359_200}
    found = readings(payload, "$aws/things/p7/shadow/update", options)
    assert found == [("p7", SECOND, {"temp": 21.4}, 0)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "payload",
    [
        *("5", "[]", "{}", "null", '"x"', "[[]]", "[null]", '{"a":[1]}', '{"values":[]}'),
        *('{"values":5}', '{"metrics":[1]}', '{"fields":{}}', "[{}]", '{"params":{}}', "a b=c"),
        *('[{"n":5}]', '[{"bn":{},"v":1}]', '[{"id":[],"v":1}]', '{"src":1,"params":{"a":1}}'),
        *('[{"n":"a","v":1,"t":"x"}]', '[{"bn":"a","bt":[],"n":"b","v":1}]', '{"method":[]}'),
        *('[{"name":"a","value":1,"ts":{}}]', '{"ts":[],"flow":1}', '{"flow":{},"temp":[]}'),
    ],
)
def test_another_shape_is_bad_input_and_no_more(shape, payload):
    made = Decoder(PayloadOptions(shape=shape), lambda _: CHANNELS)
    bad = ""
    try:
        found = made.decode(Message(topic="x", payload=payload.encode()), NOW)
    except BadInputError as error:
        found, bad = [], f"{error.kind}: {error}"
    assert "\n" not in bad
    assert found or bad or made.take_bad()


def test_presets():
    assert all(preset(name).shape in SHAPES for name in PRESETS)
    assert preset("shelly", topics=("x/{device}",)).topics == ("x/{device}",)
    for name, said in (("sparkplug", {}), ("shelly", {"colour": 1})):
        with pytest.raises(ConfigError, match="Received"):
            preset(name, **said)
