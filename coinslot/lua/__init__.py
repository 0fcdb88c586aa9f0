"""The scripts that Redis runs; each draws its keys at its top."""

from importlib.resources import files


def source(name: str) -> str:
    """The text of NAME.lua."""
    return files(__name__).joinpath(f"{name}.lua").read_text()
