import asyncio

from bridge.web.coalesced_writes import CoalescedWrites


class Recorder(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.events = []
        self.peer_is_gone = False

    def is_closing(self):
        return self.peer_is_gone

    def write(self, data):
        if self.peer_is_gone:
            raise RuntimeError("the handler is closed")  # as uvloop's transports do
        self.events.append(data)

    def close(self):
        self.events.append("closed")

    def abort(self):
        self.events.append("aborted")


async def test_what_is_written_in_one_turn_is_sent_together():
    under = Recorder()
    transport = CoalescedWrites(under, asyncio.get_running_loop())

    transport.write(b"head")
    transport.writelines([b", ", b"body"])
    assert under.events == []
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)

    assert under.events == [b"head, body", b"next"]


async def test_what_was_written_is_sent_before_it_closes():
    under = Recorder()
    transport = CoalescedWrites(under, asyncio.get_running_loop())

    transport.write(b"answer")
    transport.close()
    await asyncio.sleep(0)

    assert under.events == [b"answer", "closed"]


async def test_an_abort_sends_nothing_more():
    under = Recorder()
    transport = CoalescedWrites(under, asyncio.get_running_loop())

    transport.write(b"answer")
    transport.abort()
    await asyncio.sleep(0)

    assert under.events == ["aborted"]


async def test_what_a_peer_that_is_gone_does_not_hear_is_dropped_quietly(caplog):
    under = Recorder()
    transport = CoalescedWrites(under, asyncio.get_running_loop())

    transport.write(b"answer")
    under.peer_is_gone = True
    await asyncio.sleep(0)
    transport.write(b"more")
    transport.close()

    assert under.events == ["closed"]
    assert caplog.records == []
