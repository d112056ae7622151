//! A directory with a configuration, what it serves, and what it names; and a server for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::support::{Server, Starter, binary, mioftpd};

/// Where a configuration is, and beside it `root`, which it serves.
pub(crate) struct World {
    directory: TempDir,
}

impl World {
    /// With a file `f` in the root, and a configuration that lets anonymous clients write.
    pub(crate) fn new() -> Self {
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

    /// Writes the configuration: `text`, and what every test needs and `text` does not say.
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
        // By rename, as careful programs do it: no reader sees half of it.
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

    /// The same from within the directory of the file, which has no other name then.
    pub(crate) fn start_beside(&self, text: &str) -> Server {
        self.write(text);
        let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\""].map(Into::into);
        let program = [binary(), "--config".into(), "config.toml".into()];
        let words = shell.into_iter().chain([self.path("").into_os_string()]);
        Starter::default().program(words.chain(program)).start()
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let file = self.file();
        let own = ["--config", file.to_str().unwrap()];
        mioftpd(own.iter().chain(arguments)).output().unwrap()
    }
}

/// The text of an output.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
