# SPDX-License-Identifier: BSD-2-Clause
"""A chart of lines as SVG, without any library.

    chart(path, title, x, y, series)
        x, y     Axis
        series   {name: [(x, y) or (x, y, least, most), ...]}; what is below the least
                 of an axis stands at its edge
"""
import math
from html import escape

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 190, 40, 55
# Distinguishable without colour vision, too (Okabe and Ito).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


class Axis:
    def __init__(self, label, ticks, log=False):
        self.label, self.ticks, self.log = label, ticks, log

    def place(self, value):
        """0 to 1, from the first tick to the last."""
        def scale(v):
            return math.log10(v) if self.log else v
        first, last = scale(self.ticks[0]), scale(self.ticks[-1])
        value = scale(min(max(value, self.ticks[0]), self.ticks[-1]))
        return (value - first) / (last - first)


def number(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def decades(values):
    """Ticks of a logarithmic axis: 1, 2 and 5 of each power of ten."""
    least, most = min(values), max(values)
    steps = [m * 10.0 ** e for e in range(-3, 10) for m in (1, 2, 5)]
    below = max(s for s in steps if s <= least)
    above = min(s for s in steps if s >= most)
    return [s for s in steps if below <= s <= above]


def chart(path, title, x, y, series):
    def at(point):
        return (LEFT + x.place(point[0]) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - y.place(point[1]) * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>']
    for tick in x.ticks:
        px, py = at((tick, y.ticks[0]))
        out += [f'<path d="M{px:.1f} {py:.1f}V{TOP}" stroke="#ddd"/>',
                f'<text x="{px:.1f}" y="{py + 18:.1f}" text-anchor="middle">{number(tick)}</text>']
    for tick in y.ticks:
        px, py = at((x.ticks[0], tick))
        out += [f'<path d="M{px:.1f} {py:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
                f'<text x="{px - 8:.1f}" y="{py + 4:.1f}" text-anchor="end">{number(tick)}</text>']
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    out += [f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) / 2:.0f}" y="{HEIGHT - 12}" '
            f'text-anchor="middle">{escape(x.label)}</text>',
            f'<text transform="translate(18 {middle:.0f}) rotate(-90)" '
            f'text-anchor="middle">{escape(y.label)}</text>']
    for i, (name, points) in enumerate(series.items()):
        color, legend = COLORS[i % len(COLORS)], TOP + 12 + 20 * i
        dash = ' stroke-dasharray="6 4"' if i >= len(COLORS) else ""
        line = "L".join("{:.1f} {:.1f}".format(*at(p)) for p in points)
        out.append(f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        for p in points:
            px, py = at(p)
            out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{color}"/>')
            if len(p) == 4:     # the spread
                out.append(f'<path d="M{px:.1f} {at((p[0], p[2]))[1]:.1f}'
                           f'V{at((p[0], p[3]))[1]:.1f}" stroke="{color}"/>')
        out += [f'<path d="M{WIDTH - RIGHT + 12} {legend - 4}h24" stroke="{color}" '
                f'stroke-width="2"{dash}/>',
                f'<text x="{WIDTH - RIGHT + 42}" y="{legend}">{escape(name)}</text>']
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join([*out, "</svg>"]) + "\n")
