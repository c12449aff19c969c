"""Messages to readings: streams, times, channels, and what is bad."""

import json
import math

import pytest

from runtime.errors import ConfigError
from runtime.gateway.payloads.decoder import Decoder
from runtime.gateway.payloads.options import ON_OFF, ChannelOptions, PayloadOptions
from runtime.gateway.samples import BadInputError, Message, Quality

NOW = 1_772_359_230 * 10**9
THEN = 1_772_359_200_250 * 10**6
CHANNELS = ("flow", "temp")


def decoder(names=CHANNELS, **options):
    return Decoder(PayloadOptions(**options), lambda _: names)


def message(payload, topic="", **more):
    if not isinstance(payload, bytes):
        payload = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
    return Message(payload=payload, topic=topic, **more)


def kind_of(made, payload, topic="", **more):
    with pytest.raises(BadInputError) as caught:
        made.decode(message(payload, topic, **more), NOW)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value.kind


def test_a_flat_message():
    made = decoder(topics=("plant/{line}/{device}/data",))
    flat = {"timestamp": "2026-03-01T10:00:00.250Z", "flow": 12.5, "temp": 61}
    (reading,) = made.decode(message(flat, "plant/a/p 7/data"), NOW)
    assert reading == ("a/p 7", THEN, {"flow": 12.5, "temp": 61.0}, 0)
    assert made.take_bad() == {}


def test_without_a_time_it_is_that_of_the_arrival():
    (reading,) = decoder().decode(message({"flow": 1, "temp": 2}, "p7", arrived_ns=NOW + 5), NOW)
    assert reading == ("p7", NOW + 5, {"flow": 1, "temp": 2}, Quality.ARRIVAL)
    (reading,) = decoder().decode(message({"flow": 1, "temp": 2}), NOW)
    assert reading[:2] == ("main", NOW)


@pytest.mark.parametrize(
    ("time", "kind"),
    [(5, "time_absurd"), ("2031-01-01T00:00:00Z", "time_absurd"), (None, "time_missing")],
)
def test_absurd_and_missing_times_go_by_the_policy(time, kind):
    payload = {"ts": time, "flow": 1, "temp": 2}
    made = decoder()
    (reading,) = made.decode(message(payload), NOW)
    assert reading.time_ns == NOW
    assert reading.quality == Quality.ARRIVAL
    count, example = made.take_bad()[kind]
    assert count == 1
    assert "Received" in example
    assert kind_of(decoder(absurd="drop"), payload) == kind


def test_a_time_without_zone_is_never_guessed():
    payload = {"Time": "2026-03-01T11:00:00.25", "flow": 1, "temp": 2}
    assert kind_of(decoder(), payload) == "time_zone_missing"
    (reading,) = decoder(timezone="Europe/Berlin").decode(message(payload), NOW)
    assert reading.time_ns == THEN
    assert kind_of(decoder(), {"time": "soon", "flow": 1}) == "time"


def test_t_is_no_time_unless_said():
    payload = {"t": 1_772_359_200_250, "flow": 1.0}
    assert decoder().decode(message(payload), NOW)[0].quality == Quality.ARRIVAL
    assert decoder(time=("t",)).decode(message(payload), NOW)[0].time_ns == THEN
    nested = {"meta": {"At": 1_772_359_200_250}, "flow": 1.0}
    assert decoder(time=("meta.At",)).decode(message(nested), NOW)[0].time_ns == THEN


def test_missing_and_bad_channels():
    made = decoder(("flow", "temp", "run"))
    payload = b'{"ts":1772359200250,"flow":NaN,"temp":"unavailable","run":7,"more":1,"text":"x"}'
    (reading,) = made.decode(message(payload), NOW)
    assert str(reading.values) == "{'flow': nan, 'temp': nan, 'run': 7.0}"
    assert reading.quality == Quality.MISSING
    ((count, example),) = made.take_bad().values()
    assert count == 1
    assert example == "Channels must be among flow, temp, run. Received: 'more' on 'main'."
    (reading,) = made.decode(message({"flow": "12,5", "run": 1}), NOW)
    assert math.isnan(reading.values["flow"])
    assert reading.quality == Quality.MISSING | Quality.ARRIVAL
    assert [*made.take_bad()] == ["value"]
    assert kind_of(made, {"flow": "12,5"}) == "value"
    assert kind_of(made, {"run": True}) == "value"
    assert made.decode(message('{"flow":1e999,"temp":1,"run":1}'), NOW)[0].quality & Quality.MISSING
    assert made.decode(message({"flow": 10**400, "temp": 1, "run": 1}), NOW)[0].quality & 2


