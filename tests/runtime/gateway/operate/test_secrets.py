"""Secrets: known ones, those in addresses, and what looks like one."""

import pytest

from runtime.gateway.operate.secrets import Hider


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("mqtts://kad:s3cret@broker:8883 refused", "mqtts://***@broker:8883 refused"),
        ('{"password": "abc", "n": 1}', '{"password": "***", "n": 1}'),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization=Basic a2FkOg==", "authorization=Basic ***"),
        ("token=xyz&other=1", "token=***&other=1"),
        ("api_key: 'k1'", "api_key: '***'"),
        ("the password is wrong", "the password is wrong"),
        ("read http://host/a@b", "read http://host/a@b"),
    ],
)
def test_what_looks_like_one(text, hidden):
    """Values go, what a person needs to find the place stays."""
    assert Hider().text(text) == hidden


def test_known_values():
    """The longer first; values that are too short to be told from words are left."""
    hider = Hider(["hunter2", "hunter22", "abc", ""])
    assert hider.text("hunter22 hunter2 abc") == "*** *** abc"


@pytest.mark.parametrize(
    "key", ["password", "mqtt_Password", "token", "private_key", "client_secret"]
)
def test_by_their_key(key):
    """Whatever the value is."""
    assert Hider().field(key, "x") == "***"
    assert Hider().field(key, "") == ""
    assert Hider().field("topic", "a/b") == "a/b"
