//! [`Value`] for the types that only account keys have: permissions, the expiry time, the hash of a
//! password, the PAM service.
//!
//! The other types are in `value`.

use super::moment::Moment;
use super::value::{FileValue, Text, Value, ValueError, because, list};
use crate::auth::{PamService, Permissions, Secret};

/// One set of permissions, or the union of several.
impl Value for Permissions {
    const TAKES: &'static str = "permissions such as \"read\" or [\"list\", \"create\"]";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        let sets = list(given, |text| text.parse().map_err(because))?;
        Ok(sets.into_iter().fold(Self::NONE, |all, more| all | more))
    }
}

impl Value for Moment {
    const TAKES: &'static str =
        "a date such as 2027-12-31, or a time such as 2027-12-31T18:00:00+01:00, without quotes";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        let moment = given.value.bare().and_then(Self::parse);
        moment.ok_or(ValueError::Mismatch)
    }
}

impl Text for Secret {
    const TAKES: &'static str = "a hash, as printed by mioftpd --hash-password";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        Self::hashed(text).map_err(because)
    }
}

impl Text for PamService {
    const TAKES: &'static str = "the name of a PAM service such as \"mioftpd\"";

    fn of_text(name: &str) -> Result<Self, ValueError> {
        Self::named(name).map_err(because)
    }
}
