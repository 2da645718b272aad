"""Makes text from a cluster safe to show: nothing in it can control a terminal, a browser or a parser."""

import re
import unicodedata

_HARMLESS = "\n\t"
# Unicode categories that are invisible but act: controls, direction overrides, lone surrogates, line separators.
_STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What is Markdown markup inside a line; an underscore inside a word is not.
_MARKUP = r"[\\`*|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=\()"


def visible(text: str) -> str:
    r"""`text` with every character that is not seen written out, as `\x1b` or `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def one_line(text: str) -> str:
    """`visible` on one line."""
    return visible(" ".join(text.split()))


def escaped(words: str) -> str:
    """Any text on one line, escaped for Markdown: no markup, no end of a cell, no tag, and no mention of a user."""
    plain = re.sub(_MARKUP, r"\\\g<0>", one_line(words))
    plain = plain.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"(?<!\w)@(?=\w)", "@&#8203;", plain)


def duration(seconds: float | None) -> str:
    """Seconds for people: `8.4 s`, `3 min 12 s`; a dash where there are none."""
    if seconds is None:
        return "\N{EN DASH}"
    if abs(seconds) < 100:  # noqa: PLR2004 # up to here tenths matter, from here on minutes read better
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def plural(count: float, thing: str) -> str:
    """`1 volume`, `1,200 volumes`."""
    return f"{count:,.0f} {thing}{'' if count == 1 else 's'}"


def _shown(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _STEERING:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 # widths of the escapes
