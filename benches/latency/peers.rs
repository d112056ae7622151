//! Other FTP servers: where they are installed, and how they are configured to serve a directory.
//!
//! Each serves on loopback, to anonymous clients that may write, without logs and without limits on
//! clients, and otherwise as by default. All but pyftpdlib need root, and change the user at the login.
//! Debian's packages of them conflict: unpack all but one with `dpkg -x`, and put their `usr/sbin` on PATH.
//! Owns their configuration files. Must not know what is measured.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::setup::Setup;
use crate::subject::{Program, free_address};

/// A peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// vsftpd: two processes for each client.
    Vsftpd,
    /// Pure-FTPd: one process for each client, with privilege separation two.
    PureFtpd,
    /// `ProFTPD`: one process for each client.
    Proftpd,
    /// pyftpdlib: one event loop, in Python.
    Pyftpdlib,
}

/// A peer that was found.
pub(crate) struct Installed {
    /// The peer.
    pub(crate) peer: Peer,
    /// Its program, or the Python interpreter that has it.
    pub(crate) program: PathBuf,
}

impl Peer {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 4] =
        [Self::Vsftpd, Self::PureFtpd, Self::Proftpd, Self::Pyftpdlib];

    /// The name on the command line and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::Proftpd => "proftpd",
            Self::Pyftpdlib => "pyftpdlib",
        }
    }

    /// The account with which clients log in. Pure-FTPd has no anonymous account with a directory of its
    /// own, so it gets a virtual user.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::PureFtpd => VIRTUAL_USER,
            _ => "anonymous",
        }
    }
}

const VIRTUAL_USER: &str = "bench";

/// The virtual user's password, `bench@`, in the cheapest form that crypt(3) verifies.
const HASHED_PASSWORD: &str = "$1$bench$pkGa17HcI5wy4r2qBQMRg.";

/// The names of all peers.
pub(crate) fn names() -> [&'static str; 4] {
    Peer::ALL.map(Peer::name)
}

/// Finds the peers whose names are admitted.
pub(crate) fn installed(admits: impl Fn(&str) -> bool) -> Vec<Installed> {
    let admitted = Peer::ALL.into_iter().filter(|peer| admits(peer.name()));
    let found = admitted.filter_map(|peer| {
        let program = match peer {
            Peer::Pyftpdlib => on_path("python3").find(|python| has_pyftpdlib(python)),
            _ => on_path(peer.name()).next(),
        };
        program.map(|program| Installed { peer, program })
    });
    found.collect()
}

/// The programs of a name on PATH, and in the directory where Debian puts servers.
fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    let files = directories.into_iter().map(move |path| path.join(name));
    files.filter(|file| file.is_file())
}

fn has_pyftpdlib(python: &Path) -> bool {
    let import = ["-c", "import pyftpdlib"];
    let status = Command::new(python)
        .args(import)
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The command that starts a peer for an address, with its configuration.
///
/// # Errors
/// `Unsupported` if the peer has no such service.
pub(crate) fn program(
    installed: &Installed,
    address: SocketAddr,
    setup: &Setup<'_>,
) -> io::Result<Program> {
    let files = TempDir::new()?;
    let configuration = Configuration {
        files: files.path(),
        address,
        passive_port: setup
            .one_port
            .then(free_address)
            .transpose()?
            .map(|a| a.port()),
        setup,
    };
    let command = match installed.peer {
        Peer::Vsftpd => configuration.vsftpd(&installed.program),
        Peer::PureFtpd => configuration.pure_ftpd(&installed.program),
        Peer::Proftpd => configuration.proftpd(&installed.program),
        Peer::Pyftpdlib => configuration.pyftpdlib(&installed.program),
    }?;
    let files = Some(files);
    Ok(Program { command, files })
}

struct Configuration<'a> {
    files: &'a Path,
    address: SocketAddr,
    passive_port: Option<u16>,
    setup: &'a Setup<'a>,
}

