"""Finding, unpacking and compiling the real parts."""

import os
import subprocess
from pathlib import Path

import pytest

from simulator.parts import MissingPart, Parts, apt, broker, browser, interpreter, places, scratch
from simulator.parts.__main__ import stores_to_start

APT = """#!/bin/sh
# Knows packages only from the lists it is given, as on an image whose own lists were deleted.
echo "$@" >> "$RECORD"
lists=''
for word in "$@"; do case $word in Dir::State::lists=*) lists=${word#*=} ;; esac; done
case "$*" in
    *" update"*) echo found > "$lists/known" ;;
    *--simulate*)
        [ -n "$lists" ] && [ -e "$lists/known" ] || { echo "E: Unable to locate package" >&2; exit 100; }
        echo "Inst libcjson1 (1.7 Debian:12 [amd64])"
        echo "Inst libc6 [2.35] (2.36 Debian:12 [amd64])"
        echo "Inst mosquitto (2.0.11 Debian:12 [amd64])" ;;
    *" download "*) echo > libcjson1_1.7.deb; echo > mosquitto_2.0.11.deb ;;
esac
"""
DPKG = '#!/bin/sh\nmkdir -p "$3"; name=${2##*/}; echo > "$3/${name%.deb}"\n'


@pytest.fixture
def bare_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system whose apt has no lists of its own; what apt was asked is in the file `record`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("apt-get", APT), ("dpkg", DPKG)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setattr(scratch, "PRIVATE", tmp_path / "private")
    return tmp_path


def test_a_package_and_what_it_lacks_are_unpacked_from_private_lists(bare_image: Path) -> None:
    apt.unpack("mosquitto", bare_image / "private" / "parts" / "mosquitto")
    unpacked = bare_image / "private" / "parts" / "mosquitto"
    assert {file.name for file in unpacked.iterdir()} == {"libcjson1_1.7", "mosquitto_2.0.11"}
    download = (bare_image / "record").read_text().splitlines()[-1]
    assert download.endswith("download libcjson1 mosquitto"), "an installed library is not to be replaced"
    assert [file.name for file in (bare_image / "private").iterdir()] == ["parts"], "the lists must go"


def test_a_package_that_cannot_be_had_leaves_nothing(bare_image: Path) -> None:
    (bare_image / "programs" / "apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2; exit 100\n")
    with pytest.raises(apt.AptError, match="no network"):
        apt.unpack("mosquitto", bare_image / "private" / "mosquitto")
    assert list((bare_image / "private").iterdir()) == []


def test_lists_left_by_a_killed_set_up_are_swept_away(bare_image: Path) -> None:
    left = bare_image / "private" / "scratch-x1" / "lists"
    left.mkdir(parents=True)
    (bare_image / "private" / "parts").mkdir()
    scratch.sweep()
    assert [file.name for file in (bare_image / "private").iterdir()] == ["parts"]


def test_without_apt_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(apt.AptError, match="install mosquitto"):
        apt.unpack("mosquitto", tmp_path / "mosquitto")


def test_a_browser_is_found_by_any_of_its_names(tmp_path: Path) -> None:
    assert browser.find(str(tmp_path)) is None
    program = tmp_path / "chromium-browser"
    program.write_text("")
    program.chmod(0o755)
    assert browser.find(str(tmp_path)) == program


def test_a_missing_part_is_named_in_one_line_with_the_command_that_brings_it() -> None:
    part = MissingPart("browser", "no Chromium on this machine", "apt-get install chromium")
    parts = Parts(None, None, None, None, [part])
    assert str(part).count("\n") == 0
    assert "apt-get install chromium" in str(part)
    assert parts.lacks("browser") is part
    assert parts.lacks("broker") is None


@pytest.mark.broker
def test_the_broker_is_new_enough_and_hashes_passwords(parts: Parts, tmp_path: Path) -> None:
    assert parts.broker is not None
    assert parts.broker.version >= broker.OLDEST
    users = tmp_path / "users"
    subprocess.run(
        [parts.broker.passwd, "-c", "-b", users, "gateway", "secret"], check=True, capture_output=True
    )
    assert users.read_text().startswith("gateway:$")


@pytest.mark.interpreter
def test_the_interpreter_runs_what_the_compiler_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "COMPILED", tmp_path / "kept")
    source, target = tmp_path / "source" / "latch", tmp_path / "target" / "latch"
    (source / "core").mkdir(parents=True)
    (source / "__init__.py").write_text("")
    (source / "core" / "__init__.py").write_text("")
    (source / "core" / "door.py").write_text("def state():\n    return 'shut'\n")
    compiled = interpreter.compile_firmware(source, target)
    assert [file.relative_to(target).as_posix() for file in compiled] == [
        "__init__.mpy",
        "core/__init__.mpy",
        "core/door.mpy",
    ]
    said = subprocess.run(
        [
            *interpreter.micropython_command(heap="64k"),
            "-c",
            "from latch.core.door import state; print(state())",
        ],
        env={"MICROPYPATH": str(target.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "shut\n"


@pytest.mark.interpreter
def test_only_what_changed_is_compiled_and_what_is_gone_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "COMPILED", tmp_path / "kept")
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "door.py").write_text("OPEN = 1\n")
    (source / "code.py").write_text("DIGITS = 8\n")
    interpreter.compile_firmware(source, target)
    untouched = (target / "door.mpy").stat().st_mtime_ns
    (source / "code.py").unlink()
    (source / "probe.py").write_text("LIE = 85\n")
    interpreter.compile_firmware(source, target)
    assert {file.name for file in target.iterdir()} == {"door.mpy", "probe.mpy"}
    assert (target / "door.mpy").stat().st_mtime_ns == untouched
    assert len(list((tmp_path / "kept").iterdir())) == 3


@pytest.mark.interpreter
def test_a_file_that_does_not_compile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "COMPILED", tmp_path / "kept")
    (tmp_path / "door.py").write_text("def state(:\n")
    with pytest.raises(interpreter.CompileError, match=r"door\.py"):
        interpreter.compile_firmware(tmp_path, tmp_path / "target")


@pytest.mark.interpreter
def test_the_heap_is_bounded() -> None:
    done = subprocess.run(
        [*interpreter.micropython_command(heap="64k"), "-c", "bytearray(70000)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "MemoryError" in done.stderr + done.stdout


def test_the_pins_carry_hashes_and_name_no_index() -> None:
    for file in places.REQUIREMENTS.glob("*.txt"):
        text = file.read_text()
        assert "index-url" not in text
        assert "://" not in text
        assert "==" in text
        for block in text.replace("\\\n", " ").splitlines():
            assert not block.strip() or block.lstrip().startswith("#") or "--hash=sha256:" in block, block


def test_the_suite_holds_every_pin_of_the_product() -> None:
    def pins(name: str) -> set[str]:
        lines = (places.REQUIREMENTS / f"{name}.txt").read_text().splitlines()
        return {line.split(" ")[0] for line in lines if line[:1].isalnum()}

    assert pins("run") <= pins("test")


@pytest.mark.parametrize(
    ("words", "started"),
    [
        ([], []),
        (["--once", "--postgres", "--influx"], ["postgres", "influx"]),
        (["--postgres", "--once"], ["postgres"]),
        (["--postgres", "postgresql://somebody@there", "--influx"], ["influx"]),
        (["--influx", "http://there:8086"], []),
    ],
)
def test_a_store_with_an_address_is_not_fetched(words: list[str], started: list[str]) -> None:
    assert stores_to_start(words) == started
