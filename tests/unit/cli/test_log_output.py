"""The log may lose its reader, its disk or its pace; the bridge goes on."""

from __future__ import annotations

import os
import threading

import pytest

from bridge.cli.log_output import LogOutput

SOON_S = 20.0


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def none_is_dropped(count: int) -> None:
    pytest.fail(f"{count} lines were dropped")


def drops():
    counted: list[int] = []
    return counted, counted.append


def test_lines_arrive_in_order_each_with_its_end(pipe):
    reader, writer = pipe
    output = LogOutput(writer, dropped=none_is_dropped)
    for n in range(100):
        output.write(f"line {n}")
    assert output.flush(within_s=SOON_S)
    assert os.read(reader, 1 << 16).decode().splitlines() == [f"line {n}" for n in range(100)]


def test_what_cannot_be_encoded_is_escaped(pipe):
    reader, writer = pipe
    output = LogOutput(writer, dropped=none_is_dropped)
    output.write("\udcff")
    assert output.flush(within_s=SOON_S)
    assert os.read(reader, 100) == b"\\udcff\n"


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe):
    reader, writer = pipe
    os.close(reader)
    counted, dropped = drops()
    output = LogOutput(writer, dropped=dropped)
    for _ in range(5):
        output.write("x")
    assert output.flush(within_s=SOON_S)
    assert sum(counted) == 5


def test_a_reader_that_stalls_costs_the_lines_that_find_no_room(pipe):
    reader, writer = pipe
    counted, dropped = drops()
    output = LogOutput(writer, dropped=dropped, capacity=10)
    line = "x" * (1 << 20)  # more than a pipe holds
    for _ in range(50):
        output.write(line)
    assert 38 <= sum(counted) <= 40  # ten wait, and as many as the thread has taken
    assert not output.flush(within_s=0.01)
    received = bytearray()

    def read_all() -> None:
        while part := os.read(reader, 1 << 16):
            received.extend(part)

    thread = threading.Thread(target=read_all)
    thread.start()
    assert output.flush(within_s=SOON_S)
    os.close(writer)
    thread.join(SOON_S)
    assert received.count(b"\n") == 50 - sum(counted)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110 - one word
def test_a_full_disk_costs_lines_until_there_is_room():
    counted, dropped = drops()
    descriptor = os.open("/dev/full", os.O_WRONLY)
    output = LogOutput(descriptor, dropped=dropped)
    output.write("x")
    assert output.flush(within_s=SOON_S)
    assert counted == [1]
    os.close(descriptor)
