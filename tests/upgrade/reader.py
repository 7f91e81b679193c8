"""Reads incidents as they are stored, with whatever release ``bridge`` is here, and writes them back: one a line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from bridge.model import Incident
from bridge.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stored(msgspec.Struct):
    """An incident's hash, its progress and its public notes, and the form in which an ended episode is kept."""

    fields: dict[str, bytes]
    progress: bytes
    public_notes: list[bytes]
    archived: bytes


class Read(msgspec.Struct):
    """What was understood of each, and the progress packed again."""

    incident: Incident
    archived: Incident
    progress: bytes


def read(stored: Stored) -> Read:
    """Understand one."""
    incident = codec.unpack_incident("ID", stored.fields, {}, stored.progress, stored.public_notes)
    archived = msgspec.json.decode(stored.archived, type=Incident)
    return Read(incident, archived, codec.pack_progress(incident.progress))


def answers(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Understand each line's, or say why not."""
    for line in lines:
        try:
            yield msgspec.json.encode(read(msgspec.json.decode(line, type=Stored)))
        except ValueError as error:
            yield msgspec.json.encode({"not understood": str(error)})


if __name__ == "__main__":
    for answer in answers(sys.stdin.buffer):
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()
