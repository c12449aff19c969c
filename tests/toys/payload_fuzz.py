"""Malformed messages by the thousand, mutated from the shapes that devices send.

Nothing but `BadInputError` leaves a decoder, each message takes a bounded time, what comes out can
be written down, and a good message in between is read as if nothing had happened.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter

from runtime.gateway.payloads.decoder import KINDS, Decoder
from runtime.gateway.payloads.options import ON_OFF, SHAPES, ChannelOptions, PayloadOptions
from runtime.gateway.payloads.presets import preset
from runtime.gateway.samples import BadInputError, Message

PATIENCE_S = 1.0
"""Of the processor; a message that takes longer hangs."""
NOW = 1_772_359_230 * 10**9
_CHANNELS = ("flow", "temp")
_GOOD = Message(
    topic="plant/a/good/data",
    payload=b'{"timestamp":"2026-03-01T10:00:00.250Z","flow":12.5,"temp":61.0}',
)
_READ = ("a/good", 1_772_359_200_250 * 10**6, {"flow": 12.5, "temp": 61.0}, 0)
_TB = b'{"ts":1772359200250,"values":{"flow":12.5,"temp":61.0}}'
_METRIC = (
    b'{"name":"pump","tags":{"device":"p7","host":"gw1"},"fields":{"flow":12.5},'
    b'"timestamp":1772359200}'
)
SHAPED = (
    b'{"timestamp":"2026-03-01T10:00:00.250Z","flow":12.5,"temp":61.0,"running":true}',
    b'{"ts":"2026-10-25T02:30:00","flow":"12.5","temp":null}',
    b"12.5",
    b'"12.5"',
    b"ON",
    _TB,
    b"[" + _TB + b"," + _TB + b"]",
    b'{"Pump 7":[' + _TB + b'],"Pump 8":[{"flow":1}]}',
    _METRIC,
    b'{"metrics":[' + _METRIC + b"," + _METRIC + b"]}",
    b"pump,device=p7 flow=12.5,count=3i,on=t 1772359200250000000\npump,device=p\\ 8 temp=1",
    b'm\\,x,a\\ b=c\\=d s="a,b =\\"c\\" \\\\",flow=1e3 17\n# comment\n\nflow v=1u',
    b'[{"tagname":"P7.flow","timestamp":1772359200250,"value":12.5}]',
    b'{"timestamp":1772359200300,"values":[{"id":"Ch1.P7.flow","v":12.5,"q":true,"t":1}]}',
    b'[{"bn":"urn:dev:p7:","bt":1772359200,"n":"flow","u":"m3/s","v":12.5},{"n":"temp","v":6}]',
    b'{"temperature":21.4,"linkquality":92,"last_seen":"2026-03-01T10:00:00Z"}',
    b'{"Time":"2026-03-01T11:00:00","DHT22":{"Temperature":21.4},"TempUnit":"C"}',
    b'{"src":"s-1","method":"NotifyStatus","params":{"ts":1772359200.25,"em:0":{"power":8.4}}}',
    b'{"flow":{"SourceTimestamp":"2026-03-01T10:00:00.1969959Z","Value":12.5}}',
    b'{"state":{"reported":{"temp":21.4}}}',
)
"""A message of every shape."""
_ODD = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"=", b" ", b"\n", b"\r", b"\t", b"#"),
    *(b"\0", b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe2\x88\x92", b"\\ud800", b"\\u0000"),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-0", b"0x1", b"1_0", b"12,5", b"null", b"true"),
    *(b"{}", b"[]", b'""', b"[" * 40, b'{"a":' * 40, b'{"ts":', b'"values":', b'"fields":{}'),
    *(b"1970-01-01T00:00:00Z", b"9999-12-31T23:59:60Z", b"0001-01-01", b"24:00", b"+99:99", b"-1"),
    *("Ⅷ٣".encode(), b"/", b"#", b"+", b"$", b"..", b"\\,", b"\\=", b"\\ ", b'\\"', b"i", b"u"),
)
_VALUES = (
    *(0, -1, 5, 1e308, 10**30, 1_772_359_200, 1_772_359_200_250, -1e-300, 2**63, 12.5, True, False),
    *(None, "", "NaN", "12,5", "ON", "x" * 300, "a\nb", "\ud800", "\0", "#", "2026-03-01T10:00:00"),
    *("2026-03-01T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1e400"),
    *([], {}, [[]], [{}], {"a": {}}, [None], {"": 1}, {"flow": 1.0}, [1, 2], float("inf")),
)
_KEYS = (
    *("flow", "temp", "ts", "TS", "time", "values", "fields", "metrics", "tags", "name", "n", "v"),
    *("bn", "bt", "bv", "t", "u", "q", "id", "value", "params", "method", "src", "", "device"),
)
_TOPICS = (
    *("plant/a/p7/data", "plant/a/p7/flow", "plant/a", "", "tele/p7/SENSOR", "s-1/events/rpc"),
    *("zigbee2mqtt/pump room", "zigbee2mqtt/x/set", "v1/gateway/telemetry", "plant/ü/\ud800/data"),
    *("$SYS/x", "/", "plant//p7/data"),
)


def decoders():
    """Returns decoders of every shape and preset."""
    channels = {
        "flow": ChannelOptions(words=ON_OFF, unit="m3/s"),
        "temp": ChannelOptions(path="DHT22.Temperature", scale=0.5),
    }
    topics = ("plant/{line}/{device}/data", "plant/{line}/{device}/{channel}", "#")
    options = [PayloadOptions(shape=shape) for shape in SHAPES]
    options += [
        PayloadOptions(topics=topics, timezone="Europe/Berlin", retained="use"),
        PayloadOptions(topics=topics, absurd="drop", channels=channels, device="src"),
        preset("zigbee2mqtt"),
        preset("tasmota", timezone="Europe/Berlin", channels=channels),
        preset("shelly", channels={"flow": ChannelOptions(path="em:0.power")}),
        preset("records", tag="{device}.{channel}", stream="x-{device}"),
    ]
    options += [one for one in options if one.shape == "auto"] * 5  # what most people have
    return [Decoder(one, lambda _: _CHANNELS) for one in options]


def malformed(dice):
    """Returns a mutated message: other values in its JSON, other bytes, or both."""
    payload = dice.choice(SHAPED)
    if dice.random() < 0.6:
        payload = _other_values(dice, payload)
    if dice.random() < 0.5:
        payload = _other_bytes(dice, payload)
    topic = dice.choice(_TOPICS) if dice.random() < 0.4 else "plant/a/p7/data"
    return Message(topic=topic, payload=payload, retained=dice.random() < 0.02)


def _other_values(dice, payload):
    """Puts odd values, or others of its own, in places of a JSON payload."""
    try:
        tree = [json.loads(payload)]
    except ValueError:
        return payload
    for _ in range(dice.choice((1, 1, 2, 5))):
        nodes = []
        below = [tree]
        while below:
            node = below.pop()
            if isinstance(node, dict | list):
                places = node if isinstance(node, dict) else range(len(node))
                nodes += [(node, place) for place in places]
                below += node.values() if isinstance(node, dict) else node
        if not nodes:
            break
        node, place = dice.choice(nodes)
        value = dice.choice(_VALUES) if dice.random() < 0.8 else dice.choice(nodes)[0]
        value = json.loads(json.dumps(value))
        if isinstance(node, dict) and dice.random() < 0.3:
            node[dice.choice(_KEYS)] = value
        else:
            node[place] = value
    return json.dumps(tree[0]).encode()


def _other_bytes(dice, payload):
    payload = bytearray(payload)
    for _ in range(dice.choice((0, 1, 1, 2, 4, 12))):
        at = dice.randrange(len(payload) + 1)
        end = min(len(payload), at + dice.choice((1, 1, 3, 10, 40)))
        match dice.randrange(7):
            case 0:
                del payload[at:end]
            case 1:
                payload[at:at] = dice.choice(_ODD)
            case 2:
                payload[at:end] = dice.choice(_ODD)
            case 3:
                payload[at:at] = payload[at:end] * dice.choice((1, 3, 100))
            case 4:
                payload[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
            case 5:
                payload[at:at] = dice.choice(SHAPED)
            case _:
                del payload[at:]
    return bytes(payload)


def fuzz(count, seed=1, *, progress=lambda _: None):
    """Returns how many messages came to what, and the bad ends by number.

    Args:
        count: How many messages.
        seed: Of all of them.
        progress: Is given the number of messages that are done.

    Returns:
        Counts by kind of error, `read` and `unknown`; and for each message that ended badly what
        it did: another exception, a wrong reading, a good message after it that was not read.
    """
    made = decoders()
    good = Decoder(PayloadOptions(topics=("plant/{line}/{device}/data",)), lambda _: _CHANNELS)
    counts, bad = Counter(), {}
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")  # noqa: S311
        message, decoder = malformed(dice), dice.choice(made)
        begun = time.process_time()
        try:
            verdict, wrong = _judge(decoder, message)
            if number % 10 == 0:
                _judge(good, message)
                (read,) = good.decode(_GOOD, NOW)
                wrong = wrong or ("" if read == _READ else f"good one read as {read}")
        except Exception as error:  # noqa: BLE001
            verdict, wrong = "ERROR", f"{type(error).__name__}: {str(error)[:150]}"
        if time.process_time() - begun > PATIENCE_S:
            wrong = wrong or "HANG"
        counts[verdict] += 1
        if wrong:
            bad[number] = f"{wrong} of {message.payload[:200]!r}"
        progress(number + 1)
    return counts, bad


def _judge(decoder, message):
    """Returns what became of a message, and what is wrong with it."""
    try:
        readings = decoder.decode(message, NOW)
    except BadInputError as error:
        sound = error.kind in KINDS and "\n" not in str(error)
        return error.kind, "" if sound and len(str(error)) < 1000 else f"error {str(error)[:300]}"
    notes = decoder.take_bad()
    if not set(notes) <= set(KINDS) or any(
        "\n" in text or len(text) > 200 for _, text in notes.values()
    ):
        return "read", f"notes {notes}"
    if not readings:
        return "unknown", "" if notes else "nothing said of nothing read"
    for reading in readings:
        sound = (
            reading.stream
            and abs(reading.time_ns) < 2**62
            and set(reading.values) <= set(_CHANNELS)
            and all(type(value) in (int, float) for value in reading.values.values())
            and float("inf") not in map(abs, reading.values.values())
        )
        if not sound:
            return "read", f"{reading}"
        reading.stream.encode()
    return "read", ""


def main():
    """Runs `scripts/fuzz messages`; exit code 1 where one ends badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=int, nargs="?", default=1_000_000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    counts, bad = fuzz(arguments.messages, arguments.seed)
    for kind, number in counts.most_common():
        sys.stdout.write(f"{kind:<20} {number}\n")
    for number, what in bad.items():
        sys.stdout.write(f"message {number}: {what}\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