impl Configuration<'_> {
    fn vsftpd(&self, program: &Path) -> io::Result<Command> {
        let empty = self.files.join("empty");
        fs::create_dir(&empty)?;
        let passive = self.passive_port.map_or_else(String::new, |port| {
            format!("pasv_min_port={port}\npasv_max_port={port}\n")
        });
        let tls = self.setup.identity.map_or_else(String::new, |identity| {
            format!(
                "ssl_enable=YES\nallow_anon_ssl=YES\nforce_local_data_ssl=NO\n\
                 force_local_logins_ssl=NO\nrequire_ssl_reuse=NO\nssl_ciphers=HIGH\n\
                 rsa_cert_file={}\nrsa_private_key_file={}\n",
                identity.certificate().display(),
                identity.key().display()
            )
        });
        let text = format!(
            "listen=YES\nlisten_address={}\nlisten_port={}\nbackground=NO\n\
             anonymous_enable=YES\nlocal_enable=NO\nwrite_enable=YES\nanon_upload_enable=YES\n\
             anon_other_write_enable=YES\nanon_umask=022\nanon_root={}\nftp_username=daemon\n\
             nopriv_user=nobody\nsecure_chroot_dir={}\nxferlog_enable=NO\nmax_clients=0\n\
             max_per_ip=0\n{passive}{tls}",
            self.address.ip(),
            self.address.port(),
            self.setup.root.display(),
            empty.display(),
        );
        let mut command = Command::new(program);
        command.arg(self.write("vsftpd.conf", text.as_bytes())?);
        Ok(command)
    }

    fn pure_ftpd(&self, program: &Path) -> io::Result<Command> {
        let root = self.setup.root.display();
        let user = format!("{VIRTUAL_USER}:{HASHED_PASSWORD}:65534:65534::{root}/./::::::::::::\n");
        let users = self.write("users", user.as_bytes())?;
        let database = self.files.join("users.pdb");
        // Beside the server, or in the `bin` beside its `sbin`.
        let beside = program.with_file_name("../bin/pure-pw");
        let compile = on_path("pure-pw").next().unwrap_or(beside);
        let mut compile = Command::new(compile);
        compile.arg("mkdb").arg(&database).arg("-f").arg(users);
        if !compile.stderr(Stdio::null()).status()?.success() {
            return Err(io::Error::other("pure-pw failed"));
        }
        let mut command = Command::new(program);
        let (host, port) = (self.address.ip(), self.address.port());
        command
            .args(["-S", &format!("{host},{port}")])
            .args(["-l", &format!("puredb:{}", database.display())])
            // Virtual users only, in their directories; no names of clients, and no log.
            .args(["-E", "-A", "-H", "-f", "none"])
            .args(["-c", "1000", "-L", "100000:5"]);
        if let Some(port) = self.passive_port {
            command.args(["-p", &format!("{port}:{port}")]);
        }
        if let Some(identity) = self.setup.identity {
            let both = [fs::read(identity.key())?, fs::read(identity.certificate())?].concat();
            let both = self.write("identity.pem", &both)?;
            command.args(["-Y", "1", "-2"]).arg(both);
        }
        Ok(command)
    }

    fn proftpd(&self, program: &Path) -> io::Result<Command> {
        // Its range has at least two ports.
        if self.passive_port.is_some() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let files = self.files.display();
        let tls = match self.setup.identity {
            None => String::new(),
            Some(identity) => {
                let modules = program.with_file_name("../lib/proftpd");
                if !modules.join("mod_tls.so").exists() {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                format!(
                    "ModulePath {}\nLoadModule mod_tls.c\nTLSEngine on\n\
                     TLSECCertificateFile {}\nTLSECCertificateKeyFile {}\n\
                     TLSOptions NoSessionReuseRequired\nTLSProtocol TLSv1.2 TLSv1.3\n",
                    modules.display(),
                    identity.certificate().display(),
                    identity.key().display()
                )
            }
        };
        let text = format!(
            "{tls}ServerType standalone\nDefaultAddress {}\nSocketBindTight on\nPort {}\n\
             User nobody\nGroup nogroup\nUseIPv6 off\nUseReverseDNS off\nAuthPAM off\n\
             AuthOrder mod_auth_unix.c\nUseFtpUsers off\nWtmpLog off\nTransferLog none\n\
             SystemLog none\nScoreboardFile {files}/scoreboard\nPidFile {files}/pid\n\
             DelayEngine off\nMaxInstances none\nAllowOverwrite on\n\
             <Anonymous {}>\nUser nobody\nGroup nogroup\nUserAlias anonymous nobody\n\
             RequireValidShell off\n<Limit WRITE>\nAllowAll\n</Limit>\n</Anonymous>\n",
            self.address.ip(),
            self.address.port(),
            self.setup.root.display(),
        );
        let mut command = Command::new(program);
        let file = self.write("proftpd.conf", text.as_bytes())?;
        command.args(["-n", "-q", "-c"]).arg(file);
        Ok(command)
    }

    fn pyftpdlib(&self, python: &Path) -> io::Result<Command> {
        let script = self.write("serve.py", include_bytes!("peers.py"))?;
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(self.setup.root)
            .args([
                self.address.ip().to_string(),
                self.address.port().to_string(),
            ])
            .arg(self.passive_port.unwrap_or_default().to_string());
        if let Some(identity) = self.setup.identity {
            command.args([identity.certificate(), identity.key()]);
        }
        Ok(command)
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.files.join(name);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(bytes)?;
        Ok(path)
    }
}
