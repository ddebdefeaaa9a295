"""Pictures of patterns: text, SVG, Matplotlib."""

from typing import Any

import numpy as np

WIDTH, HEIGHT = 64, 32  # characters of a text, at most
BY_CHARACTER = 16  # rows and columns up to which each entry has a character of its own
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of Braille
PIXELS = 192


def shrunk(pattern: Any, rows: int, columns: int) -> Any:
    """Return the pattern as a picture of at most so many rows and columns of booleans."""
    height, width = pattern.shape
    scale = max(1.0, height / max(1, rows), width / max(1, columns))
    picture = np.zeros((int(np.ceil(height / scale)), int(np.ceil(width / scale))), bool)
    picture[(pattern.rows / scale).astype(np.int64), (pattern.columns / scale).astype(np.int64)] = (
        True
    )
    return picture


def text(pattern: Any) -> str:
    """Draw a pattern with characters: of each eight places in one if it is large."""
    if max(pattern.shape) <= BY_CHARACTER:
        return "\n".join(" ".join(".x"[int(place)] for place in row) for row in pattern.toarray())
    picture = shrunk(pattern, 4 * HEIGHT, 2 * WIDTH)
    rows, columns = (-(-n // k) * k for n, k in zip(picture.shape, DOTS.shape, strict=True))
    padded = np.zeros((rows, columns), bool)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    blocks = padded.reshape(rows // 4, 4, columns // 2, 2)
    codes = 0x2800 + np.einsum("iajb,ab->ij", blocks, DOTS)
    return "\n".join("".join(map(chr, row)) for row in codes)


def svg(pattern: Any) -> str:
    """Draw a pattern for a notebook."""
    picture = shrunk(pattern, PIXELS, PIXELS)
    height, width = picture.shape
    squares = "".join(f"M{column} {row}h1v1h-1z" for row, column in np.argwhere(picture))
    scale = max(1, PIXELS // max(1, height, width))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{scale * width}" height="{scale * height}" role="img">'
        f'<rect width="{width}" height="{height}" fill="#ffffff" stroke="#7f7f7f" '
        f'stroke-width="{1 / scale:.3g}"/><path d="{squares}" fill="#0072b2"/></svg>'
    )


def plot(pattern: Any, ax: Any = None) -> Any:
    """Draw a pattern with Matplotlib, and say what it is."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.gca()
    rows, columns = pattern.shape
    picture = shrunk(pattern, 1024, 1024)
    ax.imshow(
        picture,
        cmap="binary",
        interpolation="nearest" if max(pattern.shape) <= 256 else "antialiased",
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        vmin=0,
        vmax=1,
    )
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    ax.set_title(repr(pattern).removeprefix("Pattern(").removesuffix(")"))
    return ax
