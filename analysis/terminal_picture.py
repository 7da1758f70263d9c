#!/usr/bin/env python3
"""Draws a command's real output as an SVG picture, for the README.

    analysis/terminal_picture.py docs/summary.svg exeunt-analyze traces/mixed

The command is run as it is; the picture shows the command line as the reader would type it, and what it printed.
"""

import html
import subprocess
import sys
from pathlib import Path

FONT_SIZE = 13
ADVANCE = 7.83  # of a monospaced glyph at that size
LINE = 17
MARGIN = 16


def draw(lines):
    width = round(max(len(line) for line in lines) * ADVANCE + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    rows = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        style = ' fill="#9ece6a"' if number == 0 else ""
        y = MARGIN + (number + 0.8) * LINE
        # textLength keeps columns in line whatever monospaced font the reader has.
        length = round(len(line) * ADVANCE, 2)
        rows.append(
            f'<text x="{MARGIN}" y="{y:.1f}" textLength="{length}" xml:space="preserve"{style}>'
            f"{html.escape(line)}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#1a1b26"/>\n'
        f'<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="{FONT_SIZE}" '
        f'fill="#c0caf5">\n' + "\n".join(rows) + "\n</g>\n</svg>\n"
    )


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target, command = Path(sys.argv[1]), sys.argv[2:]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    shown = " ".join([Path(command[0]).name, *command[1:]])
    target.write_text(draw([f"$ {shown}", *output.rstrip("\n").split("\n")]))


main()
