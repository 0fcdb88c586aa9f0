"""The README's table of settings says what the settings say."""

from __future__ import annotations

from pathlib import Path

from coinslot.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    """The table as it should stand; to renew it: python -m tests.unit.test_readme"""
    rows = ["| variable | default | what it sets |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def between_marks(text: str) -> str:
    return text.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]


def test_the_readme_lists_every_setting_with_its_default_and_its_help() -> None:
    assert between_marks(README.read_text()) == settings_table()


def test_every_setting_has_help() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


if __name__ == "__main__":
    before, _, rest = README.read_text().partition("<!-- settings -->")
    after = rest.partition("<!-- /settings -->")[2]
    README.write_text(f"{before}<!-- settings -->\n{settings_table()}\n<!-- /settings -->{after}")
