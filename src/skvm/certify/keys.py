"""Ed25519 keys: one of our own in the cache, and the public keys somebody trusts.

``cryptography`` (extra ``sign``) is imported only where something is signed or a signature is checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.certify.sealing import signed_bytes
from skvm.certify.statement import Signature, Statement
from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.files import replace_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from skvm.settings import Settings

__all__ = [
    "SignatureUncheckedError",
    "fingerprint_of",
    "holds",
    "key_path",
    "load_key",
    "make_key",
    "own_fingerprint",
    "public_path",
    "put_public",
    "sign",
    "trusted_in",
]

_MAX_BYTES = 1 << 20
_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----", re.ASCII)
# The fixed head of an Ed25519 key in its SubjectPublicKeyInfo form (RFC 8410); 32 bytes of key follow.
_HEAD = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_NEED = "pip install 'skvm[sign]'"


class SignatureUncheckedError(ConfigError):
    """A signature could not be checked: the library is not there."""


def key_path(settings: Settings) -> Path:
    """Where our own private key lies, if there is one."""
    return settings.cache_dir / "keys" / "certify.pem"


def public_path(key: Path) -> Path:
    """Where the public half of a key is written."""
    return key.with_name(f"{key.stem}.pub.pem")


def fingerprint_of(public: bytes) -> str:
    """``sha256:…`` of 32 raw bytes of a public key, as ``openssl pkey -pubin -outform DER`` gives them."""
    return f"sha256:{hashlib.sha256(_HEAD + public).hexdigest()}"


def make_key(path: Path) -> str:
    """Make a key pair, the private half readable by its owner alone, and give its fingerprint.

    Raises:
        UsageError: Something lies there already.
        InfrastructureError: It cannot be written.
        ConfigError: ``cryptography`` is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise ConfigError("signing needs the package cryptography", help=_NEED) from error
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = public_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.path.lexists(public) and not os.path.lexists(path):
            # Of a key that lies elsewhere now: others may have to be told of it by this file.
            raise UsageError(f"{public}: there is a public key already", help="move it away first")
        _put_new(path, private)
        put_public(path, key)
    except FileExistsError as error:
        raise UsageError(
            f"{path}: there is a key already", help="move it away first; what it signed stays valid"
        ) from error
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error
    return fingerprint_of(_raw(key))


def put_public(path: Path, key: Ed25519PrivateKey) -> None:
    """Write the public half beside a private key, if it is not there.

    Raises:
        OSError: It cannot be written.
    """
    place, data = public_path(path), _public_pem(_raw(key))
    if not place.is_file() or place.read_bytes() != data:
        replace_file(place, data, mode=0o644)


def _put_new(path: Path, data: bytes) -> None:
    """Write a file that was not there, whole or not at all; of several processes one succeeds."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        try:
            # Unlike a rename, a link never replaces a key.
            os.link(scratch, path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without links; whoever is killed here leaves half a key, which is refused.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
    finally:
        scratch.unlink(missing_ok=True)


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        UsageError: It is not there, or no Ed25519 key without a passphrase.
        ConfigError: Others than its owner may read it, or ``cryptography`` is not installed.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise ConfigError("signing needs the package cryptography", help=_NEED) from error
    data, mode = _read(path, "key")
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"{path}: others may read this key (mode {stat.S_IMODE(mode):04o})", help=f"chmod 600 {path}"
        )
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{path}: not a private key in PEM form without a passphrase",
            help="skvm certify keygen makes one",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: not an Ed25519 key", help="skvm certify keygen makes one")
    return key


def sign(statement: Statement, key: Ed25519PrivateKey) -> Signature:
    """Sign a statement."""
    public = _raw(key)
    return Signature(
        public_key=base64.b64encode(public).decode(),
        fingerprint=fingerprint_of(public),
        value=base64.b64encode(key.sign(signed_bytes(statement))).decode(),
    )


def holds(statement: Statement, signature: Signature) -> bool:
    """Whether a signature is that of its key over this statement, and its fingerprint that of its key.

    Raises:
        SignatureUncheckedError: ``cryptography`` is not installed.
    """
    public = _exactly(signature.public_key, _KEY_BYTES)
    value = _exactly(signature.value, _SIGNATURE_BYTES)
    if public is None or value is None or fingerprint_of(public) != signature.fingerprint:
        return False
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise SignatureUncheckedError(
            "the signature was not checked: that needs the package cryptography", help=_NEED
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(value, signed_bytes(statement))
    except (InvalidSignature, ValueError):
        return False
    return True


def own_fingerprint(settings: Settings) -> str | None:
    """The fingerprint of our own key; ``None`` where there is none, or it cannot be read."""
    try:
        found = trusted_in(str(public_path(key_path(settings))))
    except UsageError:
        return None
    return next(iter(found), None)


def trusted_in(text: str) -> frozenset[str]:
    """The fingerprints that a fingerprint, or a file of public keys or fingerprints, stands for.

    A file holds public keys in PEM form, or one fingerprint a line; what follows ``#`` is a comment.

    Raises:
        UsageError: It is neither, or holds none.
    """
    if (one := _FINGERPRINT.fullmatch(text.strip())) is not None:
        return frozenset({f"sha256:{one[1].lower()}"})
    path = Path(text).expanduser()
    if not path.exists():
        raise UsageError(
            f"{text!r} is neither a fingerprint nor a file",
            help="a fingerprint is sha256: and 64 hex digits; a file holds public keys or fingerprints",
        )
    data, _ = _read(path, "list of trusted keys")
    found = {fingerprint_of(_public(match[1], path)) for match in _PEM.finditer(data)}
    rest = _PEM.sub(b"", data).decode("utf-8", "replace")
    for line in rest.splitlines():
        word = line.partition("#")[0].strip()
        if not word:
            continue
        one = _FINGERPRINT.fullmatch(word.split()[0])
        if one is None:
            raise UsageError(
                f"{path}: neither a public key in PEM form nor a fingerprint: {word[:60]!r}",
                help="give the .pub.pem of a key, or lines of sha256:<64 hex digits>",
            )
        found.add(f"sha256:{one[1].lower()}")
    if not found:
        raise UsageError(f"{path}: holds no key", help="give the .pub.pem of a key")
    return frozenset(found)


def _public(text: bytes, path: Path) -> bytes:
    try:
        data = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        data = b""
    if not data.startswith(_HEAD) or len(data) != len(_HEAD) + _KEY_BYTES:
        raise UsageError(f"{path}: a public key in it is not Ed25519", help="skvm certify keygen makes one")
    return data[len(_HEAD) :]


def _public_pem(public: bytes) -> bytes:
    body = base64.b64encode(_HEAD + public).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _exactly(text: str, length: int) -> bytes | None:
    """Bytes of a base64 text of the one form they have; ``None`` for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == length and base64.b64encode(data).decode() == text else None


def _read(path: Path, what: str) -> tuple[bytes, int]:
    try:
        # A pipe would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise UsageError(f"{path}: no {what}: not a regular file")
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: no {what}: {said}", help="skvm certify keygen makes a key") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: no {what}: larger than {_MAX_BYTES >> 20} MiB")
    return data, mode
