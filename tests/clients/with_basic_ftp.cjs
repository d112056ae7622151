// Exercises basic-ftp against a server. Arguments: HOST PORT UPLOAD-TREE DOWNLOAD-DIRECTORY, and for TLS
// explicit|implicit.
// Throws an exception on failure, and prints nothing on success. Leaves only /tree on the server.

const assert = require("assert");
const { Readable, Writable } = require("stream");
const { Client, FTPError } = require("basic-ftp");

// Every byte, over several buffers.
const BLOB = Buffer.alloc(1_049_347, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));

async function main(host, port, up, down, tls) {
  const ftp = new Client(20_000);
  await ftp.access({
    host,
    port: Number(port),
    user: "anonymous",
    password: "tests@example.org",
    secure: tls === "implicit" ? "implicit" : tls === "explicit",
    secureOptions: { rejectUnauthorized: false },
  });
  assert.equal(await ftp.pwd(), "/");
  assert((await ftp.features()).has("MLST"));
  await files(ftp);
  await ftp.uploadFromDir(up, "tree");
  await ftp.downloadToDir(down, "tree");
  ftp.close();
}

async function files(ftp) {
  await ftp.ensureDir("/js/deep");
  await ftp.uploadFrom(Readable.from([BLOB]), "blob");
  assert.equal(await ftp.size("blob"), BLOB.length);
  assert((await ftp.lastMod("blob")) instanceof Date);
  assert(BLOB.equals(await retrieve(ftp, "blob")));
  assert(BLOB.subarray(1_000_000).equals(await retrieve(ftp, "blob", 1_000_000)));
  await ftp.appendFrom(Readable.from([Buffer.from("more")]), "blob");
  assert.equal((await retrieve(ftp, "blob", BLOB.length)).toString(), "more");

  for (const command of ["MLSD", "LIST -a", "LIST"]) {
    ftp.availableListCommands = [command];
    const [file] = await ftp.list();
    assert.equal(file.name, "blob", command);
    assert.equal(file.size, BLOB.length + 4, command);
    assert(file.isFile, command);
  }
  await ftp.uploadFrom(Readable.from([Buffer.from("x")]), "small ü");
  assert.equal((await retrieve(ftp, "small ü")).toString(), "x");
  await ftp.rename("blob", "/js/moved blob");
  const refused = (error) => error instanceof FTPError && error.code === 550;
  for (const call of [
    () => ftp.size("blob"),
    () => ftp.lastMod("blob"),
    () => retrieve(ftp, "blob"),
    () => ftp.remove("blob"),
    () => ftp.rename("blob", "other"),
    () => ftp.cd("none"),
    () => ftp.removeEmptyDir("/js"),
  ]) {
    await assert.rejects(call(), refused);
  }
  assert.equal((await ftp.remove("blob", true)).code, 550);
  // An existing directory is no error.
  await ftp.ensureDir("/js/deep");
  await ftp.cdup();
  assert.equal(await ftp.pwd(), "/js");
  await ftp.clearWorkingDir();
  assert.deepEqual(await ftp.list(), []);
  await ftp.cd("/");
  await ftp.removeEmptyDir("js");
  assert.deepEqual(await ftp.list(), []);
}

async function retrieve(ftp, name, from = 0) {
  const parts = [];
  const sink = new Writable({
    write(part, _encoding, done) {
      parts.push(part);
      done();
    },
  });
  await ftp.downloadTo(sink, name, from);
  return Buffer.concat(parts);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
