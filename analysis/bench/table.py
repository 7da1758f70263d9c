"""Tables, as aligned text for a terminal and as Markdown for docs/benchmarks.md."""


class Table:
    """A title, a line on what was done, column heads and rows of strings; the first column is left-aligned."""

    def __init__(self, title, how, heads):
        self.title = title
        self.how = how
        self.heads = heads
        self.rows = []
        self.notes = []

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def text(self):
        widths = [max(len(row[i]) for row in [self.heads] + self.rows) for i in range(len(self.heads))]

        def line(cells):
            padded = [
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths))]
            return "  ".join(padded).rstrip()

        lines = [self.title, f"({self.how})", "", line(self.heads)]
        lines += [line(row) for row in self.rows]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines) + "\n"

    def markdown(self):
        lines = [f"## {self.title}", "", self.how, ""]
        lines.append("| " + " | ".join(self.heads) + " |")
        lines.append("|---" + "|---:" * (len(self.heads) - 1) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.notes:
            lines.append("")
            lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines) + "\n"


def seconds(value):
    return f"{value:.2f} s"


def microseconds(value):
    return f"{value * 1e6:.2f} µs"


def nanoseconds(value):
    return f"{value * 1e9:.1f} ns"


def ratio(value):
    return f"{value:.3f}"


def percent(value):
    return "–" if value is None else f"±{100 * value:.1f} %"


def mebibytes(value):
    return f"{value / (1 << 20):.0f} MiB"
