//! Resumed uploads: after an upload was cut, each client asks for the size of the kept part by SIZE and
//! sends the rest by APPE, or by REST and STOR.

use std::fs;
use std::process::{Command, Stdio};

use super::content::blob;
use super::programs::{client, node_with_basic_ftp, perl_with_net_ftp, succeeds};
use super::support::{Server, abort_connection, until};

/// The number of bytes that arrive before the cut.
const KEPT: usize = 123_456;

/// A server with an upload that was cut, and the whole file on the side of the client.
struct CutUpload {
    server: Server,
    here: tempfile::TempDir,
    blob: Vec<u8>,
}

impl CutUpload {
    fn new() -> Self {
        let blob = blob();
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("whole"), &blob).unwrap();
        fs::write(here.path().join("rest"), &blob[KEPT..]).unwrap();
        let server = Server::writable(|_| ());
        let mut control = server.login();
        control.command("TYPE I", 200);
        let mut data = control.passive().stream();
        control.command("STOR up", 150);
        std::io::Write::write_all(&mut data, &blob[..KEPT]).unwrap();
        let count = format!("{KEPT} bytes");
        until("the bytes to be read", || {
            let status = control.command("STAT", 211).lines.concat();
            status.contains(&count).then_some(())
        });
        abort_connection(data);
        control.expect(426);
        Self { server, here, blob }
    }

    fn local(&self, name: &str) -> String {
        self.here.path().join(name).to_str().unwrap().to_owned()
    }

    /// Host and port, as arguments.
    fn address(&self) -> [String; 2] {
        let address = self.server.address();
        [address.ip().to_string(), address.port().to_string()]
    }

    fn expect_complete_after(&self, resuming: &mut Command) {
        succeeds(resuming);
        let stored = fs::read(self.server.file("up")).unwrap();
        assert!(stored == self.blob, "{resuming:?}: {} bytes", stored.len());
        // Only the missing part has been sent; lftp compresses it if it can (MODE Z), so 1% more may be sent.
        let sent = until("the upload in the log", || {
            std::thread::yield_now();
            let log = self.server.log();
            let (_, rest) = log.rsplit_once(" 226 (")?;
            rest.split_once(" bytes")?.0.parse::<usize>().ok()
        });
        let missing = self.blob.len() - KEPT;
        assert!(sent <= missing + missing / 100, "{resuming:?}: {sent}");
    }
}

/// Kills curl in the middle of an upload, and waits until the server has kept the part.
fn kill_during_upload(curl: &mut Command, server: &Server) {
    let mut curl = curl.stderr(Stdio::null()).spawn().unwrap();
    until("some bytes to be stored", || {
        let entries = fs::read_dir(server.root()).unwrap();
        let sizes = entries.map(|entry| entry.unwrap().metadata().map_or(0, |file| file.len()));
        std::thread::yield_now();
        (sizes.sum::<u64>() > 0).then_some(())
    });
    curl.kill().unwrap();
    curl.wait().unwrap();
    until("the bytes to be kept", || {
        let kept = fs::metadata(server.file("up")).ok()?;
        (kept.len() > 0).then_some(())
    });
}

#[test]
fn curl_resumes_after_it_was_killed() {
    if client("curl").is_none() {
        return;
    }
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let local = here.path().join("local");
    fs::write(&local, &blob).unwrap();
    for offset in ["-", "size"] {
        let server = Server::writable(|_| ());
        let url = format!("ftp://{}/up", server.address());
        // Not by `timeout`, which would be killed instead of curl.
        let mut slow = Command::new("curl");
        slow.args(["--silent", "--disable", "--limit-rate", "50k", "-T"]);
        kill_during_upload(slow.arg(&local).arg(&url), &server);
        let kept = fs::metadata(server.file("up")).unwrap().len();
        assert!(kept < blob.len() as u64);
        let from = if offset == "-" {
            "-".to_owned()
        } else {
            kept.to_string()
        };
        let mut curl = client("curl").unwrap();
        curl.args(["--silent", "--show-error", "-C", &from, "-T"]);
        succeeds(curl.arg(&local).arg(&url));
        assert!(fs::read(server.file("up")).unwrap() == blob, "from {from}");
        assert_eq!(server.names(), ["up"]);
        // Nothing is left to send.
        let mut again = client("curl").unwrap();
        again.args(["--silent", "--show-error", "-C", "-", "-T"]);
        succeeds(again.arg(&local).arg(&url));
        assert!(fs::read(server.file("up")).unwrap() == blob);
    }
}

#[test]
fn curl_resumes() {
    for arguments in [
        ["-C", "-", "whole"],
        ["-C", "123456", "whole"],
        ["--append", "-s", "rest"],
    ] {
        let cut = CutUpload::new();
        let Some(mut curl) = client("curl") else {
            return;
        };
        let [first, second, local] = arguments;
        let url = format!("ftp://{}/up", cut.server.address());
        let curl = curl.args(["--silent", "--show-error", first, second, "-T"]);
        cut.expect_complete_after(curl.arg(cut.local(local)).arg(url));
    }
}

#[test]
fn lftp_resumes() {
    for command in ["put -c", "reput"] {
        let cut = CutUpload::new();
        let Some(mut lftp) = client("lftp") else {
            return;
        };
        let script = format!(
            "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; open ftp://{}; \
             {command} {} -o up; bye",
            cut.server.address(),
            cut.local("whole"),
        );
        cut.expect_complete_after(lftp.args(["--norc", "-c", &script]));
    }
}

/// Resumes with an interpreter; its arguments end with the host, the port and the whole file.
fn resume_with(mut interpreter: Command, arguments: &[&str]) {
    let cut = CutUpload::new();
    interpreter.args(arguments).args(cut.address());
    cut.expect_complete_after(interpreter.arg(cut.local("whole")));
}

#[test]
fn php_resumes() {
    let Some(php) = client("php") else {
        return;
    };
    let program = "[, $host, $port, $local] = $argv; $ftp = ftp_connect($host, (int) $port, 20); \
        $done = ftp_login($ftp, 'anonymous', 'x') && ftp_pasv($ftp, true) \
            && ftp_put($ftp, 'up', $local, FTP_BINARY, FTP_AUTORESUME) && ftp_close($ftp); \
        exit($done ? 0 : 1);";
    resume_with(php, &["-r", program]);
}

#[test]
fn net_ftp_resumes() {
    for (offset, call) in [("", "append"), ("$ftp->restart($size);", "put")] {
        let Some(perl) = perl_with_net_ftp() else {
            return;
        };
        let program = format!(
            "my ($host, $port, $local) = @ARGV; \
             my $ftp = Net::FTP->new($host, Port => $port, Timeout => 20) or die $@; \
             $ftp->login or die; $ftp->binary; my $size = $ftp->size('up'); \
             open(my $file, '<', $local) or die; seek($file, $size, 0); {offset} \
             $ftp->{call}($file, 'up') or die $ftp->message; $ftp->quit or die;"
        );
        resume_with(perl, &["-MNet::FTP", "-e", &program]);
    }
}

#[test]
fn basic_ftp_resumes() {
    let Some(node) = node_with_basic_ftp() else {
        return;
    };
    let program = "const { Client } = require('basic-ftp'); \
        const [host, port, local] = process.argv.slice(1); \
        (async () => { \
            const ftp = new Client(20000); \
            await ftp.access({ host, port: Number(port) }); \
            await ftp.appendFrom(local, 'up', { localStart: await ftp.size('up') }); \
            await ftp.send('QUIT'); ftp.close(); \
        })().catch((error) => { console.error(error); process.exit(1); });";
    resume_with(node, &["-e", program]);
}
