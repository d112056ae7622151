"""Imitates FluentFTP (.NET) against a server. Arguments: HOST PORT.

FluentFTP decides by reply codes, and where servers differ by words in the text. This script sends the commands of
each of its calls in the same order, and looks for the same words and patterns. Raises an exception on failure, and
prints nothing on success. Leaves nothing on the server.
"""

import re
import socket
import sys
import zlib

# Any of these in a 5xx reply to MKD, in any letter case: the directory exists.
FOLDER_EXISTS = [
    "exist on server", "exists on server", "file exist", "directory exist", "folder exist",
    "file already exist", "directory already exist", "folder already exist",
]
# Any of these in the refusal of a download: the file does not exist (a separate exception).
FILE_NOT_FOUND = [
    "can't find file", "can't check for file existence", "does not exist", "failed to open file",
    "not found", "no such file", "couldn't open the file", "cannot find", "can't get file",
    "could not get file", "cannot get file", "not a regular file", "file unavailable",
    "file is unavailable", "file not unavailable", "file is not available", "no files found",
    "no file found", "can't find the path", "could not find the path", "file doesnot exist",
]


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


def has_any(text, phrases):
    return any(phrase in text.lower() for phrase in phrases)


class Client:
    def __init__(self, host, port):
        self.host = host
        self.socket = socket.create_connection((host, port), 20)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\r\n")
        assert self.reply()[0] == "220"
        assert self.execute("USER anonymous")[0] in ("230", "331")
        assert self.execute("PASS anonymous")[0] == "230"
        code, _, features = self.execute("FEAT")
        assert code == "211"
        self.features = [line.strip().upper() for line in features]
        assert self.execute("OPTS UTF8 ON")[0][0] == "2"
        assert "UNIX" in self.execute("SYST")[1].upper()
        self.type = None

    def reply(self):
        """Code, text, and the lines in between."""
        between = []
        for line in self.lines:
            line = line.rstrip("\r\n")
            last = re.match(r"^([0-9]{3}) (.*)$", line)
            if last:
                return last[1], last[2], between[1:]
            between.append(line)
        raise EOFError

    def execute(self, command):
        self.socket.sendall(f"{command}\r\n".encode())
        return self.reply()

    def has(self, feature):
        return any(line.startswith(feature) for line in self.features)

    def must(self, command):
        code, text, between = self.execute(command)
        if code[0] not in "123":
            raise Refused(code, text)
        return text, between

    def set_type(self, letter):
        if self.type != letter:
            self.must(f"TYPE {letter}")
            self.type = letter

    def open_data(self, command, restart=0):
        text, _ = self.must("EPSV")
        port = re.search(r"\([!|][!|][!|]([0-9]+)[!|]\)", text)[1]
        data = socket.create_connection((self.host, int(port)), 20)
        try:
            if restart:
                self.must(f"REST {restart}")
            self.must(command)
        except Refused:
            data.close()
            raise
        return data

    def receive(self, command, restart=0):
        data = self.open_data(command, restart)
        received = data.makefile("rb").read()
        data.close()
        assert self.reply()[0] == "226"
        return received

    # The calls of the library.

    def working_directory(self):
        return re.search('"(.*)"', self.must("PWD")[0])[1]

    def directory_exists(self, path):
        pwd = self.working_directory()
        if self.execute(f"CWD {path}")[0][0] != "2":
            return False
        assert self.execute(f"CWD {pwd}")[0][0] == "2", "not back again"
        return True

    def create_directory(self, path):
        """Whether the directory was created; False if it exists."""
        parent = path.rpartition("/")[0]
        if parent and not self.directory_exists(parent):
            self.create_directory(parent)
        code, text, _ = self.execute(f"MKD {path}")
        if code[0] == "2":
            return True
        if code == "550" or code[0] == "5" and has_any(text, FOLDER_EXISTS):
            return False
        raise Refused(code, text)

    def size_reply(self, path):
        code, text, between = self.execute(f"SIZE {path}")
        if code == "550" and "ascii" in text.lower():
            self.set_type("I")
            return self.execute(f"SIZE {path}")
        return code, text, between

    def size(self, path):
        code, text, _ = self.size_reply(path)
        return int(text) if code[0] == "2" else -1

    def file_exists(self, path):
        for feature, ask in (("SIZE", self.size_reply), ("MDTM", lambda path: self.execute(f"MDTM {path}"))):
            if self.has(feature):
                code = ask(path)[0]
                if code[0] == "2":
                    return True
                if code == "550":
                    return False
        return path in self.names(path.rpartition("/")[0])

    def names(self, path):
        listed = self.receive(f"NLST {path}").decode().splitlines()
        return [name if name.startswith("/") else f"{path}/{name}" for name in listed]

    def upload(self, content, path, mode):
        """Modes Skip, Overwrite, Resume: whether anything was sent."""
        position = 0
        exists = self.file_exists(path)
        if exists and mode == "Skip":
            return False
        if exists and mode == "Overwrite":
            self.must(f"DELE {path}")
        if exists and mode == "Resume":
            position = self.size(path)
            if position == len(content):
                return False
        parent = path.rpartition("/")[0]
        if not exists and not self.directory_exists(parent):
            self.create_directory(parent)
        self.set_type("I")
        data = self.open_data(f"{'APPE' if position else 'STOR'} {path}")
        data.sendall(content[position:])
        data.close()
        assert self.reply()[0] == "226"
        return True

    def download(self, path, restart=0):
        """None if the library takes the file for missing."""
        self.set_type("I")
        try:
            return self.receive(f"RETR {path}", restart)
        except Refused as refused:
            if has_any(refused.text, FILE_NOT_FOUND):
                return None
            raise

    def parsed(self, line):
        kind = re.search("type=(.+?);", line, re.I)[1].lower()
        name = re.search("; (.*)$", line)[1]
        size = re.search("size=([0-9]+);", line, re.I)
        modified = re.search("modify=(.+?);", line, re.I)[1]
        assert re.fullmatch(r"\d{14}(\.\d{1,3})?", modified), modified
        return kind, name, int(size[1]) if size else None

    def listing(self, path):
        lines = self.receive(f"MLSD {path}").decode().splitlines()
        items = [self.parsed(line) for line in lines]
        return [item for item in items if item[0] not in ("cdir", "pdir")]

    def recursive(self, path):
        found = []
        for kind, name, size in self.listing(path):
            found.append((kind, f"{path}/{name}", size))
            if kind == "dir":
                found += self.recursive(f"{path}/{name}")
        return sorted(found)

    def object_info(self, path):
        code, _, between = self.execute(f"MLST {path}")
        return self.parsed("".join(between)) if code[0] == "2" else None

    def checksum(self, path):
        """By the first algorithm of FEAT that has a command of its own, or HASH."""
        offered = [line for line in self.features if line.startswith("HASH ")]
        if offered:
            names = [name.rstrip("*") for name in offered[0].split()[1].split(";")]
            self.must(f"OPTS HASH {names[0]}")
            found = re.match(r"^(\S+)(?: \d+-\d+)? (\S+)", self.must(f"HASH {path}")[0])
            assert found[1].upper() == names[0], found[0]
        if self.has("XCRC"):
            words = self.must(f"XCRC {path}")[0].split()
            return int(words[-1], 16)
        return None

    def move(self, path, target, mode):
        if not self.file_exists(path):
            return False
        if self.file_exists(target):
            if mode == "Skip":
                return False
            self.must(f"DELE {target}")
        self.must(f"RNFR {path}")
        self.must(f"RNTO {target}")
        return True

    def delete_directory(self, path):
        for kind, name, _ in self.listing(path):
            if kind == "dir":
                self.delete_directory(f"{path}/{name}")
            else:
                self.must(f"DELE {path}/{name}")
        self.must(f"RMD {path}")


