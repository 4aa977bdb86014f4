"""Pictures of pages, to look at in `.loquet/screenshots/`; some, if asked (`LOQUET_SCREENSHOTS=1`), for
`docs/screenshots/`.
"""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.async_api import FloatRect, Page

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "screenshots"
LOOKED_AT = ROOT / ".loquet" / "screenshots"
COLOURS = 256
"""Enough for flat pages, chosen so that none is far off; a picture is then a fifth of its size."""


def asked() -> bool:
    """Whether the documents' pictures are to be made anew."""
    return os.environ.get("LOQUET_SCREENSHOTS") == "1"


async def picture(page: Page, name: str, height: int | None = None, *, documented: bool = False) -> Path:
    """The whole page as `name`.png, or its first `height` pixels; where it was put."""
    folder = KEPT if documented and asked() else LOOKED_AT
    folder.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    clip: FloatRect | None = None
    if height is not None and size is not None:
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height}
    taken = await page.screenshot(full_page=True, clip=clip)
    path = folder / f"{name}.png"
    with Image.open(io.BytesIO(taken)) as image:
        few = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)
    return path
