//! A configuration before validation: the values of the file, overridden by the options.
//!
//! It becomes a [`Config`] if the [table of combinations](super::combinations) finds no mistake.

use log::LevelFilter;

use super::{Config, TlsDraft, combinations};

/// The values of a file over the defaults; options override them.
#[derive(Clone, Debug, Default)]
pub struct ConfigDraft {
    /// Everything except TLS; `config.tls` is not used.
    pub config: Config,
    /// The keys of TLS.
    pub tls: TlsDraft,
    /// The log level, if it is set.
    pub log: Option<LevelFilter>,
}

impl ConfigDraft {
    /// Validates the combination of all keys.
    ///
    /// # Errors
    /// The first mistake, with its position and the remedy.
    pub fn finish(self) -> Result<Config, String> {
        let mistakes = combinations::mistakes(&self.config, &self.tls);
        match mistakes.into_iter().next() {
            Some(first) => Err(first),
            None => Ok(self.assemble()),
        }
    }

    /// As [`finish`](Self::finish), without validation.
    pub(super) fn assemble(self) -> Config {
        let mut config = self.config;
        let is_wanted = self.tls.is_wanted(&config.origins);
        config.tls = is_wanted.then(|| self.tls.finish());
        config
    }
}
