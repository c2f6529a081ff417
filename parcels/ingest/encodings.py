"""Which encoding the text of a delivered file is in."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError
from parcels.findings import Findings

_CJK: Final = "gb18030"
_TAIWAN: Final = "big5"
_JAPAN: Final = "euc_jp"
_JAPAN_WINDOWS: Final = "cp932"
_BYTES: Final = "latin-1"
# How large a part of the characters must be everyday Chinese before a guess says "Chinese".
_EVERYDAY_SHARE: Final = 0.5
_WHOLE_SHARE: Final = 0.9
# First bytes of everyday characters: in GB 2312 signs, full-width letters and hanzi, in Big5 signs
# and the characters of the first level, in EUC-JP signs, kana and the kanji of the first level.
_EVERYDAY: Final = {
    "gb2312": frozenset({0xA1, 0xA3, *range(0xB0, 0xF8)}),
    "big5": frozenset({0xA1, 0xA2, *range(0xA4, 0xC7)}),
    "euc_jp": frozenset({0xA1, 0xA3, 0xA4, 0xA5, *range(0xB0, 0xD0)}),
}
# The standard that says what is everyday in an encoding.
_STANDARDS: Final = {
    _CJK: "gb2312", _TAIWAN: "big5", _JAPAN: "euc_jp", _JAPAN_WINDOWS: "euc_jp",
}  # fmt: skip
_KANA: Final = ("\u3041", "\u30fe")
# Kana stand at the same places in GB 2312 and EUC-JP: a text with many is Japanese.
_KANA_SHARE: Final = 0.1
# Fewer different characters do not tell two encodings apart: offices here send GBK.
_TELLING: Final = 12
_HEAD: Final = 4096
# A text longer than this is not weighed whole: so many of its lines tell as much.
_LONG: Final = 1 << 22
_LINES: Final = 20_000
_FOREIGN_BYTE: Final = re.compile(rb"[\x80-\xff]")
_SIGNS: Final = b"\t\n\r,;=[]0123456789"
_WORD: Final = re.compile(r"[^\s\"'<>{}\[\]=,;:]+")


def known_codec(name: str | None) -> str | None:
    """Python's name of an encoding as .cpg files write it ("GBK", "936", "UTF-8", "ANSI 936").

    Returns None if no codec answers to it.
    """
    if not name:
        return None
    word = name.strip().casefold().replace("ansi", "").replace("oem", "").strip(" _-")
    for candidate in (word, word.replace("-", ""), f"cp{word}", f"cs{word}"):
        try:
            codec = codecs.lookup(candidate).name
        except (LookupError, ValueError, UnicodeError):
            continue
        return _CJK if codec in {"gbk", "gb2312", "cp936"} else codec
    return None


def fits(samples: Sequence[bytes], encoding: str) -> bool:
    """Whether at least 9 in 10 samples are text in this encoding.

    A character cut off at the end of a field is allowed; so are a few broken records, which must
    not decide how the whole file is read.
    """
    good = sum(_is_text(sample, encoding) for sample in samples)
    return good >= len(samples) * _WHOLE_SHARE


def unlikely(samples: Sequence[bytes], declared: str) -> bool:
    """Whether what is declared a Chinese encoding is rather UTF-8, which mostly fits it too."""
    if declared not in {_CJK, _TAIWAN} or not fits(samples, "utf-8"):
        return False
    if not any(_has_hanzi(decoded(one, "utf-8")) for one in samples):
        return False
    return _everyday_share(samples, _CJK, "gb2312") < _WHOLE_SHARE


def pieces(content: bytes) -> list[bytes]:
    """What of a text tells its encoding: all of it, or of a long one the first foreign lines."""
    if len(content) <= _LONG:
        return [content]
    lines: list[bytes] = []
    place = 0
    while len(lines) < _LINES and (foreign := _FOREIGN_BYTE.search(content, place)):
        # Before the first foreign byte of a line all is ASCII.
        line = max(content.rfind(b"\n", place, foreign.start()) + 1, place)
        start = max(line, foreign.start() - 100)
        place = content.find(b"\n", foreign.start()) + 1 or len(content)
        lines.append(content[start:place][:_LONG])
    return lines or [content[:_LONG]]


def cleanly(samples: Iterable[bytes], encoding: str) -> bool:
    """Whether every sample is whole text in this encoding, nothing cut off."""
    try:
        for sample in samples:
            sample.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def guess(samples: Sequence[bytes]) -> str:
    """The likeliest encoding of these samples: UTF-8, GB18030, Big5, Japanese, else Latin-1.

    Args:
        samples: Texts as bytes, at least one with a byte over 127.
    """
    if fits(samples, "utf-8") and not _rather_chinese(samples):
        return "utf-8"
    shares = _plausible(samples)
    mainland = shares.pop(_CJK, 0.0)
    if shares.get(_JAPAN, 0.0) >= _WHOLE_SHARE and _kana_share(samples, _JAPAN) >= _KANA_SHARE:
        return _JAPAN
    other = max(shares, key=lambda name: shares[name], default=_BYTES)
    if other != _JAPAN and shares.get(other, 0.0) >= _WHOLE_SHARE and shares[other] > mainland:
        return other
    return _CJK if mainland >= _EVERYDAY_SHARE else _BYTES


def rival(samples: Sequence[bytes], name: str) -> str | None:
    """Another encoding in which these samples are everyday text as well; None where none is.

    Args:
        samples: Texts as bytes.
        name: The encoding that was guessed.
    """
    # That it is Japanese of Unix, its kana have decided already.
    if name not in _STANDARDS or name == _JAPAN or len(_foreign(samples, name)) < _TELLING:
        return None
    shares = _plausible(samples)
    mine = shares.pop(name, 0.0)
    other = max(shares, key=lambda one: shares[one], default=None)
    if other is None or shares[other] < _WHOLE_SHARE or shares[other] <= mine - (1 - _WHOLE_SHARE):
        return None
    return other


def report_guess(
    findings: Findings, name: str, samples: Sequence[bytes], *, declared: str = "", sample: str
) -> None:
    """Tell of a guess with a sample; where another is as likely, of both with a sample each.

    Args:
        findings: Takes it.
        name: The encoding that was taken.
        samples: Texts as bytes.
        declared: What the file says and cannot be true.
        sample: A piece of the text as it was read.
    """
    details = {"encoding": name, "declared": declared}
    other = rival(samples, name)
    if other is None:
        findings.add("encoding_guessed", found=sample, details=details)
        return
    longest = max((one for one in samples if not one.isascii()), key=len, default=b"")
    pieces = [first_foreign(decoded(longest, one)) for one in (name, other)]
    details |= {"other": other, "other_sample": pieces[1]}
    findings.add("encoding_doubtful", found=pieces[0], details=details)


def decoded(sample: bytes, encoding: str) -> str:
    """The text of a sample: half a character at its end is left out, other faults are U+FFFD."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=False)
    except UnicodeError:
        return sample.decode(encoding, errors="replace")


