"""The scripts that Redis runs; each draws its keys at its top."""

from importlib.resources import files


def source(*names: str) -> str:
    """The text of NAME.lua; of several, one after the other: the last is the script, the others what it calls."""
    return "\n".join(files(__name__).joinpath(f"{name}.lua").read_text() for name in names)
