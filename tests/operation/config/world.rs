//! A temporary directory with a configuration file and the files that it names; starts servers with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::support::{Server, Starter, binary, mioftpd, use_common_umask};

/// A directory with `config.toml`, and the served directory `root`.
pub(crate) struct World {
    directory: TempDir,
}

impl World {
    /// A root with the file `f`, and no configuration yet.
    pub(crate) fn new() -> Self {
        use_common_umask();
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        fs::write(directory.path().join("root/f"), "content").unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// Writes the configuration: `text`, plus a directory, a listen address and a writable anonymous
    /// account, unless `text` sets them.
    pub(crate) fn write(&self, text: &str) {
        let mut all = String::new();
        for (name, usual) in [("directory", "\"root\""), ("listen", "\"127.0.0.1:0\"")] {
            let before_tables = text.lines().take_while(|line| !line.starts_with('['));
            if !before_tables.into_iter().any(|line| line.starts_with(name)) {
                all.extend([name, " = ", usual, "\n"]);
            }
        }
        all.push_str(text);
        if !text.contains("[[account]]") {
            all.push_str("\n[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n");
        }
        // An atomic rename: a concurrent reload reads the old or the new file.
        fs::write(self.path("new"), all).unwrap();
        fs::rename(self.path("new"), self.file()).unwrap();
    }

    /// Starts a server with the configuration file and nothing else.
    pub(crate) fn start(&self, text: &str) -> Server {
        self.write(text);
        let file = self.file().into_os_string();
        Starter::default()
            .program([binary(), "--config".into(), file])
            .start()
    }

    /// The same with a relative path, from the directory of the file.
    pub(crate) fn start_beside(&self, text: &str) -> Server {
        self.write(text);
        let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\""].map(Into::into);
        let program = [binary(), "--config".into(), "config.toml".into()];
        let words = shell.into_iter().chain([self.path("").into_os_string()]);
        Starter::default().program(words.chain(program)).start()
    }

    /// Runs the program until it exits.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let file = self.file();
        let own = ["--config", file.to_str().unwrap()];
        mioftpd(own.iter().chain(arguments)).output().unwrap()
    }
}

/// The output of a program as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
