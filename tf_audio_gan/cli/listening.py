"""The commands of listening tests: make a page, read what listeners said."""

from pathlib import Path
from typing import Annotated

import typer

from tf_audio_gan.cli.common import quoted, say_skipped

app = typer.Typer(help="Listening tests: a page for listeners, and what their answers say.", no_args_is_help=True)


@app.command()
def make(
    kind: Annotated[str, typer.Argument(help="mos (grades 1 to 5), ab (which is better) or abx (which one is X).")],
    systems: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders of sounds; or NAME=DIR.")],
    out: Annotated[Path, typer.Option(help="The page, in .html; its key goes beside it.")],
    reference: Annotated[str | None, typer.Option(help="The folder (or name) of the real thing.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Items that one listener judges.")] = 20,
    items: Annotated[int | None, typer.Option(min=1, help="Items on the page, each listener gets --n. [--n]")] = None,
    attention: Annotated[int, typer.Option(min=0, help="Checks of attention of each kind; 0: none.")] = 3,
    matched: Annotated[bool | None, typer.Option("--matched/--unmatched", help="Items by file name, or draws.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of items.")] = 0,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Listening test",
    question: Annotated[str | None, typer.Option(help="What listeners are asked.")] = None,
):
    """Write a listening test as one HTML page that needs no network.

    tf-audio-gan listen make mos REAL A B --reference REAL --out page.html

    tf-audio-gan listen make ab ours=A theirs=B --n 20 --out page.html
    """
    from tf_audio_gan.listening_tests.making import make_listening_test

    options = {"n": n, "items": items, "attention": attention, "matched": matched}
    words = {"title": title, "question": question}
    made = make_listening_test(kind, systems, out, reference=reference, seed=seed, **options, **words)
    per = f"{made.items} items of {len(made.systems)} systems, {made.trials} trials a listener"
    print(f"{made.page}: {per}, all at {made.loudness:.1f} LUFS, {made.bytes / 1e6:.1f} MB")
    for note in made.notes:
        print(f"note: {note}")
    say_skipped(made.skipped, "the folders")
    print(f"key: {made.key} (keep it; listeners need the page alone)")
    print(f"then: tf-audio-gan listen analyse ANSWERS... --key {quoted(made.key)}")


@app.command()
def analyse(
    answers: Annotated[list[Path], typer.Argument(metavar="ANSWERS...", help="Files the page saved, or their folder.")],
    key: Annotated[Path | None, typer.Option(help="The page's .key.json. [the only one beside the answers]")] = None,
    out: Annotated[Path, typer.Option(help="Gets results.json, answers.csv and results.png.")] = Path("opinions"),
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep listeners who failed the checks.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print results.json instead of tables.")] = False,
):
    """Mean opinions, preferences or discrimination, with intervals and tests.

    tf-audio-gan listen analyse ANSWERS --key page.key.json --out opinions

    tf-audio-gan listen analyse ANSWERS --key page.key.json --json
    """
    from tf_audio_gan.listening_tests.opinions import analyse_opinions
    from tf_audio_gan.listening_tests.report import write_report

    result = analyse_opinions(answers, key, keep_all=keep_all)
    paths = write_report(result, out)
    if json:
        print(paths[0].read_text(encoding="utf-8"), end="")
        return
    _say(result)
    say_skipped(result["skipped"], paths[0])
    print(f"results: {', '.join(map(str, paths))}")


def _say(result):
    from rich.console import Console

    console = Console(highlight=False)
    listeners = result["listeners"]
    print(f"{result['title']}: {result['question']}")
    print(f"{listeners['read']} listeners, {listeners['unfinished']} of those kept did not finish; ", end="")
    print(f"{result['answers']} answers count, about {result['items']} items")
    for one in listeners["failed_checks"]:
        done = "left out" if one in listeners["left_out"] else "kept all the same"
        name = one["listener"] or one["session"]
        print(f"{name}: {one['passed']} of {one['checks']} checks passed, {done} ({one['file']})")
    for table in _tables(result):
        console.print(table)
    for line in (*result["method"], *(f"note: {note}" for note in result["notes"])):
        print(line)


def _tables(result):
    """The systems' table and the pairs' table, where there is one."""
    about = {
        "mos": (("system", "mean", "95 %", "deviation", "answers"), ("a - b", "difference", "95 %", "items")),
        "ab": (("system", "strength", "95 %", "answers"), ("a / b", "wins a", "ties", "wins b", "share a", "95 %")),
        "abx": ((), ("a / b", "right", "answers", "share", "95 %", "d'")),
    }[result["kind"]]
    rows = [_system_row(result, one) for one in result["systems"]], [_pair_row(result, one) for one in result["pairs"]]
    for columns, cells in zip((about[0], (*about[1], "p (Holm)")), rows, strict=True):
        if cells:
            yield _table(columns, cells)


def _table(columns, rows):
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for k, column in enumerate(columns):
        table.add_column(column, justify="right" if k else "left", no_wrap=bool(k), overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _system_row(result, one):
    mean = one["mean"] if result["kind"] == "mos" else one["strength"]
    name = f"{one['system']} (reference)" if one["system"] == result["reference"] else one["system"]
    middle = [_number(one["deviation"])] if result["kind"] == "mos" else []
    return [name, _number(mean), _interval(one), *middle, str(one["answers"])]


def _pair_row(result, one):
    name = f"{one['a']} {'-' if result['kind'] == 'mos' else '/'} {one['b']}"
    cells = {
        "mos": lambda: [_number(one["difference"]), _interval(one), str(one["items"])],
        "ab": lambda: [*(str(one[k]) for k in ("wins_a", "ties", "wins_b")), _number(one["share"]), _interval(one)],
        "abx": lambda: [
            *(str(one[k]) for k in ("right", "answers")),
            *(_number(one["share"]), _interval(one), _number(one["d_prime"])),
        ],
    }[result["kind"]]()
    return [name, *cells, _p(one["p_holm"])]


def _number(value):
    return "-" if value is None else f"{value:.2f}"


def _interval(one):
    return f"{_number(one['low'])} to {_number(one['high'])}"


def _p(value):
    return "-" if value is None else "<0.0001" if value < 1e-4 else f"{value:.4f}"
