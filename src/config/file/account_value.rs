//! [`Value`] for the types that only account keys have: permissions, the expiry time, the hash of a
//! password, the PAM service.
//!
//! The other types are in `value`.

use super::value::{RawValue, Text, Value, ValueError, because, list, quoted};
use crate::auth::{PamService, Permissions, Secret};
use crate::protocol::date::{rfc3339, unix_time};
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
        let date = (date.year.into(), date.month, date.day);
        let local = unix_time(date, (hour, minute, second)).ok_or(ValueError::Mismatch)?;
        Ok(Self(local - east))
    }

    fn show(&self) -> Option<String> {
        Some(rfc3339(self.0))
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
