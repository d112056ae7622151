"""Exercises ftputil against a server. Arguments: HOST PORT UPLOAD-TREE.

ftputil has the interface of Python's os module, based on the output of LIST. Raises an exception on failure, and
prints nothing on success. Leaves nothing on the server.
"""

import ftplib
import os
import sys
import time

import ftputil
import ftputil.error

# Every byte, over several buffers.
BLOB = bytes(range(256)) * 4099 + b"end"


class Session(ftplib.FTP):
    def __init__(self, host, port):
        super().__init__(timeout=20, encoding="utf-8")
        self.connect(host, int(port))
        self.login()


def main(host, port, up):
    with ftputil.FTPHost(host, port, session_factory=Session) as ftp:
        ftp.makedirs("/util/deep ä")
        ftp.makedirs("/util/deep ä", exist_ok=True)
        ftp.chdir("/util")
        assert ftp.getcwd() == "/util" and ftp.listdir("deep ä") == []
        ftp.synchronize_times()
        assert abs(ftp.time_shift()) < 60, ftp.time_shift()
        files(ftp)
        tree(ftp, up)
        ftp.chdir("/")
        ftp.rmtree("util")
        assert ftp.listdir("/") == []


def files(ftp):
    with ftp.open("blob", "wb") as remote:
        remote.write(BLOB)
    with ftp.open("blob", "rb") as remote:
        assert remote.read() == BLOB
    with ftp.open("blob", "rb", rest=1_000_000) as remote:
        assert remote.read() == BLOB[1_000_000:]
    with ftp.open("text", "w", encoding="utf-8", newline="\n") as remote:
        remote.write("one\ntwo ä\n")
    with ftp.open("text", "r", encoding="utf-8") as remote:
        assert list(remote) == ["one\n", "two ä\n"]
    assert ftp.path.getsize("text") == 11
    assert ftp.path.isfile("blob") and ftp.path.isdir("deep ä") and not ftp.path.exists("none")
    status = ftp.stat("blob")
    assert status.st_size == len(BLOB) and abs(status.st_mtime - time.time()) < 3600
    ftp.chmod("blob", 0o640)
    assert ftp.stat("blob").st_mode & 0o777 == 0o640
    ftp.rename("blob", "deep ä/moved blob")
    assert ftp.path.exists("deep ä/moved blob") and not ftp.path.exists("blob")
    calls = (lambda: ftp.open("none", "rb"), lambda: ftp.remove("none"), lambda: ftp.rmdir("deep ä"))
    for refused in calls:
        try:
            refused()
        except (ftputil.error.FTPOSError, ftputil.error.FTPIOError):
            continue
        raise AssertionError("not refused")


def tree(ftp, up):
    """Uploads every file; walk must find the same tree as on the disk."""
    for folder, _, names in os.walk(up):
        there = ftp.path.join("/util/tree", os.path.relpath(folder, up))
        ftp.makedirs(there, exist_ok=True)
        for name in names:
            assert ftp.upload_if_newer(os.path.join(folder, name), ftp.path.join(there, name))
    assert walked(ftp.walk("/util/tree"), "/util/tree") == walked(os.walk(up), up)


def walked(steps, top):
    return {os.path.relpath(at, top): (set(dirs), set(names)) for at, dirs, names in steps}


if __name__ == "__main__":
    main(*sys.argv[1:])
