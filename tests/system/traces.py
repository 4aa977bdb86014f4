"""What a demo leaves behind on the machine: every program that it starts names the run's folder."""

from pathlib import Path


def processes_of(root: Path) -> dict[int, str]:
    """Running processes whose command line, folder or open command names `root`: pid → command line."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(root) in line:
            found[int(entry.name)] = line.strip()
    return found
