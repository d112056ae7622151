"""Exercises ftplib against a server. Arguments: HOST PORT active|passive.

Raises an exception on failure, and prints nothing on success.
"""

import ftplib
import io
import os
import sys


def main(host, port, mode):
    ftp = ftplib.FTP(timeout=20)
    ftp.connect(host, int(port))
    assert ftp.getwelcome().startswith("220")
    ftp.login()
    ftp.set_pasv(mode == "passive")

    ftp.mkd("lib")
    ftp.cwd("lib")
    assert ftp.pwd() == "/lib", ftp.pwd()
    assert ftp.nlst() == []

    # Every byte, over several buffers, with the ends of chunks at odd places.
    blob = bytes(range(256)) * 4099 + b"end"
    ftp.storbinary("STOR blob", io.BytesIO(blob), blocksize=4093)
    assert ftp.size("blob") == len(blob)
    assert retrieve(ftp, "blob") == blob
    assert retrieve(ftp, "blob", rest=1_000_000) == blob[1_000_000:]
    ftp.storbinary("STOR blob", io.BytesIO(b"end again"), rest=len(blob) - 3)
    assert retrieve(ftp, "blob") == blob[:-3] + b"end again"
    ftp.storbinary("APPE log", io.BytesIO(b"one"))
    ftp.storbinary("APPE log", io.BytesIO(b"two"))
    assert retrieve(ftp, "log") == b"onetwo"
    ftp.storbinary("STOR empty", io.BytesIO(b""))
    assert retrieve(ftp, "empty") == b""

    lines = ["first", "", "third with spaces ", "last"]
    ftp.storlines("STOR text", io.BytesIO("".join(f"{l}\n" for l in lines).encode()))
    got = []
    ftp.retrlines("RETR text", got.append)
    assert got == lines, got

    assert sorted(ftp.nlst()) == ["blob", "empty", "log", "text"], ftp.nlst()
    facts = dict(ftp.mlsd(facts=["type", "size", "modify"]))
    assert facts["log"]["type"] == "file" and facts["log"]["size"] == "6", facts
    assert len(facts["log"]["modify"]) >= 14
    listing = []
    ftp.dir(listing.append)
    assert any(l.endswith(" blob") and l.startswith("-rw") for l in listing), listing

    ftp.rename("log", "log.old")
    assert "log.old" in ftp.nlst()
    for name in ["blob", "empty", "log.old", "text"]:
        ftp.delete(name)
    ftp.cwd("..")
    ftp.rmd("lib")
    assert "lib" not in ftp.nlst()
    for refused in (lambda: ftp.cwd("lib"), lambda: ftp.delete("none")):
        try:
            refused()
        except ftplib.error_perm as error:
            assert str(error).startswith("550"), error
        else:
            raise AssertionError("not refused")
    abort(ftp)
    assert ftp.quit().startswith("221")


def retrieve(ftp, name, rest=None):
    parts = []
    ftp.retrbinary(f"RETR {name}", parts.append, rest=rest)
    return b"".join(parts)


def abort(ftp):
    """ABOR as urgent data, as ftplib sends it, during a download."""
    big = os.urandom(1 << 20) * 32
    ftp.storbinary("STOR big", io.BytesIO(big))
    ftp.voidcmd("TYPE I")
    data = ftp.transfercmd("RETR big")
    assert data.recv(1) == big[:1]
    ftp.abort()
    data.close()
    ftp.voidresp()
    ftp.voidcmd("NOOP")
    ftp.delete("big")


if __name__ == "__main__":
    main(*sys.argv[1:])
