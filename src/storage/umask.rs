//! The permission bits that new files and directories do not get (umask(2)).
//!
//! A session may have its own umask, so it is passed with each operation: umask(2) is per process, and
//! would change it for all sessions.

use std::fmt;
use std::str::FromStr;

/// Permission bits to clear, 0 to 0o777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Umask(u16);

impl fmt::Display for Umask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

/// The text is not an octal number of permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUmask;

impl fmt::Display for BadUmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an octal number of permission bits, such as 027")
    }
}

impl std::error::Error for BadUmask {}

impl FromStr for Umask {
    type Err = BadUmask;

    /// Parses octal digits, as umask(1) does.
    fn from_str(text: &str) -> Result<Self, BadUmask> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let bits = u16::from_str_radix(text, 8).or(Err(BadUmask))?;
        Self::new(bits).filter(|_| digits).ok_or(BadUmask)
    }
}

impl Umask {
    /// The default of most systems: only the owner may write.
    pub const USUAL: Self = Self(0o022);

    /// `None` if `bits` is over 0o777.
    pub const fn new(bits: u16) -> Option<Self> {
        if bits > 0o777 { None } else { Some(Self(bits)) }
    }

    /// The umask of the process.
    ///
    /// umask(2) can only read it by setting it, so it is 0o077 for a moment: the safe value.
    pub fn of_current_process() -> Self {
        use rustix::fs::Mode;
        let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
        rustix::process::umask(mask);
        // Nine bits always fit.
        Self(u16::try_from(mask.as_raw_mode() & 0o777).unwrap_or(0o077))
    }

    /// Sets it for the whole process.
    pub fn set_for_process(self) {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(self.0.into()));
    }

    /// The bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Permission bits of a new file.
    pub fn file_mode(self) -> u32 {
        u32::from(0o666 & !self.0)
    }

    /// Permission bits of a new directory.
    pub fn directory_mode(self) -> u32 {
        u32::from(0o777 & !self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umask_accepts_only_octal_permission_bits() {
        let umask = Umask::new(0o027).unwrap();
        assert_eq!((umask.file_mode(), umask.directory_mode()), (0o640, 0o750));
        assert_eq!(Umask::new(0o777).unwrap().directory_mode(), 0);
        assert_eq!(Umask::new(0o1000), None);
        assert_eq!("027".parse(), Ok(umask));
        assert_eq!(umask.to_string(), "027");
        for text in ["", "8", "1000", "-1", "+27", "0o27", "rwx"] {
            assert_eq!(text.parse::<Umask>(), Err(BadUmask), "{text}");
        }
    }
}
