"""A leaderboard as a person reads it: rich tables for the terminal, markdown for the UI and cards.

Belongs here: wording and layout only; every figure comes from `leaderboard`. Numbers are shares with three decimals,
`±` is one standard error. Never fails; what is missing is shown as missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ot_assets.evaluation.leaderboard import ComparisonRow, Leaderboard, ScoreRow

TIED = "*"
"""Marks the best score of a dev benchmark and those within two standard errors of it."""


def render(board: Leaderboard, *, include_held_out: bool = False, most_comparisons: int = 60) -> RenderableType:
    """Both tables and what the signs mean. Comparisons are sorted by p; beyond `most_comparisons` they are only counted."""
    if not board.scores:
        return Text("No scores yet.")
    parts: list[RenderableType] = [_scores(board, include_held_out), Text(_legend(board), style="dim")]
    if board.comparisons:
        parts += [Text(""), _comparisons(board.comparisons, most_comparisons)]
        left = len(board.comparisons) - most_comparisons
        if left > 0:
            parts.append(
                Text(f"{left} more comparisons, all with larger p: ot leaderboard --json has them", style="dim")
            )
    return Group(*parts)


def markdown(board: Leaderboard, *, include_held_out: bool = False, most_comparisons: int = 60) -> str:
    """The same as two markdown tables."""
    if not board.scores:
        return "No scores yet."
    head, *rows = _grid(board, include_held_out)
    lines = [_line(head), _line(["---"] * len(head)), *(_line(r) for r in rows), "", _escaped(_legend(board))]
    if board.comparisons:
        columns = ["a", "b", "benchmark", "questions", "a - b"]
        lines += ["", _line(columns), _line(["---"] * len(columns))]
        for c in _by_p(board.comparisons)[:most_comparisons]:
            lines.append(_line([c.a, c.b, c.benchmark, str(c.questions), in_words(c)]))
    return "\n".join(lines)


def in_words(c: ComparisonRow) -> str:
    """A comparison in one line: difference, interval, corrected p and what that means."""
    if c.difference is None or c.ci_low is None or c.ci_high is None:
        return "not compared: no question was answered by both"
    figures = f"{c.difference:+.3f} [{c.ci_low:+.3f}, {c.ci_high:+.3f}], p={p_in_words(c.p_adjusted)} (Holm)"
    return f"{figures}, {_verdict(c)}"


def cell(row: ScoreRow, tied: bool, include_held_out: bool) -> str:
    """A score with its standard error and what is missing: `0.42 ± 0.03 *, 2 missing`."""
    if row.role == "held_out" and not include_held_out:
        return "held out"
    if row.score is None:
        return f"missing ({row.missing} replies)" if row.missing else "missing"
    error = f" ± {row.se:.3f}" if row.se is not None else " ± ?"
    note = f", {row.missing} missing" if row.missing else ""
    return f"{row.score:.3f}{error}{' ' + TIED if tied else ''}{note}"


def p_in_words(p: float | None) -> str:
    """Four decimals, or `<0.0001`."""
    if p is None:
        return "?"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _verdict(c: ComparisonRow) -> str:
    if c.verdict == "real":
        return "real"
    if c.verdict == "unsettled":
        return "unsettled: missing replies could undo it"
    if c.smallest_detectable is None:
        return f"not shown; {c.questions} questions could not have shown any difference"
    return f"not shown; this many questions could show >= {c.smallest_detectable:.2f}"


def _scores(board: Leaderboard, include_held_out: bool) -> Table:
    head, *rows = _grid(board, include_held_out)
    table = Table(title="Scores (± one standard error over questions and repeats)", title_justify="left")
    table.add_column(head[0], overflow="fold")
    for name in head[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        cells = (Text(v, style="bold" if TIED in v else "dim" if v in ("-", "held out") else "") for v in row[1:])
        table.add_row(Text(row[0]), *cells)
    return table


def _comparisons(comparisons: Sequence[ComparisonRow], most: int) -> Table:
    title = f"Comparisons on the same questions (95 % interval; p corrected over all {len(comparisons)})"
    table = Table(title=title, title_justify="left")
    for name in ("a", "b", "benchmark"):
        table.add_column(name, overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("a - b", overflow="fold")
    styles = {"real": "bold green", "unsettled": "yellow"}
    for c in _by_p(comparisons)[:most]:
        said = Text(in_words(c), style=styles.get(c.verdict, ""))
        table.add_row(Text(c.a), Text(c.b), Text(c.benchmark), str(c.questions), said)
    return table


def _grid(board: Leaderboard, include_held_out: bool) -> list[list[str]]:
    """Header and one line a model, `-` where a model was not run on a benchmark. Dev benchmarks come first."""
    role = {r.benchmark: r.role for r in board.scores}
    benchmarks = sorted(role, key=lambda b: (role[b] != "dev", b))
    tied = {b: board.tied_with_best(b) for b in benchmarks}
    rows = {(r.model, r.benchmark): r for r in board.scores}
    lines = [["model", *(f"{b} ({_size(board, b)})" for b in benchmarks)]]
    for model in dict.fromkeys(r.model for r in board.scores):
        found = [(b, rows.get((model, b))) for b in benchmarks]
        lines.append([model, *(cell(r, model in tied[b], include_held_out) if r else "-" for b, r in found)])
    return lines


def _size(board: Leaderboard, benchmark: str) -> str:
    """Questions and repeats of a benchmark: `30 × 10`; the most, should models differ."""
    rows = [r for r in board.scores if r.benchmark == benchmark]
    return f"{max(r.questions for r in rows)} × {max(r.repeats for r in rows)}"


def _legend(board: Leaderboard) -> str:
    said = f"{TIED} best, or within two standard errors of it. Benchmarks: questions × repeats."
    if any(r.role == "held_out" for r in board.scores):
        said += " Held-out scores are never compared and only shown on request."
    return said


def _by_p(comparisons: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    return sorted(comparisons, key=lambda c: (c.p is None, c.p, -abs(c.difference or 0)))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(c) for c in cells) + " |"


def _escaped(text: str) -> str:
    """A line that opens with the sign for the best score would be a list, and two in a row would be emphasis."""
    return text.replace("|", "\\|").replace("*", "\\*")
