"""The demo as it is told: start the hub, let the hospital send, show each step, and stay, or sign and end."""

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from services.simulator.demo import proof
from services.simulator.demo.display import Display, name
from services.simulator.demo.forms import Browser
from services.simulator.demo.people import People, people
from services.simulator.demo.reader import Reader
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.watch import Moved, follow, send_all
from services.simulator.domain import MIX, examinations
from services.simulator.hospital import Hospital
from shared.cli import running
from shared.cli.up import wait_for_the_end
from shared.embedded import Hub, run_hub
from shared.errors import HubError

BEFORE_A_HUMAN = (Step.ANNOUNCED, Step.STORED, Step.COMPLETE, Step.ANALYSED, Step.READY)


def play(state: Path, *, once: bool, seed: int | None, console: Console) -> int:
    """Run the whole demo.

    Args:
        once: end by itself instead of staying.
        seed: of the patients; by default others each time.

    Returns:
        Exit status: 0 when every step came.
    """
    started = time.monotonic()
    with (
        run_hub(state, tell=lambda sentence: console.print(sentence, style="dim", highlight=False)) as hub,
        running.remembered(hub),
        Hospital(hub.public_url, (who := people(hub.state, hub.environment)).token) as hospital,
    ):
        number = int(datetime.now(UTC).timestamp()) if seed is None else seed
        cases = [Progress(examination) for examination in examinations(number, len(MIX), datetime.now(UTC))]
        _introduce(console, hub, who)
        with Display(console, cases) as display, ThreadPoolExecutor(max_workers=1) as sending:
            sent = sending.submit(send_all, hospital, [case.examination for case in cases])
            check = _raiser(sent)
            arrived = follow(hospital, cases, BEFORE_A_HUMAN, _teller(display, started), check=check)
            if once and arrived:
                try:
                    _sign_all(hub, who, cases, display)
                except HubError as error:
                    display.say(f"The synthetic reader cannot go on: {error.message}")
                else:
                    follow(hospital, cases, Step, display.show)
            elif not once:
                _stay(hospital, cases, display)
        if not once:
            return 0
        return proof.judge(hub, cases, console)


def _introduce(console: Console, hub: Hub, who: People) -> None:
    console.print()
    console.print(f"  Open      [bold]{hub.public_url}/worklist[/bold]", highlight=False)
    console.print(f"  Sign in   [bold]{who.radiologist.name}[/bold]", highlight=False)
    console.print(f"  Password  [bold]{who.radiologist.password}[/bold]", highlight=False, markup=True)
    console.print()
    console.print("A simulated hospital sends six synthetic studies. Read one, sign it, and watch it go back.")


def _teller(display: Display, started: float) -> Moved:
    """Shows each move, and says when the first study can be signed."""
    ready: list[Progress] = []

    def moved(case: Progress, steps: Sequence[Step]) -> None:
        display.show(case, steps)
        if Step.READY in steps and not ready:
            ready.append(case)
            display.say(f"First study ready to be signed: {time.monotonic() - started:.0f} s after the start.")

    return moved


def _raiser(sent: Future[None]) -> Callable[[], None]:
    def check() -> None:
        if sent.done():
            sent.result()

    return check


def _sign_all(hub: Hub, who: People, cases: list[Progress], display: Display) -> None:
    """The synthetic radiologist signs every case, and accepts, corrects and rejects in turn."""
    decisions = itertools.cycle(("accept", "correct", "reject"))
    with Browser(hub.public_url) as browser:
        reader = Reader(browser, who.synthetic)
        for case in cases:
            decided = reader.sign(case, "none" if case.refused else next(decisions))
            display.say(f"{name(case)}: signed by the synthetic reader; the model's answer: {decided}")


def _stay(hospital: Hospital, cases: list[Progress], display: Display) -> None:
    """Show what the person at the browser does, until Ctrl-C."""
    display.say("Everything stays served until you press Ctrl-C.")
    with suppress(KeyboardInterrupt):
        follow(hospital, cases, Step, display.show, patience=timedelta(days=30))
        display.say("Every report is at the hospital. Ctrl-C ends the hub; the data stays.")
        wait_for_the_end()
