"""Two other judges of a signed PDF: the text of ``pdfsig``, and ``openssl cms``."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.signing.pki import TrustMaterial
from tests.core.signing.tampering import byte_ranges


@dataclass(frozen=True)
class PdfsigVerdict:
    """What ``pdfsig`` prints on one signature; its exit status says nothing."""

    field_name: str
    is_valid: bool
    is_trusted: bool
    is_total: bool
    end: int


def make_nss_database(directory: Path, trust: TrustMaterial) -> Path:
    """Return an NSS database that trusts the roots (needs ``certutil``)."""
    database = directory / "nss"
    database.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{database}", "--empty-password"], check=True)
    for flags, encoded in (("C,C,C", trust.roots), (",,", trust.intermediates)):
        for index, certificate in enumerate(encoded):
            path = directory / "certificate.der"
            path.write_bytes(certificate)
            name = f"{'root' if flags != ',,' else 'intermediate'}-{index}"
            subprocess.run(["certutil", "-A", "-n", name, "-t", flags, "-i", path, "-d", f"sql:{database}"], check=True)
    return database


def pdfsig(path: Path, database: Path) -> list[PdfsigVerdict]:
    """Run ``pdfsig`` and read its text; signatures in the order of what they cover."""
    output = subprocess.run(
        ["pdfsig", "-nssdir", f"sql:{database}", path],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
    ).stdout
    verdicts = []
    for block in re.split(r"^Signature #\d+:$", output, flags=re.MULTILINE)[1:]:
        ranges = re.search(r"Signed Ranges: \[\d+ - \d+\], \[\d+ - (\d+)\]", block)
        name = re.search(r"Signature Field Name: (.*)", block)
        verdicts.append(
            PdfsigVerdict(
                field_name=name[1].strip() if name else "",
                is_valid="Signature Validation: Signature is Valid." in block,
                is_trusted="Certificate Validation: Certificate is Trusted." in block,
                is_total="Total document signed" in block,
                end=int(ranges[1]) if ranges else 0,
            )
        )
    return sorted(verdicts, key=lambda verdict: verdict.end)


def openssl_cms(pdf: bytes, trust: TrustMaterial, directory: Path) -> list[bool]:
    """Verify each signature's CMS over its detached bytes with ``openssl``, in their order."""
    root, others = directory / "root.pem", directory / "others.pem"
    for path, encoded in ((root, trust.roots), (others, trust.intermediates)):
        path.write_bytes(
            b"".join(
                subprocess.run(
                    ["openssl", "x509", "-inform", "der"], input=certificate, capture_output=True, check=True
                ).stdout
                for certificate in encoded
            )
        )
    answers = []
    for _, hole_start, hole_end, tail in byte_ranges(pdf):
        message, content = directory / "message.der", directory / "content.bin"
        message.write_bytes(bytes.fromhex(pdf[hole_start + 1 : hole_end - 1].decode()))
        content.write_bytes(pdf[:hole_start] + pdf[hole_end : hole_end + tail])
        command: list[str | Path] = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", message]
        command += ["-content", content, "-CAfile", root, "-certfile", others, "-purpose", "any"]
        run = subprocess.run([*command, "-out", "/dev/null"], capture_output=True, text=True)
        answers.append(run.returncode == 0 and "successful" in run.stderr)
    return answers
