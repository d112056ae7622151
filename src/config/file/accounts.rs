//! `[[account]]`: who may log in, in the file.
//!
//! Each has a name; `anonymous` takes any password, every other has one, in a file that is read
//! with this one. Where accounts are written they are all that there are.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Wrong;
use super::value::{Bad, Value, Written, quoted};
use crate::auth::{Accounts, Credentials, Rights, is_anonymous};

/// What may be written in one.
const NAMES: &str = "name, password-file, permissions";

/// One that is read.
pub(super) struct Draft {
    at: usize,
    name: Option<String>,
    password_file: Option<PathBuf>,
    rights: Option<Rights>,
}

impl Value for Rights {
    const TAKES: &'static str = "\"read\" or \"write\"";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        match written.value.as_str() {
            Some("read") => Ok(Self::Read),
            Some("write") => Ok(Self::ReadWrite),
            _ => Err(Bad::Other),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(if self.may_write() { "write" } else { "read" }))
    }
}

impl Draft {
    pub(super) fn read(one: &Spanned<DeValue<'_>>, directory: &Path) -> Result<Self, Wrong> {
        let at = one.span().start;
        let Some(table) = one.get_ref().as_table() else {
            let text = "account is written as [[account]]".to_owned();
            return Err(Wrong { at, text });
        };
        let mut draft = Self {
            at,
            name: None,
            password_file: None,
            rights: None,
        };
        for (name, value) in table {
            let written = Written {
                value: value.get_ref(),
                directory,
            };
            let name_at = name.span().start;
            let name = name.get_ref().as_ref();
            let place = value.span().start;
            match name {
                "name" => set(&mut draft.name, name, written, place)?,
                "password-file" => set(&mut draft.password_file, name, written, place)?,
                "permissions" => set(&mut draft.rights, name, written, place)?,
                _ => {
                    let text = format!("no such key: account.{name}; [[account]] has {NAMES}");
                    return Err(Wrong { at: name_at, text });
                }
            }
        }
        Ok(draft)
    }
}

fn set<T: Value>(
    place: &mut Option<T>,
    name: &str,
    written: Written<'_>,
    at: usize,
) -> Result<(), Wrong> {
    let read = T::read(written).map_err(|bad| match bad {
        Bad::Other => format!("account.{name} takes {}", T::TAKES),
        Bad::Because(why) => format!("account.{name}: {why}"),
    });
    *place = Some(read.map_err(|text| Wrong { at, text })?);
    Ok(())
}

/// All that are written.
pub(super) fn all(drafts: Vec<Draft>, sources: &mut Vec<PathBuf>) -> Result<Accounts, Wrong> {
    let mut accounts = Accounts::default();
    for draft in drafts {
        let at = draft.at;
        sources.extend(draft.password_file.clone());
        add(&mut accounts, draft).map_err(|text| Wrong { at, text })?;
    }
    Ok(accounts)
}

fn add(accounts: &mut Accounts, draft: Draft) -> Result<(), String> {
    let name = draft.name.ok_or("account needs a name")?;
    let rights = draft.rights.unwrap_or(Rights::Read);
    if is_anonymous(name.as_bytes()) {
        if draft.password_file.is_some() {
            return Err(format!(
                "account {name} takes any password: leave password-file out"
            ));
        }
        if accounts.anonymous.replace(rights).is_some() {
            return Err(format!("account {name} is there twice"));
        }
        return Ok(());
    }
    let file = draft
        .password_file
        .ok_or_else(|| format!("account {name} needs password-file = \"FILE\""))?;
    if !rights.may_write() {
        return Err(format!("account {name} takes permissions = \"write\" only"));
    }
    let password = first_line(&file)?;
    let named = Credentials {
        name: name.clone().into_bytes(),
        password,
    };
    if accounts.named.replace(named).is_some() {
        return Err(format!(
            "account {name} is one too many: there may be one beside anonymous"
        ));
    }
    Ok(())
}

/// The password that a file holds.
fn first_line(file: &Path) -> Result<Vec<u8>, String> {
    let shown = file.display();
    let text = fs::read(file).map_err(|error| format!("account.password-file {shown}: {error}"))?;
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(format!(
            "account.password-file {shown}: the password is empty"
        ));
    }
    Ok(line.to_vec())
}

/// As TOML, without passwords.
pub(super) fn show(accounts: &Accounts) -> String {
    let mut text = String::new();
    let mut add = |name: &[u8], rights: Rights, comment: &str| {
        let name = quoted(&String::from_utf8_lossy(name));
        let permissions = rights.show().unwrap_or_default();
        text.extend(["\n[[account]]\nname = ", &name, "\npermissions = "]);
        text.extend([permissions.as_str(), "\n", comment]);
    };
    if let Some(rights) = accounts.anonymous {
        add(b"anonymous", rights, "");
    }
    if let Some(named) = &accounts.named {
        add(
            &named.name,
            Rights::ReadWrite,
            "# its password is not shown\n",
        );
    }
    text
}
