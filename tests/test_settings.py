"""The environment is read in one place, and means the same whoever asks."""

import datetime as dt
import getpass

import pytest

from maps import settings
from parcels.errors import SettingNotUnderstoodError


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "zh"),
        ({"JINGTU_LANG": "en"}, "en"),
        ({"JINGTU_LANG": " ZH "}, "zh"),
        ({"JINGTU_LANG": "", "LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "en_US", "LANG": "zh_CN"}, "en"),
        ({"JINGTU_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
    ],
)
def test_the_language_is_what_is_asked_for_else_that_of_the_locale(environment, lang):
    assert settings.read(environment).lang == lang


@pytest.mark.parametrize("asked", ["fr", "zh_CN", "中文"])
def test_a_language_that_jingtu_does_not_speak_is_refused(asked):
    with pytest.raises(SettingNotUnderstoodError) as refused:
        settings.read({"JINGTU_LANG": asked})

    assert refused.value.fields["found"] == asked
    assert settings.spoken({"JINGTU_LANG": asked}) == "zh"


@pytest.mark.parametrize(
    ("environment", "store"),
    [
        ({}, "jingtu.gpkg"),
        ({"JINGTU_STORE": " "}, "jingtu.gpkg"),
        ({"JINGTU_STORE": "/data/市 局.gpkg"}, "/data/市 局.gpkg"),
        ({"JINGTU_STORE": "postgresql+psycopg://a@b/c"}, "postgresql+psycopg://a@b/c"),
    ],
)
def test_the_store_is_what_is_named_else_a_file_here(environment, store):
    assert settings.read(environment).store == store


def test_who_makes_changes_is_who_is_named_else_the_account():
    assert settings.read({"JINGTU_USER": "王工"}).user == "王工"
    assert settings.read({}).user == getpass.getuser()


def test_today_is_the_day_in_beijing_and_now_is_in_utc():
    before = settings.now()
    today = settings.today()
    after = settings.now()

    assert before.utcoffset() == dt.timedelta(0)
    days = {(at + dt.timedelta(hours=8)).date() for at in (before, after)}
    assert today in days
