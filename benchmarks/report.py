"""The measured figures as the tables of docs/benchmarks.md."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.cases import FLOOR, POSTGRAPHILE, PRODUCT
from benchmarks.load import Result
from benchmarks.servers import Server

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by `make bench`: begin -->", "<!-- written by `make bench`: end -->"


class Round(msgspec.Struct, frozen=True):
    """One round against one server, and what it cost."""

    result: Result
    server_seconds: float
    database_seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.result.answers / self.result.seconds

    def microseconds(self, seconds: float) -> float:
        """Of each answer."""
        return 1e6 * seconds / max(1, self.result.answers)


HEAD = (
    "| what | server | requests/s [min-max] | product is | ms p50 / p99 | µs server / database | MB |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def _median(rounds: Sequence[Round], of: str) -> float:
    values = {
        "rate": [one.rate for one in rounds],
        "p50": [one.result.median_ms for one in rounds],
        "p99": [one.result.p99_ms for one in rounds],
        "server": [one.microseconds(one.server_seconds) for one in rounds],
        "database": [one.microseconds(one.database_seconds) for one in rounds],
        "memory": [one.megabytes for one in rounds],
    }
    return statistics.median(values[of])


def rows(case: str, measured: dict[str, list[Round]]) -> list[str]:
    """One case: medians over the rounds, and how many times as fast as each server the product is."""
    ours = _median(measured[PRODUCT], "rate")
    found = []
    for server, rounds in measured.items():
        spread = [one.rate for one in rounds]
        rate = _median(rounds, "rate")
        failures = sum([one.result.failures for one in rounds])
        found.append(
            f"| {case} | {server} | {rate:,.0f} [{min(spread):,.0f}-{max(spread):,.0f}] |"
            f" {'' if server == PRODUCT else f'{ours / rate:.2f} x'} |"
            f" {_median(rounds, 'p50'):.1f} / {_median(rounds, 'p99'):.1f} |"
            f" {_median(rounds, 'server'):,.0f} / {_median(rounds, 'database'):,.0f} |"
            f" {_median(rounds, 'memory'):.0f} |" + (f" {failures} failed" if failures else "")
        )
    return found


def starts(servers: Sequence[Server]) -> list[str]:
    """How long each takes until it answers, and what it holds then."""
    lines = ["| server | answers after s | MB then |", "| --- | --- | --- |"]
    return lines + [f"| {one.name} | {one.seconds_to_ready:.1f} | {one.megabytes_at_rest:.0f} |" for one in servers]


def goals(measured: dict[str, dict[str, list[Round]]]) -> list[str]:
    """The aims of the read path, and what this run shows of each."""
    lines = ["| aim | measured |", "| --- | --- |"]
    for case, times in (
        ("page of 50", 4.0),
        ("one user", 1.5),
        ("viewer", 2.0),
        ("filtered page of 100 by username", 8.0),
    ):
        lines += _ratio(measured, case, POSTGRAPHILE, times)
    for case, times in (("page of 50", 0.5), ("filtered page of 100 by username", 0.5), ("one user", 0.3)):
        lines += _ratio(measured, case, FLOOR, times)
    first = measured.get("first pages by username", {}).get(PRODUCT)
    deep = measured.get("deep pages by username", {}).get(PRODUCT)
    if first and deep:
        slower = _median(first, "rate") / _median(deep, "rate")
        lines.append(f"| a deep page takes at most 1.2 times as long as a first one | {slower:.2f} times |")
    if asked := measured.get("introspection of a token", {}).get(PRODUCT):
        a_core = 1e6 / max(1.0, _median(asked, "server"))
        lines.append(f"| 5,000 introspections a second and core of the API | {a_core:,.0f} |")
    if not measured:
        return lines
    worst = max(
        measured, key=lambda case: _median(measured[case][PRODUCT], "p99") / _median(measured[case][PRODUCT], "p50")
    )
    ours = measured[worst][PRODUCT]
    lines.append(
        f"| p99 at most 4 times p50 | at worst {_median(ours, 'p99') / _median(ours, 'p50'):.1f} times: {worst} |"
    )
    most = max([_median(found[PRODUCT], "memory") for found in measured.values()])
    lines.append(f"| at most 170 MB resident | {most:.0f} MB |")
    return lines


def _ratio(measured: dict[str, dict[str, list[Round]]], case: str, other: str, times: float) -> list[str]:
    if other not in measured.get(case, {}):
        return []
    ratio = _median(measured[case][PRODUCT], "rate") / _median(measured[case][other], "rate")
    return [f"| {case}: {times:g} times {other} | {ratio:.2f} times |"]


def write(text: str) -> None:
    """Put the figures where the page has them."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
