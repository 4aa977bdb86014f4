"""Named faults of the product, two or three for each step: with one of them the story fails and names that
step.

Each is a mistake that somebody could make and no compiler would see; none makes a part crash.
"""

from dataclasses import dataclass

from simulator.orchestrator.stage import Breakage


@dataclass(frozen=True)
class Sabotage:
    """A fault, and the step that must notice it. `quick`: one of those that every run of the tests plants."""

    name: str
    step: int
    description: str
    breakage: Breakage
    quick: bool


def _program(step: int, name: str, program: str, description: str, *, quick: bool = False) -> Sabotage:
    return Sabotage(name, step, description, Breakage(name, programs=(program,)), quick)


def _firmware(
    step: int,
    name: str,
    file: str,
    text: str,
    replacement: str,
    description: str,
    *,
    quick: bool = False,
) -> Sabotage:
    return Sabotage(name, step, description, Breakage(name, firmware=(file, text, replacement)), quick)


_ALL = (
    _program(1, "forged-payments", "server", "a payment event with a wrong seal is taken", quick=True),
    _program(1, "any-zone-will-do", "server", "frozen goods get an ambient door"),
    _program(1, "late-payments-kept", "server", "a late payment gets neither doors nor the money back"),
    _firmware(
        2,
        "early-code-opens",
        "core/grantbook.py",
        "if grant.flags & grants.NEEDS_LOAD and held != grant.load:",
        "if grant.flags & grants.NEEDS_LOAD and held & 0x7FFFFFFF > grant.load:",
        "a code opens doors that nobody has loaded yet",
        quick=True,
    ),
    _firmware(
        2,
        "early-code-costs-a-try",
        "services/keypad.py",
        "if not is_long and verdict.code != records.UNKNOWN_CODE:\n            holdings.bucket.give_back()",
        "if not is_long and verdict.code == records.ACCEPTED:\n            holdings.bucket.give_back()",
        "a code typed too early is counted as a wrong one",
    ),
    _firmware(
        3,
        "empty-door-counts-as-loaded",
        "core/door.py",
        "return records.NOT_LOADED if item == records.ABSENT else records.LOADED",
        "return records.LOADED",
        "a door that a loader shut with nothing in it counts as loaded",
        quick=True,
    ),
    _program(3, "one-code-for-all-loaders", "server", "a loader's code opens other producers' doors"),
    _firmware(
        3,
        "doors-open-together",
        "core/door.py",
        '("opening", "pulsed", "open", ("free",)),',
        '("opening", "pulsed", "open", ("free", "advance")),',
        "the next door opens before the last is shut",
    ),
    _firmware(
        4,
        "slip-costs-a-try",
        "services/keypad.py",
        "self._try(records.SLIP, 0)",
        "self._holdings.bucket.debit(self._recorder.uptime.ms())\n            self._try(records.SLIP, 0)",
        "a slip of the finger is counted as a wrong code",
        quick=True,
    ),
    _firmware(
        4,
        "check-digit-not-verified",
        "contract/codes.py",
        'return is_digits(code) and check_digit(code) == "0"',
        "return is_digits(code)",
        "a slip of the finger is compared like a code",
    ),
    _firmware(
        4,
        "kept-goods-count-as-collected",
        "core/door.py",
        "if item == records.ABSENT:\n        return records.COLLECTED",
        "if item != records.BLIND:\n        return records.COLLECTED",
        "a door shut with its goods inside counts as collected",
    ),
    _program(5, "doubt-is-empty", "server", "a compartment with a blind sensor is offered again", quick=True),
    _program(5, "hello-is-a-receipt", "gateway", "what happened during an outage is taken as received"),
    _firmware(
        6,
        "jam-tried-once",
        "core/bank.py",
        "self._feed(door, RETRY if door.tries < self.limits.tries else GIVE_UP, effects)",
        "self._feed(door, GIVE_UP, effects)",
        "a jammed door is given up after one try",
        quick=True,
    ),
    _program(6, "forced-is-no-alarm", "server", "a forced door raises no alarm"),
    _program(6, "alarms-not-mailed", "server", "alarms are shown and not mailed"),
    _firmware(
        7,
        "block-covers-every-door",
        "services/holdings.py",
        "reason = self.blocks.reason_for(door.zone)",
        'reason = self.blocks.held[0].reason if self.blocks.held else ""',
        "a warm zone blocks the doors of the others too",
        quick=True,
    ),
    _firmware(
        7,
        "breach-does-not-block",
        "services/probes.py",
        "if change.blocks:",
        "if change.blocks and change.kind == records.NO_DATA:",
        "a breach sounds and blocks nothing",
    ),
    _firmware(
        7,
        "silence-does-not-block",
        "core/zone.py",
        "changes.append(Change(NO_DATA, 1, 0, -1, True))",
        "pass",
        "a zone whose probes are all silent goes on selling",
    ),
    _program(7, "release-needs-no-reason", "server", "a blocked zone is released without a reason"),
    _program(7, "warm-rooms-take-lots", "server", "a warm room takes lots"),
    _firmware(
        8,
        "commands-not-remembered",
        "core/commands.py",
        'return _RESULTS[self._results[slot]] if slot >= 0 else ""',
        'return ""',
        "a command published again acts again",
        quick=True,
    ),
    _firmware(
        8,
        "seal-not-checked",
        "contract/seals.py",
        "if not same(doc_key.digest(_place(site, device, leaf) + body)[:SEAL], payload[:SEAL]):",
        "if len(doc_key.digest(_place(site, device, leaf) + body)) < SEAL:",
        "an altered message is obeyed",
    ),
    _firmware(
        8,
        "expiry-ignored",
        "core/commands.py",
        "if uptime_ms > command.not_after_ms:",
        "if uptime_ms > command.not_after_ms + MAX_TTL_MS:",
        "a command held by the network is taken after its expiry",
    ),
    _program(
        9,
        "acknowledged-before-the-commit",
        "gateway",
        "records are acknowledged before they are on disk",
    ),
    _program(9, "gaps-are-bridged", "server", "missing readings are not listed", quick=True),
)

SABOTAGES: dict[str, Sabotage] = {sabotage.name: sabotage for sabotage in _ALL}
