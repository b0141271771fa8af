"""The demo as it is told: start the hub, let the hospital send, show each step, and stay, or sign and end."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from services.simulator.demo import proof
from services.simulator.demo.display import Display, name
from services.simulator.demo.once import confirm_all, read_as_patient, sign_all
from services.simulator.demo.operator import open_a_schedule
from services.simulator.demo.patient import PAGE as MINE
from services.simulator.demo.patient import telephone
from services.simulator.demo.people import People, people
from services.simulator.demo.secretary import PAGE
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.watch import Moved, follow, send_all
from services.simulator.domain import MIX, examinations
from services.simulator.hospital import Hospital
from shared.cli import running
from shared.cli.up import wait_for_the_end
from shared.embedded import Hub, run_hub
from shared.errors import HubError

BEFORE_A_HUMAN = (Step.ANNOUNCED, Step.STORED, Step.COMPLETE, Step.ANALYSED, Step.READY)
WITHOUT_A_SECRETARY = tuple(step for step in Step if step not in {Step.BOOKED, Step.SEEN})


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
        Hospital(hub.public_url, who.ward) as ward,
    ):
        open_a_schedule(hub.environment)
        number = int(datetime.now(UTC).timestamp()) if seed is None else seed
        cases = [Progress(examination) for examination in examinations(number, len(MIX), datetime.now(UTC))]
        for case in cases:
            case.awaits |= {Step.RISK} if case.examination.picture == "adult" else set()
        _introduce(console, hub, who, cases[0])
        with Display(console, cases) as display, ThreadPoolExecutor(max_workers=1) as sending:
            sent = sending.submit(send_all, hospital, [case.examination for case in cases])
            check = _raiser(sent)
            arrived = follow(hospital, cases, BEFORE_A_HUMAN, _teller(display, started), check=check)
            if once and arrived:
                try:
                    sign_all(hub.public_url, who, cases, display.say)
                    follow(hospital, cases, WITHOUT_A_SECRETARY, display.show, ward=ward)
                    confirm_all(hub.public_url, who, cases, display.say)
                    read_as_patient(hub.public_url, telephone(hub.url("simulator-api")), cases[0], display.say)
                except HubError as error:
                    display.say(f"The synthetic people cannot go on: {error.message}")
                else:
                    follow(hospital, cases, Step, display.show)
            elif not once:
                _stay(hospital, ward, cases, display)
        if not once:
            return 0
        return proof.judge(hub, cases, console)


def _introduce(console: Console, hub: Hub, who: People, first: Progress) -> None:
    for page, whose in (("/worklist", who.radiologist), (PAGE, who.secretary), ("/ops", who.operator)):
        console.print()
        console.print(f"  Open      [bold]{hub.public_url}{page}[/bold]", highlight=False)
        console.print(f"  Sign in   [bold]{whose.name}[/bold]", highlight=False)
        console.print(f"  Password  [bold]{whose.password}[/bold]", highlight=False, markup=True)
    console.print()
    console.print(f"  Open      [bold]{hub.public_url}{MINE}[/bold]  as the patient {name(first)}", highlight=False)
    console.print(f"  Number    [bold]{first.examination.mrn}[/bold]  born {first.examination.born}", highlight=False)
    console.print(f"  Telephone [bold]{telephone(hub.url('simulator-api'))}[/bold]", highlight=False)
    console.print()
    console.print("A simulated hospital sends six synthetic studies and laboratory values;")
    console.print("one patient has refused analysis by AI, and is read by you alone.")
    console.print("Read one, accept what the model found, sign, and watch the report go back;")
    console.print("then confirm the follow-up as the secretary, and read the result as the patient.")


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


def _stay(hospital: Hospital, ward: Hospital, cases: list[Progress], display: Display) -> None:
    """Show what the person at the browser does, until Ctrl-C."""
    display.say("Everything stays served until you press Ctrl-C.")

    def moved(case: Progress, steps: Sequence[Step]) -> None:
        case.awaits |= {Step.BOOKED} if Step.PROPOSED in steps else set()
        display.show(case, steps)

    with suppress(KeyboardInterrupt):
        follow(hospital, cases, Step, moved, patience=timedelta(days=30), ward=ward)
        display.say("Every report is at the hospital. Ctrl-C ends the hub; the data stays.")
        wait_for_the_end()
