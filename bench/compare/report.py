"""docs/performance.md in both languages, and its pictures, from the kept results alone."""
import os
import statistics
import textwrap

import plot
from measure import BEFORE, OURS, judged, ratio, values

NOISE = 0.15
NAMES = ("performance.md", "performance.zh-CN.md")
SUFFIX = ("", ".zh-CN")


def say(language, english, chinese):
    return (english, chinese)[language]


def number(value, digits):
    """Small ratios keep two places whatever the figure shows."""
    return f"{value:,.{digits}f}"


def bound(goal, figure):
    sign = "≥" if goal["at"] == "least" else "≤"
    limit = f"{goal['bound']:,g}"
    if goal["peer"]:
        return f"{sign} {limit} × {goal['peer']}"
    return f"{sign} {limit} {figure['unit']}".strip()


def reached(value, is_reached, goal, language):
    if value is None:
        return say(language, "not measured", "未测得")
    if is_reached:
        return say(language, "yes", "达到")
    slack = value >= goal["bound"] * (1 - NOISE) if goal["at"] == "least" else value <= goal["bound"] * (1 + NOISE)
    return say(language, "no, within 15 %", "未达到，差距在 15% 内") if slack else say(language, "**no**", "**未达到**")


def goals(suites, language):
    rows = [say(language, "| work | goal | figure | reached |", "| 项目 | 目标 | 数字 | 是否达到 |"), "|---|---|---|---|"]
    for suite in suites:
        if suite["skipped"]:
            rows.append(f"| {suite['title'][language]} | – | – | {suite['skipped'][language]} |")
        for table in suite["tables"]:
            for figure in table["figures"]:
                for goal in figure["goals"]:
                    value, is_reached = judged(table, figure, goal)
                    digits = 2 if goal["peer"] else figure["digits"]
                    sign = "×" if goal["peer"] else figure["unit"]
                    shown = "–" if value is None else f"{number(value, digits)} {sign}".strip()
                    work = f"{suite['title'][language]}{say(language, ': ', '：')}{table['title'][language]}"
                    if figure is not table["figures"][0]:
                        work += say(language, ", ", "，") + figure["title"][language]
                    rows.append(f"| {work} | {bound(goal, figure)} | {shown} | "
                                f"{reached(value, is_reached, goal, language)} |")
    return rows


def spread(table, name, figure):
    each = [one / figure["scale"] for one in values(table, name, figure["key"])]
    if not each:
        return "–"
    middle = number(statistics.median(each), figure["digits"])
    if len(each) == 1:
        return middle
    return f"{middle} ({number(min(each), figure['digits'])}–{number(max(each), figure['digits'])})"


def table_rows(table, language):
    main = table["figures"][0]
    heads = [f"{one['title'][language]}" + (f", {one['unit']}" if one["unit"] else "") for one in table["figures"]]
    rows = ["| | " + " | ".join(heads) + say(language, " | sockeye against it |", " | sockeye 与之比 |"),
            "|---|" + "---|" * (len(heads) + 1)]
    for name in table["lines"]:
        against = None if name == OURS else ratio(table, main["key"], OURS, name)
        cells = [spread(table, name, one) for one in table["figures"]]
        shown = "**sockeye**" if name == OURS else name
        rows.append(f"| {shown} | " + " | ".join(cells) + f" | {'' if against is None else f'{against:.2f}'} |")
    return rows


def section(suite, language, folder):
    told = ["", f"## {suite['title'][language]}", ""]
    if suite["skipped"]:
        return [*told, suite["skipped"][language]]
    told.append(suite["note"][language])
    many = "1 round" if suite["rounds"] == 1 else f"{suite['rounds']} rounds"
    when = say(language, f"Measured {suite['date']}, {suite['sockeye']}, {many}.",
               f"测于 {suite['date']}，{suite['sockeye']}，{suite['rounds']} 轮。")
    told += ["", when]
    picture = plot.draw(suite, language)
    if picture:
        file = f"{suite['id']}{SUFFIX[language]}.svg"
        with open(os.path.join(folder, "performance", file), "w", encoding="utf-8") as out:
            out.write(picture)
        told += ["", f"![{suite['title'][language]}](performance/{file})"]
    for table in suite["tables"]:
        title = table["title"][language]
        told += ["", f"### {title[:1].upper()}{title[1:]}", "", *table_rows(table, language)]
        if table["dropped"]:
            told += ["", say(language, f"Runs dropped because other processes were busy: {table['dropped']}.",
                             f"因其他进程繁忙而舍弃的次数：{table['dropped']}。")]
        for name, why in table["failures"].items():
            told += ["", say(language, f"{name} failed: {why}.", f"{name} 失败：{why}。")]
    told += ["", "<details><summary>" + say(language, "The commands", "命令") + "</summary>"]
    for table in suite["tables"]:
        title = table["title"][language]
        told += ["", f"{title[:1].upper()}{title[1:]}:" if language == 0 else f"{title}：", "", "```sh"]
        for name, lines in table["lines"].items():
            told += [f"# {name}", *lines]
        told.append("```")
    return [*told, "", "</details>"]


