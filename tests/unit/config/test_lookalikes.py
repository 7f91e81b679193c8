"""What cannot be seen, or looks like something else, is told with its code point and its place."""

from __future__ import annotations

import pytest

from bridge.config.lookalikes import placeholders, suspicious_characters

KEYBOARD = "".join(map(chr, range(32, 127))) + "\n"


def points(text: str, *, is_code: bool) -> list[tuple[int, str]]:
    return [(odd.at, odd.message.split()[0]) for odd in suspicious_characters(text, is_code=is_code)]


@pytest.mark.parametrize("is_code", [True, False])
@pytest.mark.parametrize(
    "point",
    [
        *(0x00A0, 0x00AD, 0x034F, 0x061C, 0x115F, 0x180E, 0x2000, 0x2009, 0x200B, 0x200C, 0x200D, 0x200E, 0x202A),
        *(0x2028, 0x2029, 0x202E, 0x202F, 0x205F, 0x2060, 0x2066, 0x2800, 0x3000, 0x3164, 0xFE0F, 0xFEFF, 0xFFA0),
        *(0x0009, 0x007F, 0x0085, 0xE000),
    ],
)
def test_what_cannot_be_seen_is_told_wherever_it_stands(point, is_code):
    assert points(f"ab{chr(point)}c", is_code=is_code) == [(2, f"U+{point:04X}")]


@pytest.mark.parametrize(
    "point",
    [
        *(0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E, 0x00AB, 0x00BB, 0x2032, 0x2033),  # quotes
        *(0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212),  # dashes
        *(0xFF1D, 0xFF5E, 0xFF02, 0xFF0C, 0xFF5B, 0x1D41A),  # wide and bold letters
    ],
)
def test_what_print_has_for_a_key_is_told_in_code_and_not_in_words(point):
    assert points(f"a {chr(point)} b", is_code=True) == [(2, f"U+{point:04X}")]
    assert points(f"a {chr(point)} b", is_code=False) == []
    assert points(f"a {{{{ {chr(point)} }}}} b", is_code=False) == [(5, f"U+{point:04X}")]


def test_letters_of_another_script_in_a_latin_word_are_told():
    assert points("\u0441heckout", is_code=False) == [(0, "U+0441")]
    assert points("check\u03bfut", is_code=True) == [(5, "U+03BF")]
    assert points("\u0441\u043e\u0440", is_code=True) == [(0, "U+0441"), (1, "U+043E"), (2, "U+0440")]


@pytest.mark.parametrize(
    "text",
    [
        KEYBOARD,
        "gr\u00f6\u00dfe \u00e9t\u00e9",
        "\u041e\u043f\u043b\u0430\u0442\u0430 \u0438 \u0430",
        "API\u30b5\u30fc\u30d0\u30fc",
        "\u26a0\ufe0f \U0001f469\u200d\U0001f4bb",
    ],
)
def test_words_of_any_language_are_left_alone(text):
    assert points(text, is_code=False) == []


@pytest.mark.parametrize(
    "text",
    ["${REGION}", "${REGION:-eu}", "$(hostname)", "$labels.region", "$HOST", "{region}", "%(region)s", "<%= x %>"],
)
def test_a_placeholder_of_another_language_is_reported(text):
    (found,) = placeholders(f"Down: {text}. {{{{ labels.region }}}}{{% if services %}}x{{% endif %}}")
    assert found.at == 6
    assert found.message.startswith(f"{text} is not replaced")


def test_amounts_and_braces_of_the_text_s_own_language_are_left_alone():
    assert list(placeholders("$5 of 100% {{ services }} {% for a in services %}{{ a }}{% endfor %} {} { } a {1}")) == []
