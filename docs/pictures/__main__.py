"""python -m docs.pictures: draws each picture into its file."""

from __future__ import annotations

from docs.pictures.catalogue import FOLDER, draw_all

if __name__ == "__main__":
    for name, picture in draw_all().items():
        (FOLDER / name).write_text(picture)