def test_unknown_channels_are_counted_and_no_error():
    made = decoder()
    assert made.decode(message({"pressure": 1.0, "level": 2}), NOW) == []
    assert made.decode(message({"pressure": 1.0, "flow": 2, "temp": 1}), NOW) != []
    assert made.take_bad()["channel_unknown"][0] == 3
    assert made.take_bad() == {}


def test_channels_have_names_scales_and_words_of_their_own():
    channels = {
        "flow": ChannelOptions(path="F-1", scale=0.1, offset=1.0),
        "temp": ChannelOptions(path="DHT22.Temperature"),
        "run": ChannelOptions(words=ON_OFF),
    }
    made = decoder(("flow", "temp", "run"), channels=channels)
    payload = {"F-1": 50, "DHT22": {"Temperature": 21.4}, "run": True}
    assert made.decode(message(payload), NOW)[0].values == {"flow": 6.0, "temp": 21.4, "run": 1.0}
    assert made.take_bad() == {}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        *(("12.5", 12.5), ('"12.5"', 12.5), (" 7\n", 7.0), ("ON", 1.0), ("false", 0.0)),
        *(('{"value": 3, "unit": "m"}', 3.0), ("null", math.nan), ("unavailable", math.nan)),
    ],
)
def test_a_topic_may_name_the_channel(payload, expected):
    made = decoder(
        topics=("plant/{line}/{device}/{channel}",),
        channels={"flow": ChannelOptions(words=ON_OFF)},
    )
    (reading,) = made.decode(message(payload, "plant/a/p7/flow"), NOW)
    assert reading.stream == "a/p7"
    assert str(reading.values) == str({"flow": expected})
    assert reading.quality == Quality.ARRIVAL | (Quality.MISSING if math.isnan(expected) else 0)


def test_the_example_of_an_unknown_channel_is_bounded():
    """Whatever the device calls it, and wherever it comes from."""
    made = decoder([f"channel {n}" for n in range(50)], topics=("{a}/{b}",))
    made.decode(message({"x" * 5000: 1.0}, f"{'t' * 200}/b"), NOW)
    ((_, example),) = made.take_bad().values()
    assert len(example) <= 200
    assert "x" * 30 in example
    assert "t" * 50 in example


def test_bad_numbers_alone():
    made = decoder(topics=("plant/{line}/{device}/{channel}",))
    assert kind_of(made, "12,5", "plant/a/p7/flow") == "value"
    assert kind_of(made, "ON", "plant/a/p7/flow") == "value"
    assert kind_of(made, "", "plant/a/p7") == "topic"
    assert made.decode(message("5", "plant/a/p7/pressure"), NOW) == []
    assert made.take_bad() == {
        "channel_unknown": (
            1,
            "Channels must be among flow, temp. Received: 'pressure' on 'plant/a/p7/pressure'.",
        )
    }
    assert kind_of(decoder(), "12.5") == "shape"
    assert decoder(("only",)).decode(message("12.5"), NOW)[0].values == {"only": 12.5}
    assert kind_of(decoder(("only",)), "hello there = no") == "line_protocol"
    (reading,) = made.decode(message({"ts": THEN, "v": 5}, "plant/a/p7/temp"), NOW)
    assert reading == ("a/p7", THEN, {"temp": 5.0}, 0)


def test_a_batch_with_bad_entries_gives_the_others():
    made = decoder()
    batch = [
        {"ts": 1_772_359_200_250, "values": {"flow": 1.0}},
        {"ts": "never", "values": {"flow": 2.0}},
        5,
        {"ts": 1_772_359_201_250, "values": {"flow": "x"}},
        {"ts": 1_772_359_202_250, "values": {"flow": 3.0}},
    ]
    readings = made.decode(message(batch), NOW)
    assert [reading.values["flow"] for reading in readings] == [1.0, 3.0]
    bad = made.take_bad()
    assert sum(count for count, _ in bad.values()) == 3
    assert {"time", "value"} < set(bad)


def test_streams_have_names_by_template():
    made = decoder(topics=("{site}/telegraf",), stream="{site}-{device}", shape="telegraf")
    metric = {"name": "pump", "tags": {"device": "p7"}, "fields": {"flow": 1.0}}
    assert made.decode(message(metric, "north/telegraf"), NOW)[0].stream == "north-p7"
    del metric["tags"]
    made = decoder(topics=("{site}/telegraf",), stream="{site}-{rack}", shape="telegraf")
    assert kind_of(made, metric, "north/telegraf") == "stream"
    (reading,) = decoder(device="meta.id").decode(message({"meta": {"id": 7}, "flow": 1}), NOW)
    assert reading.stream == "7"
    assert kind_of(decoder(device="meta.id"), {"flow": 1}) == "stream"
    with pytest.raises(ConfigError, match="channel"):
        decoder(stream="{device}/{channel}")


