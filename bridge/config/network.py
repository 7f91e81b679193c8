"""The way out: through which proxy, and trusting whom. The one reader of the variables that HTTP clients look at.

Libraries read these by themselves, each in its own manner, and fail in the middle of their work. So they are told not
to, and get what is decided here.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import certifi
import httpx
from msgspec import Struct

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

PROXIES: Final = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY", "all": "ALL_PROXY"}
_LOOPBACK_NAMES = ("localhost", "ip6-localhost", "ip6-loopback")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
_PORTS = {"http": 80, "https": 443}


class NetworkError(Exception):
    """A variable cannot be used for what is wanted; the message is a sentence that names it, without a secret."""


class Network(Struct, frozen=True, kw_only=True):
    """What the environment says of the way out. Nothing of it is judged before it is used.

    ``proxies`` maps a name of PROXIES to its value, ``no_proxy`` is its variable's text; the others name files and are
    empty when unset.
    """

    proxies: Mapping[str, str] = {}
    no_proxy: str = ""
    ca_file: str = ""
    ca_dir: str = ""
    key_log: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Network:
        """Read the variables; as with curl, one in lower case goes before the same in upper case."""

        def either(name: str) -> str:
            return environment.get(name.lower(), environment.get(name, "")).strip()

        return cls(
            proxies={name: value for name in PROXIES.values() if (value := either(name))},
            no_proxy=either("NO_PROXY"),
            ca_file=environment.get("SSL_CERT_FILE", "").strip(),
            ca_dir=environment.get("SSL_CERT_DIR", "").strip(),
            key_log=environment.get("SSLKEYLOGFILE", "").strip(),
        )

    def proxy_name(self, url: str) -> str:
        """The variable whose proxy leads to this address; empty when the way is direct, as to this machine it is."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS.get(parts.scheme, 0)
        if is_loopback(host) or any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", self.no_proxy)):
            return ""
        return next((name for key in (parts.scheme, "all") if (name := PROXIES.get(key, "")) in self.proxies), "")

    def options(self, url: str) -> dict[str, Any]:
        """The arguments by which an httpx client goes the right way to this address, and reads no environment.

        Raises:
            NetworkError: The proxy or the certificates that this address needs cannot be used.
        """
        name = self.proxy_name(url)
        address = _proxy_address(name, self.proxies[name]) if name else ""
        is_encrypted = "https" in (urlsplit(url).scheme, urlsplit(address).scheme)
        trust = self.trust() if is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        to_proxy = trust if urlsplit(address).scheme == "https" else None
        proxy = httpx.Proxy(address, ssl_context=to_proxy) if address else None
        return {"proxy": proxy, "verify": trust, "trust_env": False}

    def trust(self) -> ssl.SSLContext:
        """Whom to trust: SSL_CERT_FILE, or else SSL_CERT_DIR, or else the authorities that the release comes with.

        Raises:
            NetworkError: There is no certificate where the variable says, or SSLKEYLOGFILE cannot be written.
        """
        self.check_key_log()
        if self.ca_file:
            return _trust_file(self.ca_file)
        if self.ca_dir:
            _check_dir(self.ca_dir)
            return ssl.create_default_context(capath=self.ca_dir)
        return ssl.create_default_context(cafile=certifi.where())

    def check_key_log(self) -> None:
        """Raise NetworkError when Python could not write the keys of TLS where SSLKEYLOGFILE says."""
        if not self.key_log:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = self.key_log
        except (OSError, ValueError) as error:
            raise NetworkError(f"SSLKEYLOGFILE: cannot write to {self.key_log}: {_reason(error)}; unset it.") from error


def is_http_url(text: str) -> bool:
    """Whether a connection can be tried to what this names: visible ASCII, http or https, a host, no nonsense."""
    try:
        parts = urlsplit(text)
        has_host = bool(httpx.URL(text).host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        return False
    return has_host and parts.scheme in _PORTS and re.fullmatch("[!-~]+", text) is not None


def is_loopback(host: str) -> bool:
    """Whether this name or address, as a URL gives it, leads to this machine. No name is looked up."""
    name = host.rstrip(".").lower()
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(text: str) -> Address | None:
    """An address in any spelling that connecting understands (127.1, ::ffff:127.0.0.1); None for a name."""
    try:
        address: Address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(text)) if text else None
        except (OSError, UnicodeError, ValueError):
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY means this host: a name and all below it, an address, a network.

    Each may be of one port. What is none of these means nothing, as with curl.
    """
    entry = entry.rpartition("://")[2].lower()
    if entry == "*":
        return True
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*):([0-9]+)", entry)
    if found and int(found[2]) != port:
        return False
    name = (found[1] if found else entry).removeprefix("*").strip(".")
    address = _address(host)
    if address is not None:
        return any(address in network for network in _networks(name))
    host = host.rstrip(".").lower()
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _networks(text: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        yield ipaddress.ip_network(text.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return


def _proxy_address(name: str, value: str) -> str:
    """The proxy's URL that a variable names; a value without a scheme means http://."""
    text = value if "://" in value else f"http://{value}"
    if not re.fullmatch("[!-~]+", text):
        raise NetworkError(f"{name} must be one URL such as http://proxy:3128, without a space or a line break in it.")
    if text.lower().startswith("socks"):
        raise NetworkError(
            f"{name} names a SOCKS proxy, which the bridge cannot use: name an HTTP proxy such as "
            "http://proxy:3128, or put the host into NO_PROXY."
        )
    if not is_http_url(text):  # the error of whoever reads it would quote it, and with it a password
        raise NetworkError(f"{name} must look like http://proxy:3128 or http://user:password@proxy:3128.")
    return text


def _trust_file(path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        reason = "there is none in it" if isinstance(error, ssl.SSLError) else _reason(error)
        raise NetworkError(f"SSL_CERT_FILE: cannot read certificates from {path}: {reason}.") from error


def _check_dir(path: str) -> None:
    """OpenSSL looks for certificates in these folders when it needs one, and says nothing of what is not there."""
    try:
        names = [each.name for folder in path.split(os.pathsep) if folder for each in Path(folder).iterdir()]
    except (OSError, ValueError) as error:
        raise NetworkError(f"SSL_CERT_DIR: cannot read certificates from {path}: {_reason(error)}.") from error
    if not any(map(_HASHED.fullmatch, names)):
        raise NetworkError(f"SSL_CERT_DIR: no certificates with hashed names in {path}: run openssl rehash on it.")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not a path"
