// Exercises node's package ftp against a server. Arguments: HOST PORT. The package supports IPv4 only, and
// decodes listings as latin1.
// Throws an exception on failure, and prints nothing on success. Leaves nothing on the server.

const assert = require("assert");
const Client = require("ftp");

// Every byte, over several buffers.
const BLOB = Buffer.alloc(1_049_347, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));

/** A client whose calls are promises. */
async function connected(host, port) {
  const ftp = new Client();
  await new Promise((ready, failed) => {
    ftp.once("ready", ready);
    ftp.once("error", failed);
    ftp.connect({ host, port: Number(port), connTimeout: 20_000, pasvTimeout: 20_000 });
  });
  const call = (name, ...given) =>
    new Promise((done, failed) => {
      ftp[name](...given, (error, ...results) => (error ? failed(error) : done(results[0])));
    });
  return { ftp, call };
}

async function fetched(call, name) {
  const stream = await call("get", name);
  const parts = [];
  stream.on("data", (part) => parts.push(part));
  await new Promise((done, failed) => {
    stream.once("close", done);
    stream.once("error", failed);
  });
  return Buffer.concat(parts);
}

async function main(host, port) {
  const { ftp, call } = await connected(host, port);
  const refused = (code) => (error) => error.code === code;
  assert.equal(await call("pwd"), "/");
  assert.match(await call("system"), /^UNIX/);
  await call("mkdir", "/node ftp/deep/er", true);
  await call("mkdir", "/node ftp/deep", true);
  await assert.rejects(call("mkdir", "/node ftp"), refused(550));
  await call("cwd", "/node ftp");
  assert.deepEqual(await call("list", "deep/er"), []);

  await call("put", BLOB, "blob");
  assert.equal(await call("size", "blob"), BLOB.length);
  assert(Math.abs((await call("lastMod", "blob")) - Date.now()) < 26 * 3_600_000);
  assert(BLOB.equals(await fetched(call, "blob")));
  await call("restart", 1_000_000);
  assert(BLOB.subarray(1_000_000).equals(await fetched(call, "blob")));
  await call("put", BLOB.subarray(0, 77_777), "part one");
  await call("append", BLOB.subarray(77_777), "part one");
  assert(BLOB.equals(await fetched(call, "part one")));
  await call("put", Buffer.alloc(0), "empty");
  assert.equal((await fetched(call, "empty")).length, 0);
  await call("ascii");
  await call("put", Buffer.from("one\r\ntwo\r\n"), "text");
  assert.equal((await fetched(call, "text")).toString(), "one\r\ntwo\r\n");
  await call("binary");
  assert.equal(await call("size", "text"), 8);

  const found = Object.fromEntries((await call("list")).map((entry) => [entry.name, entry]));
  assert.deepEqual(Object.keys(found).sort(), ["blob", "deep", "empty", "part one", "text"]);
  assert.equal(found.deep.type, "d");
  assert.equal(found.blob.type, "-");
  assert.equal(found.blob.size, BLOB.length);
  assert(Math.abs(found.blob.date - Date.now()) < 26 * 3_600_000);
  assert.equal(found["part one"].rights.user, "rw");
  assert((await call("status")).length > 0);
  await call("site", "CHMOD 640 blob");

  await call("rename", "part one", "deep/moved part");
  await assert.rejects(call("get", "part one"), refused(550));
  await assert.rejects(call("delete", "part one"), refused(550));
  await assert.rejects(call("cwd", "none"), refused(550));
  await assert.rejects(call("rmdir", "deep"), refused(550));
  await call("cdup");
  assert.equal(await call("pwd"), "/");
  await call("rmdir", "/node ftp", true);
  assert.deepEqual(await call("list"), []);
  ftp.end();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
