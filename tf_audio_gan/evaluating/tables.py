"""Results as a table: a line for each figure, a column for each set, the interval beside the number.

A table is made from the content of results.json, so that a card can be written again without measuring.
"""

ARROWS = {"higher": "\u2191", "lower": "\u2193", None: ""}


def headings(results):
    """The names of the sets with their part: real (ceiling), generated, noise (floor)."""
    roles = results["roles"]
    return {row: row if roles[row] == "evaluated" else f"{row} ({roles[row]})" for row in results["rows"]}


def lines(results):
    """[(what a figure is called, {row: cell text})] in the order of the columns; "-" where it is undefined.

    A figure that no set has is left out: a note says why.
    """
    found = []
    for column, about in results["columns"].items():
        unit = f" ({about['unit']})" if about["unit"] else ""
        arrow = f" {ARROWS[about['better']]}" if about["better"] else ""
        cells = {row: cell(values.get(column)) for row, values in results["rows"].items()}
        if any(text != "-" for text in cells.values()):
            found.append((f"{_words(column, about['unit'])}{unit}{arrow}", cells))
    return found


def _words(column, unit):
    """A column's name for people; the unit, which follows, is not said twice."""
    suffix = {"dBFS": "_db", "s": "_s", "cents": "_cents"}.get(unit, "")
    return (column.removesuffix(suffix) if suffix else column).replace("_", " ")


def cell(measured):
    """A value with its interval as text, e.g. "9.35 [8.90, 9.80]", "-" for none."""
    if not measured or measured["value"] is None:
        return "-"
    value, low, high = (measured[name] for name in ("value", "low", "high"))
    if low is None or high is None or low == value == high:
        return _digits(value, value)
    return f"{_digits(value, value)} [{_digits(low, value)}, {_digits(high, value)}]"


def _digits(number, like):
    """A number with as many decimals as `like` needs for three digits, at most four."""
    if number == like == 0:
        return "0"
    size = abs(like)
    decimals = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 or size == 0 else 4
    text = f"{number:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def rich_table(results):
    """The table for a terminal."""
    from rich.table import Table

    table = Table(title=f"{results['name']}, n = {_n(results)}", title_justify="left", header_style="bold")
    table.add_column("95 % intervals in brackets")
    for row, heading in headings(results).items():
        table.add_column(heading, justify="right", style="bold" if results["roles"][row] == "evaluated" else None)
    for name, cells in lines(results):
        table.add_row(name, *cells.values())
    return table


def markdown(results):
    """The table for a card, with what was compared and where the numbers come from."""
    heads = [f"**{text}**" if results["roles"][row] == "evaluated" else text for row, text in headings(results).items()]
    rows = [f"| | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    rows += [f"| {name} | {' | '.join(cells.values())} |" for name, cells in lines(results)]
    sets = [f"{name}: {about['what']}, n = {about['n']}" for name, about in results["sets"].items()]
    words = [f"    {results['command']}", "", "; ".join(sets) + ". 95 % intervals in brackets.", ""]
    return "\n".join([*words, *rows, "", *(f"- {note}" for note in results["notes"])]).rstrip()


def _n(results):
    rows = [row for row, role in results["roles"].items() if role == "evaluated"]
    return results["sets"][rows[0]]["n"] if rows and rows[0] in results["sets"] else "?"