def read_text(content: bytes, encoding: str | None = None) -> tuple[str, str, bool]:
    """The text of a whole file, its encoding, and whether that was guessed.

    Args:
        content: The file.
        encoding: As stated by the user; None to look for a byte order mark, then to guess.

    Raises:
        UnicodeError: The file is not text in the stated encoding.
        LookupError: No such encoding is known.
    """
    if encoding is not None:
        name = known_codec(encoding) or encoding
        return content.decode(name).removeprefix("\ufeff"), name, False
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(name, errors="replace"), name, False
    if wide := _wide(content):
        return content.decode(wide, errors="replace"), wide, True
    if content.isascii():
        return content.decode("ascii"), "utf-8", False
    samples = pieces(content)
    name = guess(samples)
    text = content.decode(name, errors="replace")
    # Two Chinese characters can be whole UTF-8, and "·" can be one of them: then it is a guess.
    whole = name == "utf-8" and cleanly([content], name)
    return text, name, not whole or not (_has_hanzi(text) or not _whole_gb(samples))


def open_text(
    path: Path,
    findings: Findings,
    encoding: str | None = None,
    *,
    telling: Callable[[str], str] = str,
) -> tuple[str, str]:
    """The text of a delivered file and its encoding; a guess is reported with a sample.

    Args:
        path: The file.
        findings: Told of a guess.
        encoding: As stated by the user.
        telling: Picks the part of the text from which the sample is taken.

    Raises:
        FileNotReadableError: It cannot be opened, or is not text in the stated encoding.
    """
    try:
        content = path.read_bytes()
        text, name, guessed = read_text(content, encoding)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    except (UnicodeError, LookupError) as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    if guessed:
        sample = first_foreign(telling(text))
        report_guess(findings, name, pieces(content), sample=sample)
    return text, name


