"""The RS-485 line: bytes take their time, and half duplex is half duplex."""

from simulator.world.chips.lockboard import LockBoard, frame
from simulator.world.line import BAUD, BYTE_S, SILENCE_S, TURN_S, Line

QUERY = frame(0x80, 1, 0, 0x33)


def line() -> Line:
    return Line([LockBoard(1, 16, lambda _channel: False)], baud=BAUD)


def talk(made: Line, data: bytes, *, let_go_after: float) -> None:
    made.drive(True, 0.0)
    made.write(data, 0.0)
    for now in (i * 0.0005 for i in range(400)):
        if now >= let_go_after:
            made.drive(False, now)
        made.advance(now)


def test_a_frame_is_answered_after_it_has_been_sent_and_followed_by_silence() -> None:
    made = line()
    sent = len(QUERY) * BYTE_S
    talk(made, QUERY, let_go_after=sent)
    first = sent + SILENCE_S + TURN_S + BYTE_S
    assert made.available(first - 0.0001) == 0
    assert made.available(first + 0.0001) == 1
    assert made.read(99, 1.0) == frame(0x80, 1, 0, 0, 0, 0x33)
    assert made.read(99, 1.0) == b""


def test_a_driver_let_go_before_the_last_bit_has_left_is_not_understood() -> None:
    made = line()
    talk(made, QUERY, let_go_after=len(QUERY) * BYTE_S / 2)
    assert made.available(1.0) == 0


def test_who_keeps_the_driver_on_hears_no_answer() -> None:
    made = line()
    talk(made, QUERY, let_go_after=0.150)
    assert made.available(1.0) == 0


def test_without_the_driver_nothing_leaves() -> None:
    made = line()
    made.write(QUERY, 0.0)
    made.advance(0.1)
    made.advance(0.2)
    assert made.available(1.0) == 0


def test_a_frame_in_two_writes_is_one_and_two_frames_without_a_pause_are_none() -> None:
    made = line()
    made.drive(True, 0.0)
    made.write(QUERY[:2], 0.0)
    made.write(QUERY[2:], 0.001)
    made.drive(False, 0.006)
    made.advance(0.1)
    made.advance(0.2)
    assert made.available(1.0) == 7
    made = line()
    talk(made, QUERY + QUERY, let_go_after=0.011)
    assert made.available(1.0) == 0


def test_wrong_speed_a_cut_cable_and_a_spoilt_answer() -> None:
    made = line()
    made.baud = 115200
    talk(made, QUERY, let_go_after=0.006)
    assert made.available(1.0) == 0
    made = line()
    made.broken = True
    talk(made, QUERY, let_go_after=0.006)
    assert made.available(1.0) == 0
    made = line()
    made.spoilt = 1
    talk(made, QUERY, let_go_after=0.006)
    assert made.read(99, 1.0) != frame(0x80, 1, 0, 0, 0, 0x33)
