//! What only the keys of an account hold: permissions, the moment when it ends, the hash of a
//! password, the service of PAM that knows it.
//!
//! As `value`, which has all the others.

use super::value::{Bad, Value, Written, list, quoted};
use crate::auth::{Permissions, Secret, Service, UnknownPermission};
use crate::protocol::date::Civil;
use crate::protocol::zone::Zone;

impl Value for Permissions {
    const TAKES: &'static str = "permissions, as in \"read\" or [\"list\", \"create\"]";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let words = list(written, |one| {
            let text = one.as_str().ok_or(Bad::Other)?;
            text.parse()
                .map_err(|error: UnknownPermission| Bad::Because(error.to_string()))
        })?;
        Ok(words.into_iter().fold(Self::NONE, |all, more| all | more))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

/// A moment, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) i64);

impl Value for Moment {
    const TAKES: &'static str =
        "a date, as in 2027-12-31, or a time, as in 2027-12-31T18:00:00+01:00";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let moment = written.value.as_datetime().ok_or(Bad::Other)?;
        let date = moment.date.ok_or(Bad::Other)?;
        let (hour, minute, second) = moment.time.map_or((0, 0, 0), |time| {
            (time.hour, time.minute, time.second.unwrap_or(0))
        });
        let zone = moment
            .offset
            .map_or(Ok(Zone::UTC), |offset| offset.to_string().parse());
        let east = zone.map_err(|_| Bad::Other)?.local(0);
        let utc = Civil {
            year: date.year.into(),
            month: date.month,
            day: date.day,
            hour,
            minute,
            second,
        };
        Ok(Self(utc.to_unix() - east))
    }

    fn show(&self) -> Option<String> {
        let at = Civil::from_unix(self.0);
        let date = format!("{:04}-{:02}-{:02}", at.year, at.month, at.day);
        let time = format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second);
        Some(format!("{date}T{time}Z"))
    }
}

impl Value for Secret {
    const TAKES: &'static str = "a hash, as mioftpd --hash-password prints it";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let text = written.value.as_str().ok_or(Bad::Other)?;
        Self::hashed(text).map_err(|error| Bad::Because(error.to_string()))
    }

    /// Never.
    fn show(&self) -> Option<String> {
        None
    }
}

impl Value for Service {
    const TAKES: &'static str = "the name of a service of PAM, as in \"mioftpd\"";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let name = written.value.as_str().ok_or(Bad::Other)?;
        Self::named(name).map_err(|error| Bad::Because(error.to_string()))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self.name()))
    }
}
