"""``docs/api.md`` has every public name and its first sentence."""

import pytest

from make_api import PACKAGES, PAGE, public_names, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python scripts/make_api.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented_in_one_sentence(package: str) -> None:
    names = public_names(package)
    assert [name for name, text in names.items() if not text] == []
    assert {name: text for name, text in names.items() if len(text) > 200} == {}
