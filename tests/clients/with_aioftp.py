"""Exercises aioftp against a server. Arguments: HOST PORT UPLOAD-TREE DOWNLOAD-DIRECTORY [KIND].

KIND is explicit or implicit TLS, with any certificate; without it the session is in plaintext.

Raises an exception on failure, and prints nothing on success. Leaves only /tree on the server.
"""

import asyncio
import ssl
import sys

import aioftp

# Every byte, over several buffers, with the ends of blocks at odd places.
BLOB = bytes(range(256)) * 4099 + b"end"


async def main(host, port, up, down, kind=None):
    tls = ssl._create_unverified_context()
    ftp = aioftp.Client(socket_timeout=20, ssl=tls if kind == "implicit" else None)
    await ftp.connect(host, int(port))
    if kind == "explicit":
        await ftp.upgrade_to_tls(tls)
    await ftp.login("anonymous", "tests@example.org")
    assert str(await ftp.get_current_directory()) == "/"
    await files(ftp)
    await abort(ftp)
    await ftp.upload(up, "tree", write_into=True)
    await ftp.download("tree", down, write_into=True)
    await ftp.quit()


async def files(ftp):
    await ftp.make_directory("/aio/deep")
    await ftp.change_directory("/aio/deep")
    async with ftp.upload_stream("blob") as stream:
        await stream.write(BLOB)
    assert await retrieve(ftp, "blob") == BLOB
    assert await retrieve(ftp, "blob", offset=1_000_000) == BLOB[1_000_000:]
    async with ftp.append_stream("blob") as stream:
        await stream.write(b"more")
    assert await retrieve(ftp, "blob", offset=len(BLOB)) == b"more"
    async with ftp.upload_stream("blob", offset=len(BLOB) - 3) as stream:
        await stream.write(b"END")
    assert await retrieve(ftp, "blob", offset=len(BLOB) - 3) == b"ENDmore"

    size = str(len(BLOB) + 4)
    assert (await ftp.stat("/aio/deep/blob"))["size"] == size
    for raw_command in ["MLSD", "LIST"]:
        listed = await ftp.list("/aio", recursive=True, raw_command=raw_command)
        found = {str(path): facts for path, facts in listed}
        assert set(found) == {"/aio/deep", "/aio/deep/blob"}, found
        assert found["/aio/deep"]["type"] == "dir", found
        assert found["/aio/deep/blob"]["size"] == size, found

    await ftp.rename("/aio/deep/blob", "/aio/moved blob")
    assert not await ftp.exists("/aio/deep/blob")
    assert await ftp.is_file("/aio/moved blob")
    await ftp.change_directory("/")
    await ftp.remove("/aio")
    assert not await ftp.exists("/aio")


async def retrieve(ftp, name, offset=0):
    async with ftp.download_stream(name, offset=offset) as stream:
        return await stream.read()


async def abort(ftp):
    """ABOR during a download that is larger than all buffers."""
    async with ftp.upload_stream("big") as stream:
        await stream.write(bytes(32 << 20))
    stream = await ftp.download_stream("big")
    assert await stream.read(10) == bytes(10)
    await ftp.abort()
    stream.close()
    await ftp.command("NOOP", "2xx")
    await ftp.remove_file("big")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
