"""What a commissioning found, and the report that is kept of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Finding:
    """One line of the report. `fault` names what is wrong, "" if nothing is; `advice` says what to do."""

    check: str
    subject: str
    said: str
    fault: str = ""
    advice: str = ""

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return not self.fault


@dataclass(frozen=True)
class Report:
    """A commissioning: who, when, of what, with what result. `partial`: some checks or doors were left out,
    so it can't say that the controller is fit for service."""

    site: str
    device: str
    by: str
    begun: datetime
    ended: datetime
    machine: dict[str, str]
    findings: tuple[Finding, ...]
    simulated: bool
    partial: bool = False

    @property
    def faults(self) -> list[Finding]:
        """What must be put right."""
        return [finding for finding in self.findings if not finding.good]

    @property
    def verdict(self) -> str:
        """In a few words; what was not looked at is never fit."""
        if self.faults:
            return "not fit for service yet"
        return "good so far, and not all was looked at" if self.partial else "fit for service"

    def markdown(self) -> str:
        """The page to keep and to sign."""
        good = len(self.findings) - len(self.faults)
        where = " on the simulated world" if self.simulated else ""
        lines = [
            f"# Commissioning of {self.device} ({self.site}){where}",
            "",
            f"{self.begun:%Y-%m-%d %H:%M} to {self.ended:%H:%M} UTC, by {self.by}. "
            f"{good} of {len(self.findings)} as they should be: **{self.verdict}**.",
            "",
            *(f"* {name}: {value}" for name, value in self.machine.items()),
            "",
        ]
        if self.faults:
            lines += ["## To be put right", "", "| check | where | fault | what to do |", "|---|---|---|---|"]
            lines += [f"| {f.check} | {f.subject} | {f.fault}: {f.said} | {f.advice} |" for f in self.faults]
            lines.append("")
        lines += ["## Everything looked at", "", "| check | where | result |", "|---|---|---|"]
        lines += [
            f"| {f.check} | {f.subject} | {'ok' if f.good else '**' + f.fault + '**'}: {f.said} |"
            for f in self.findings
        ]
        lines += ["", "Signed: ______________________________", ""]
        return "\n".join(lines)
