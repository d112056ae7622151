"""Exercises ftplib over TLS against a server. Arguments: HOST PORT resumed|new TLSv1_2|TLSv1_3.

Raises an exception on failure, and prints nothing on success.
"""

import ftplib
import io
import ssl
import sys


class Resuming(ftplib.FTP_TLS):
    """Data connections that resume the TLS session of the control connection, as many scripts do it."""

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            connection = self.context.wrap_socket(
                connection, server_hostname=self.host, session=self.sock.session
            )
            # Known after the handshake, in TLS 1.2 and 1.3.
            assert connection.session_reused
        return connection, size


def main(host, port, sessions, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    kind = Resuming if sessions == "resumed" else ftplib.FTP_TLS
    ftp = kind(timeout=20, context=context)
    ftp.connect(host, int(port))
    ftp.login()
    ftp.prot_p()
    ftp.mkd("lib")
    ftp.cwd("lib")

    blob = bytes(range(256)) * 4099 + b"end"
    # More transfers than a session has tickets.
    for _ in range(12):
        ftp.storbinary("STOR blob", io.BytesIO(blob), blocksize=4093)
        assert retrieve(ftp, "blob") == blob
    assert retrieve(ftp, "blob", rest=1_000_000) == blob[1_000_000:]
    ftp.storbinary("APPE blob", io.BytesIO(b"more"))
    assert ftp.size("blob") == len(blob) + 4
    ftp.storbinary("STOR empty", io.BytesIO(b""))
    assert retrieve(ftp, "empty") == b""
    assert sorted(ftp.nlst()) == ["blob", "empty"], ftp.nlst()
    assert dict(ftp.mlsd(facts=["size"]))["empty"]["size"] == "0"

    ftp.prot_c()
    assert ftp.sock and retrieve(ftp, "blob")[-4:] == b"more"
    ftp.prot_p()
    ftp.delete("blob")
    ftp.delete("empty")
    ftp.cwd("/")
    ftp.rmd("lib")
    assert ftp.quit().startswith("221")


def retrieve(ftp, name, rest=None):
    parts = []
    ftp.retrbinary(f"RETR {name}", parts.append, rest=rest)
    return b"".join(parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