def first_foreign(text: str) -> str:
    """The first word of a text with a character outside ASCII, at most 40 characters."""
    for word in _WORD.findall(text):
        if not word.isascii():
            return str(word)[:40]
    return ""


def _is_text(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=False)
    except (UnicodeError, LookupError):
        return False
    return True


def _plausible(samples: Sequence[bytes]) -> dict[str, float]:
    """How large a part of the characters is everyday text, by encoding that the samples fit."""
    return {
        name: _everyday_share(samples, name, standard)
        for name, standard in _STANDARDS.items()
        if fits(samples, name)
    }


def _foreign(samples: Iterable[bytes], encoding: str) -> Counter[str]:
    """How often each character outside ASCII stands in the samples."""
    counted: Counter[str] = Counter()
    for sample in samples:
        counted.update(decoded(sample, encoding))
    return Counter({one: count for one, count in counted.items() if not one.isascii()})


def _everyday_share(samples: Iterable[bytes], encoding: str, standard: str) -> float:
    # Everyday Chinese is what the first standards hold; Western text read as GB 18030 falls nearly
    # wholly outside it.
    counted, usual = _foreign(samples, encoding), _EVERYDAY[standard]
    everyday = sum(
        count
        for one, count in counted.items()
        if next(iter(one.encode(standard, "ignore")), 0) in usual
    )
    return everyday / counted.total() if counted else 0.0


def _kana_share(samples: Iterable[bytes], encoding: str) -> float:
    counted = _foreign(samples, encoding)
    kana = sum(count for one, count in counted.items() if _KANA[0] <= one <= _KANA[1])
    return kana / counted.total() if counted else 0.0


def _rather_chinese(samples: Sequence[bytes]) -> bool:
    """Whether text that is whole in UTF-8 is so by chance, as GBK "联通" is."""
    if not fits(samples, _CJK) or any(_has_hanzi(decoded(one, "utf-8")) for one in samples):
        return False
    foreign = "".join(c for one in samples for c in decoded(one, "utf-8") if not c.isascii())
    # Signs such as the degree and the square are written in UTF-8 as well.
    western = all("\xa0" <= c <= "\xff" for c in foreign)
    return not western and _everyday_share(samples, _CJK, "gb2312") >= _WHOLE_SHARE


def _has_hanzi(text: str) -> bool:
    places = map(ord, text)
    return any(0x3400 <= place <= 0x9FFF or place >= 0x20000 for place in places)


def _whole_gb(samples: Sequence[bytes]) -> bool:
    if not all(_is_text(one, _CJK) for one in samples):
        return False
    return _everyday_share(samples, _CJK, "gb2312") >= _WHOLE_SHARE


def _wide(content: bytes) -> str | None:
    """UTF-16 without a mark, told by the zero bytes beside its commas and line ends."""
    head = content[: _HEAD // 2 * 2]
    if b"\0" not in head or len(content) % 2:
        return None
    even, odd = head[::2], head[1::2]
    little = sum(high == 0 and low in _SIGNS for low, high in zip(even, odd, strict=True))
    big = sum(high == 0 and low in _SIGNS for high, low in zip(even, odd, strict=True))
    name = "utf-16-le" if little > big else "utf-16-be"
    return name if max(little, big) > 0 and _is_text(content, name) else None