def write(results, order, folder):
    """Both pages and all pictures. `order` is that of the suites on the page."""
    os.makedirs(os.path.join(folder, "performance"), exist_ok=True)
    suites = [results["suites"][name] for name in order if name in results["suites"]]
    machine = results["machine"]
    for language, name in enumerate(NAMES):
        told = [say(language, ENGLISH, CHINESE).format(**machine), "", say(language, "## Goals", "## 目标"), "",
                *goals(suites, language)]
        missing = ", ".join(f"`{name}`" for name in order if name not in results["suites"])
        if missing:
            told += ["", say(language, f"Rows that have not been measured yet: {missing}.", f"尚未测量的项：{missing}。")]
        for suite in suites:
            told += section(suite, language, folder)
        told += ["", say(language, "## Versions", "## 版本"), "", *[f"- {line}" for line in machine["versions"]]]
        if any(BEFORE in table["lines"] for suite in suites for table in suite["tables"]):
            told += ["", say(language, f"`{BEFORE}` is {results['before']}.", f"`{BEFORE}` 是 {results['before']}。")]
        told += notes(language)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write("\n".join(told) + "\n")


def notes(language):
    """What people have to say to the figures: the sections of notes.md beside this file, where there is one."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"notes{SUFFIX[language]}.md")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return ["", file.read().rstrip("\n")]


ENGLISH = """# Performance

[中文](performance.zh-CN.md)

How fast sockeye is beside other programs that do the same work. This page, its pictures and its figures are written by one
command, on Debian 12 as root:

```sh
cargo build --release && bench/compare/run.py
```

`--only ROW` measures one row again, `--rounds N` takes more rounds, `--sockeye PATH` another binary, and `--against OLD` adds
an older one as a peer.

- The machine: {cpu}, {cpus} CPUs, {memory_gib} GiB, {system}, Linux {kernel}.
- All runs are in a network namespace of their own that has only a loopback device (TCP: reno). Servers are held on CPU 0,
  clients on CPU 1.
- Programs take turns: each round runs every one once, and another is first in each round. Figures are medians, with the
  lowest and the highest round in brackets. A ratio is the median of each round's ratio, so it can differ from the quotient
  of the medians.
- A run during which other processes took more than 12 % of one CPU is done again, three times at most, and then left out.
  What was dropped is said.
- Differences below 15 % are noise here. A goal that is missed by less is marked so.
- Sockeye's limits, deadlines and counters are at their defaults. The generator is never sockeye's own, but in the
  generator's own row.
- Every byte that comes back is compared with the one expected."""

CHINESE = """# 性能

[English](performance.md)

sockeye 与做同样工作的其他程序相比有多快。本页的文字、图和数字由一条命令写成（Debian 12，root）：

```sh
cargo build --release && bench/compare/run.py
```

`--only ROW` 只重测一项，`--rounds N` 多测几轮，`--sockeye PATH` 测另一个程序文件，`--against OLD` 把旧版也加进来比。

- 机器：{cpu}，{cpus} 个 CPU，{memory_gib} GiB，{system}，Linux {kernel}。
- 全部在独立的网络命名空间里进行，其中只有回环设备（TCP 用 reno）。服务器固定在 CPU 0，客户端固定在 CPU 1。
- 各程序轮流进行：每轮各跑一次，每轮由不同的程序先跑。数字是中位数，括号里是最低和最高的一轮。比值是各轮比值的中位数，
  所以可能与中位数之商不同。
- 其他进程占用超过一个 CPU 的 12% 时，该次重跑，最多三次，仍不行则舍弃。舍弃了多少会写明。
- 这里 15% 以内的差别是噪声。差距在此之内的目标会注明。
- sockeye 的限制、期限和计数都是默认值。除发生器自己那一项外，发生器从不用 sockeye 自己的。
- 收到的每个字节都与预期的比较。"""
