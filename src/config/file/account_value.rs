//! [`Value`] for the types that only account keys have: permissions, the expiry time, the hash of a
//! password, the PAM service.
//!
//! The other types are in `value`.

use super::value::{RawValue, Text, Value, ValueError, because, list, quoted};
use crate::auth::{PamService, Permissions, Secret};
use crate::protocol::date::Civil;
use crate::protocol::zone::Zone;

/// One set of permissions, or the union of several.
impl Value for Permissions {
    const TAKES: &'static str = "permissions such as \"read\" or [\"list\", \"create\"]";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let sets = list(raw, |text| text.parse().map_err(because))?;
        Ok(sets.into_iter().fold(Self::NONE, |all, more| all | more))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

/// Unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) i64);

impl Value for Moment {
    const TAKES: &'static str =
        "a date such as 2027-12-31, or a time such as 2027-12-31T18:00:00+01:00, without quotes";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let moment = raw.value.as_datetime().ok_or(ValueError::Mismatch)?;
        let date = moment.date.ok_or(ValueError::Mismatch)?;
        let (hour, minute, second) = moment.time.map_or((0, 0, 0), |time| {
            (time.hour, time.minute, time.second.unwrap_or(0))
        });
        let zone = moment
            .offset
            .map_or(Ok(Zone::UTC), |offset| offset.to_string().parse());
        let east = zone.map_err(|_| ValueError::Mismatch)?.local(0);
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

impl Text for Secret {
    const TAKES: &'static str = "a hash, as printed by mioftpd --hash-password";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        Self::hashed(text).map_err(because)
    }

    /// Secrets are never printed.
    fn text(&self) -> Option<String> {
        None
    }
}

impl Text for PamService {
    const TAKES: &'static str = "the name of a PAM service such as \"mioftpd\"";

    fn of_text(name: &str) -> Result<Self, ValueError> {
        Self::named(name).map_err(because)
    }

    fn text(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}
