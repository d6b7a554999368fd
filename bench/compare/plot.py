"""Bars of a suite as SVG, drawn by hand: a panel for each table, a bar for each contender, a whisker for the spread."""
import math
import statistics
from html import escape

from measure import BEFORE, OURS, values

WIDTH, NAME, BAR, GAP, HEAD, FOOT, RIGHT = 760, 170, 20, 8, 34, 16, 150
COLOURS = {OURS: "#0b6e99", BEFORE: "#8fc1d6"}
OTHER = "#b9b9b2"
FONT = "font-family=\"DejaVu Sans, Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif\""


def shown(number, digits):
    return f"{number:,.{digits}f}"


def ceiling(number):
    """The next round number for the end of an axis; its quarters are round as well."""
    if number <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(number))
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if number <= step * power)


def panel(table, language, top):
    """The elements of a table's first figure, and where the next panel begins."""
    figure = table["figures"][0]
    bars = {name: [one / figure["scale"] for one in values(table, name, figure["key"])] for name in table["lines"]}
    bars = {name: each for name, each in bars.items() if each}
    if not bars:
        return [], top
    bars = dict(sorted(bars.items(), key=lambda item: statistics.median(item[1]), reverse=figure["better"] == "more"))
    end = ceiling(max(max(each) for each in bars.values()))
    length = WIDTH - NAME - RIGHT
    unit = " ".join(part for part in (figure["title"][language], figure["unit"] and f"({figure['unit']})") if part)
    better = ("more is better", "越多越好") if figure["better"] == "more" else ("less is better", "越少越好")
    comma = (", ", "，")[language]
    told = [f'<text x="12" y="{top + 14}" font-size="14" font-weight="600">{escape(table["title"][language])}</text>',
            f'<text x="{WIDTH - 12}" y="{top + 14}" font-size="12" text-anchor="end" fill="#666">'
            f'{escape(unit)}{comma}{better[language]}</text>']
    low = top + HEAD + len(bars) * (BAR + GAP)
    for part in range(5):
        x = NAME + length * part / 4
        told.append(f'<line x1="{x:.1f}" y1="{top + HEAD - 8}" x2="{x:.1f}" y2="{low}" stroke="#e4e4de"/>')
        tick = f"{end * part / 4:,.4g}" if end < 1000 else f"{end * part / 4:,.0f}"
        told.append(f'<text x="{x:.1f}" y="{low + 12}" font-size="10" text-anchor="middle" fill="#888">{tick}</text>')
    for place, (name, each) in enumerate(bars.items()):
        y, middle = top + HEAD + place * (BAR + GAP), statistics.median(each)
        at = [NAME + length * number / end for number in (min(each), middle, max(each))]
        weight = ' font-weight="600"' if name == OURS else ""
        told.append(f'<text x="{NAME - 8}" y="{y + 15}" font-size="12" text-anchor="end"{weight}>{escape(name)}</text>')
        told.append(f'<rect x="{NAME}" y="{y}" width="{max(at[1] - NAME, 1):.1f}" height="{BAR}" fill="{COLOURS.get(name, OTHER)}"/>')
        if len(each) > 1:
            told.append(f'<path d="M{at[0]:.1f} {y + 6}v8M{at[0]:.1f} {y + 10}H{at[2]:.1f}M{at[2]:.1f} {y + 6}v8" '
                        'stroke="#333" fill="none"/>')
        told.append(f'<text x="{at[2] + 8:.1f}" y="{y + 15}" font-size="12">{shown(middle, figure["digits"])}</text>')
    return told, low + FOOT + 22


def draw(suite, language):
    """The whole picture, or None where there is nothing to draw."""
    told, top = [], 14
    for table in suite["tables"]:
        more, top = panel(table, language, top)
        told += more
    if not told:
        return None
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img" {FONT}>',
        f"<title>{escape(suite['title'][language])}</title>",
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>', *told, "</svg>", ""])
