"""Every refusal has an exit code, and a sentence that says what, which, and what to do."""

import errno
import os
import re
from collections.abc import Iterator

import pytest

from maps import answers, text
from maps.answers import Exit
from parcels import errors


def refusals(base: type[errors.Refusal] = errors.Refusal) -> Iterator[type[errors.Refusal]]:
    for kind in base.__subclasses__():
        if kind.__module__.split(".")[0] in {"parcels", "layers", "maps"}:
            yield kind
            yield from refusals(kind)


def documented_fields(kind: type[errors.Refusal]) -> set[str]:
    listed = re.search(r"Fields: ([\w, ]+)", " ".join((kind.__doc__ or "").split()))
    return set(listed.group(1).split(", ")) if listed else set()


ALL = sorted(set(refusals()), key=lambda kind: kind.code)


def test_no_two_refusals_have_the_same_code():
    assert len({kind.code for kind in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.code)
def test_every_refusal_has_an_exit_code_of_its_own_or_of_its_family(kind):
    assert kind in answers.EXITS
    assert answers.exit_code(kind()) not in {Exit.DONE, Exit.UNEXPECTED}


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.code)
def test_every_refusal_says_what_and_what_to_do(kind, lang):
    refusal = kind(**{name: f"<{name}>" for name in documented_fields(kind)})

    assert answers.what(refusal, lang).strip()
    assert answers.mend(refusal, lang).strip()
    assert text.say("words.unknown", lang) not in answers.what(refusal, lang)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.code)
def test_a_sentence_uses_only_fields_that_the_refusal_carries(kind):
    used = text.fields(f"refusals.{kind.code}.what", "zh") | text.fields(
        f"refusals.{kind.code}.mend", "zh"
    )

    assert used <= documented_fields(kind)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_sentence_belongs_to_a_refusal(lang):
    spoken = {key.split(".")[0] for key in text.words("refusals", lang)}

    assert spoken - {"reasons", "refused"} == {kind.code for kind in ALL}


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_refusal_with_nothing_in_it_still_speaks(lang):
    for kind in [errors.Refusal, *ALL]:
        assert answers.what(kind(), lang)
        assert answers.mend(kind(), lang)


def test_a_new_kind_of_refusal_takes_the_exit_code_of_what_it_derives_from():
    kind = type("StoreFullError", (errors.StoreNotUsableError,), {})

    assert answers.exit_code(kind()) is Exit.STORE_NOT_USABLE


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EISDIR])
def test_the_reasons_of_the_operating_system_are_said_in_the_readers_language(number):
    by_text = errors.FileNotReadableError(file="a.shp", reason=os.strerror(number))
    by_error = errors.FileNotReadableError(file="a.shp", reason=str(OSError(number, "x", "a.shp")))
    by_name = errors.FileNotReadableError(file="a.shp", reason=errno.errorcode[number])

    assert answers.what(by_text, "zh") == answers.what(by_name, "zh")
    assert answers.what(by_error, "zh") == answers.what(by_name, "zh")
    assert os.strerror(number) not in answers.what(by_text, "zh")


def test_a_reason_without_a_sentence_is_given_as_it_came():
    refusal = errors.FileNotReadableError(file="a.shp", reason="corrupt header")

    assert "corrupt header" in answers.what(refusal, "en")
