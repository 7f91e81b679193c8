"""What this release stores, the previous one reads and writes back: they run side by side while a rollout lasts.

Every field and every member of an enumeration is tried, also those that are new. So a new field needs a default, what
it says may get lost, and a new word may be written one release after it can be read.
"""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import Incident, Progress
from bridge.store import codec
from tests.upgrade import previous
from tests.upgrade.reader import Read, Stored

EXACT = 2**53  # the integers that Lua does not round
FACTS = {"route": b"shop", "group:region": b"eu", "episode": b"1", "rev": b"1"}


@pytest.fixture(scope="module")
def reader():
    """The previous release, which reads what it is given."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("reader.py"))]
    with subprocess.Popen(command, env=previous.ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.communicate()


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the model is made of, with every field given."""
    parts = get_args(kind)
    if get_origin(kind) is UnionType:
        return st.one_of(*map(anything, parts))
    if get_origin(kind) is dict:
        return st.dictionaries(*map(anything, parts), max_size=2)
    if get_origin(kind) is tuple:
        return st.lists(anything(parts[0]), max_size=2).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{name: anything(each) for name, each in get_type_hints(kind).items()})
    return {str: st.text(max_size=4), int: st.integers(0, EXACT), bool: st.booleans(), NoneType: st.none()}[kind]


def store(incident: Incident) -> Stored:
    """What is stored of it; its facts, which only scripts write, are left out."""
    return Stored(
        fields=FACTS,
        progress=codec.pack_progress(incident.progress),
        public_notes=[b"%d%s" % (each.kept_at, codec.encode_json(each)) for each in incident.summary.public_notes],
        archived=msgspec.json.encode(incident),
    )


def whole(value: Any) -> Any:
    """A value as JSON has it, with every field, also those that have their defaults."""
    if isinstance(value, msgspec.Struct):
        return {name: whole(each) for name, each in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {msgspec.to_builtins(name, str_keys=True): whole(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [whole(each) for each in value]
    return msgspec.to_builtins(value)


def agrees(understood: Any, meant: Any) -> bool:
    """Whether what was understood is what was meant, if not all of it."""
    if isinstance(understood, dict):
        return all(name in meant and agrees(value, meant[name]) for name, value in understood.items())
    if isinstance(understood, list):
        return len(understood) == len(meant) and all(map(agrees, understood, meant))
    return bool(understood == meant)


@settings(deadline=None)
@given(incident=anything(Incident))
def test_the_previous_release_reads_what_is_stored_and_what_it_then_stores_can_be_read(reader, incident):
    reader.stdin.write(msgspec.json.encode(store(incident)) + b"\n")
    reader.stdin.flush()
    answer = reader.stdout.readline()
    understood, meant = msgspec.json.decode(answer), whole(incident)
    assert "not understood" not in understood
    assert agrees(understood["archived"], meant)
    assert agrees(understood["incident"]["progress"], meant["progress"])
    assert agrees(understood["incident"]["summary"]["public_notes"], meant["summary"]["public_notes"])
    read = msgspec.json.decode(answer, type=Read)
    assert msgspec.msgpack.decode(read.progress, type=Progress) == read.archived.progress