def main(host, port):
    ftp = Client(host, int(port))
    blob = bytes(range(256)) * 4099 + b"end"
    directories(ftp)
    uploads(ftp, blob)
    downloads(ftp, blob)
    facts(ftp, blob)
    moves(ftp)
    ftp.delete_directory("/net")
    assert not ftp.directory_exists("/net")
    assert ftp.names("") == []
    assert ftp.execute("QUIT")[0] == "221"


def directories(ftp):
    assert ftp.create_directory("/net/deep ä/er")
    assert not ftp.create_directory("/net/deep ä/er")
    assert ftp.directory_exists("/net/deep ä") and not ftp.directory_exists("/net/none")
    assert ftp.working_directory() == "/"
    # For an existing directory or file: 550, and words that the library knows.
    ftp.upload(b"x", "/net/file", "Overwrite")
    for path in ("/net/deep ä", "/net/file"):
        code, text, _ = ftp.execute(f"MKD {path}")
        assert code == "550" and has_any(text, FOLDER_EXISTS), f"{code} {text}"


def uploads(ftp, blob):
    assert ftp.upload(blob, "/net/new/deep/blob", "Skip")
    assert not ftp.upload(b"other", "/net/new/deep/blob", "Skip")
    assert ftp.size("/net/new/deep/blob") == len(blob)
    assert ftp.upload(blob[:77_777], "/net/part", "Overwrite")
    assert ftp.upload(blob, "/net/part", "Resume")
    assert not ftp.upload(blob, "/net/part", "Resume")
    assert ftp.download("/net/part") == blob
    assert ftp.upload(b"short", "/net/part", "Overwrite")
    assert ftp.download("/net/part") == b"short"


def downloads(ftp, blob):
    assert ftp.download("/net/new/deep/blob", 1_000_000) == blob[1_000_000:]
    for missing in ("/net/none", "/none/none", "/net/new", "/net/file/below"):
        assert ftp.download(missing) is None, missing
    # SIZE in ASCII mode has the size, or a refusal with the reason.
    ftp.set_type("A")
    assert ftp.size("/net/new/deep/blob") == len(blob)
    assert ftp.file_exists("/net/file") and not ftp.file_exists("/net/none")


def facts(ftp, blob):
    assert ftp.recursive("/net") == sorted([
        ("dir", "/net/deep ä", None), ("dir", "/net/deep ä/er", None), ("file", "/net/file", 1),
        ("dir", "/net/new", None), ("dir", "/net/new/deep", None),
        ("file", "/net/new/deep/blob", len(blob)), ("file", "/net/part", 5),
    ]), ftp.recursive("/net")
    assert sorted(ftp.names("/net/new")) == ["/net/new/deep"]
    # The name is the whole path or its last component.
    kind, name, size = ftp.object_info("/net/new/deep/blob")
    assert (kind, name.rpartition("/")[2], size) == ("file", "blob", len(blob))
    assert ftp.object_info("/net/none") is None
    assert ftp.checksum("/net/new/deep/blob") in (None, zlib.crc32(blob))
    for command in ("MFMT", "MDTM"):
        assert ftp.has(command)
        ftp.must(f"{command} 20200102030405 /net/file")
        assert ftp.must("MDTM /net/file")[0] == "20200102030405"
    ftp.must("SITE CHMOD 640 /net/file")


def moves(ftp):
    assert not ftp.move("/net/none", "/net/other", "Overwrite")
    assert not ftp.move("/net/file", "/net/part", "Skip")
    assert ftp.move("/net/file", "/net/part", "Overwrite")
    assert ftp.size("/net/part") == 1 and not ftp.file_exists("/net/file")


if __name__ == "__main__":
    main(*sys.argv[1:])