@pytest.mark.parametrize("name", ["a\u0000b", "\ud800", "x" * 300, "a\nb"])
def test_names_that_cannot_be_written_are_bad(name):
    assert kind_of(decoder(), {name: [{"flow": 1.0}]}) == "stream"


def test_streams_without_a_model():
    asked = []

    def channels_of(stream):
        asked.append(stream)
        return CHANNELS if len(asked) > 1 else None

    made = Decoder(PayloadOptions(), channels_of)
    assert kind_of(made, {"flow": 1}, "p7") == "stream_unknown"
    assert [len(made.decode(message({"flow": 1}, "p7"), NOW)) for _ in range(2)] == [1, 1]
    made.forget(["p7", "nobody"])
    made.decode(message({"flow": 1}, "p7"), NOW)
    assert asked == ["p7"] * 3


def test_retained_messages_are_old():
    assert kind_of(decoder(), {"flow": 1}, "p7", retained=True) == "retained"
    (reading,) = decoder(retained="use").decode(message({"flow": 1}, "p7", retained=True), NOW)
    assert reading.quality == Quality.RETAINED | Quality.ARRIVAL


@pytest.mark.parametrize("shape", ["auto", "thingsboard", "records", "senml", "line_protocol"])
def test_a_payload_of_very_many_parts_takes_no_longer(shape):
    """What is beyond the limit is counted."""
    made = decoder(shape=shape, max_parts=50)
    payloads = {
        "records": [{"name": "flow", "value": 1, "ts": 1_772_359_200 + i} for i in range(60)],
        "senml": [{"n": "flow", "v": 1, "t": 1_772_359_200 + i} for i in range(60)],
        "line_protocol": "\n".join(f"m,device=d{i} flow=1" for i in range(60)),
    }
    payload = payloads.get(shape, [{"flow": i} for i in range(60)])
    assert len(made.decode(message(payload), NOW)) == 50
    assert made.take_bad() == {"parts": (1, "10 or more beyond 50.")}
    devices = {f"d{i}": [{"flow": 1}] for i in range(60)}
    if shape == "auto":
        assert len(made.decode(message(devices), NOW)) == 50
        assert [*made.take_bad()] == ["parts"]


def test_limits():
    made = decoder(max_bytes=50, ignore=("plant/+/status",))
    assert kind_of(made, b" " * 51) == "size"
    assert kind_of(made, b"{}") == "empty"
    assert kind_of(made, b"[]") == "empty"
    assert kind_of(made, b"\xff{}") == "encoding"
    assert kind_of(made, {"flow": 1}, "plant/a/status") == "ignored"
    assert kind_of(decoder(), '{"a":' * 9 + "1" + "}" * 9) == "depth"
    assert kind_of(decoder(), '{"a":1') == "json"
    for wrong in (
        {"shape": "xml"},
        {"timezone": "Mars/Base"},
        {"time_unit": "h"},
        {"absurd": "keep"},
        {"retained": "yes"},
        {"max_bytes": 0},
        {"max_parts": 0},
        {"lateness_s": -1.0},
        {"topics": ("a/{",)},
        {"tag": "{device}"},
    ):
        with pytest.raises(ConfigError, match="Received"):
            decoder(**wrong)


MS = THEN // 10**6


@pytest.mark.parametrize(
    "payloads",
    [
        [{"timestamp": MS, "flow": 1, "temp": 2.5}, {"timestamp": MS + 1, "temp": 3, "flow": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"timestamp": MS, "ts": MS - 1, "flow": 1, "temp": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"TS": MS, "flow": 1, "temp": 2}],
        [{"ts": MS // 1000, "flow": 1, "temp": 2}, {"ts": MS / 1000, "flow": 1, "temp": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"ts": MS, "flow": 1, "temp": 2, "other": 3}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"ts": MS, "flow": None, "temp": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"ts": 10**400, "flow": 1, "temp": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"ts": True, "flow": 1, "temp": 2}],
        [{"ts": MS, "flow": 1, "temp": 2}, {"other": MS, "flow": 1, "temp": 2}],
    ],
)
@pytest.mark.parametrize("names", [CHANNELS, ("time", "flow"), ("flow", "ts")])
def test_the_common_object_is_read_as_any_other(payloads, names, monkeypatch):
    """A short way for it changes nothing, whatever came before."""

    def found():
        made = decoder(names)
        read = []
        for payload in payloads:
            try:
                read.append(made.decode(message(payload, "p7"), NOW))
            except BadInputError as error:
                read.append(str(error))
        return read, made.take_bad()

    short = found()
    monkeypatch.setattr(Decoder, "_plainly", lambda *_: None)
    assert repr(short) == repr(found())
