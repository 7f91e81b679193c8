"""A short name for what a configuration says, by which replicas with different files are told apart."""

from __future__ import annotations

import hashlib

import yaml

_LENGTH = 12  # 48 bits: by accident no two files of an installation share one, and nobody reads anything in it
_BOOL = "tag:yaml.org,2002:bool"
_WORDS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float"))


def content_hash(root: yaml.Node) -> str:
    """The hash of a valid document: its comments, its layout and the order of keys in a mapping do not count."""
    return _digest(root, {}).hex()[:_LENGTH]


def _digest(node: yaml.Node, known: dict[int, bytes]) -> bytes:
    """Of digests, so that what is aliased many times over is worked on once."""
    if id(node) not in known:
        known[id(node)] = hashlib.sha256(b"\0".join(_parts(node, known))).digest()
    return known[id(node)]


def _parts(node: yaml.Node, known: dict[int, bytes]) -> list[bytes]:
    if isinstance(node, yaml.MappingNode):
        return [b"mapping", *sorted(_digest(key, known) + _digest(value, known) for key, value in node.value)]
    if isinstance(node, yaml.SequenceNode):
        return [b"list", *(_digest(item, known) for item in node.value)]
    text = str(node.value)
    if node.tag == _BOOL:
        text = str(text.lower() in {"true", "yes", "on"})
    kind = "text" if node.tag in _WORDS else node.tag
    return [kind.encode(), text.encode(errors="surrogatepass")]
