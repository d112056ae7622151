//! argon2id (RFC 9106): parses, verifies and makes hashes in the PHC format.
//!
//! It owns the memory of a verification, which goes back to the system afterwards. `hash` decides which
//! scheme a hash is of.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::password_hash::{Error, PasswordHasher as _};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::{HashError, Password};

/// KiB and passes of new argon2id hashes, each with one lane: the minima that OWASP recommends, which are
/// equally strong. A machine with little memory spends time instead.
pub(super) const PARAMETERS: [(u32, u32); 4] =
    [(19 * 1024, 2), (12 * 1024, 3), (9 * 1024, 4), (7 * 1024, 5)];

/// glibc keeps freed memory below 32 MiB (`DEFAULT_MMAP_THRESHOLD_MAX`), and the alignment of the blocks
/// keeps it from using that again: eight hashes would stay. What is reserved and not written takes none.
const RETURNED_BYTES: usize = 33 * 1024 * 1024;

/// A hash, with all that a verification needs.
pub(super) struct Parsed {
    version: Version,
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Parsed {
    /// `None` for a malformed one, or one of another scheme.
    pub(super) fn of(text: &str) -> Option<Self> {
        let parsed = PasswordHash::new(text).ok()?;
        if Algorithm::try_from(parsed.algorithm.as_str()) != Ok(Algorithm::Argon2id) {
            return None;
        }
        let version = parsed.version.map(Version::try_from).transpose().ok()?;
        Some(Self {
            version: version.unwrap_or_default(),
            params: Params::try_from(&parsed).ok()?,
            salt: parsed.salt?,
            hash: parsed.hash?,
        })
    }

    /// Memory that the verification takes.
    pub(super) const fn bytes(&self) -> usize {
        self.params.block_count().saturating_mul(Block::SIZE)
    }

    /// Parts of the memory that are filled apart; here one behind the other.
    pub(super) const fn lanes(&self) -> u64 {
        self.params.p_cost() as u64
    }

    /// KiB of memory times passes over it: what the time grows with.
    pub(super) const fn work(&self) -> u64 {
        self.params.m_cost() as u64 * self.params.t_cost() as u64
    }

    /// Whether the password has this hash.
    ///
    /// # Errors
    /// [`HashError::NoMemory`].
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut buffer = [0; Output::MAX_LENGTH];
        let Some(made) = buffer.get_mut(..self.hash.len()) else {
            return Ok(false);
        };
        let argon2 = Argon2::new(Algorithm::Argon2id, self.version, self.params.clone());
        let blocks = blocks(self.params.block_count())?;
        let done = argon2.hash_password_into_with_memory(password, &self.salt, made, blocks);
        // The comparison of outputs takes constant time.
        Ok(done.is_ok() && Output::new(made) == Ok(self.hash))
    }
}

fn blocks(count: usize) -> Result<Vec<Block>, HashError> {
    let mut blocks = Vec::new();
    blocks
        .try_reserve_exact(count.max(RETURNED_BYTES / Block::SIZE))
        .or_else(|_| blocks.try_reserve_exact(count))
        .map_err(|_| HashError::NoMemory)?;
    blocks.resize(count, Block::new());
    Ok(blocks)
}

/// A hash with a new salt and one lane.
pub(super) fn hash(password: &Password, kib: u32, passes: u32) -> Result<String, HashError> {
    let params = Params::new(kib, passes, 1, None).map_err(|_| HashError::Malformed)?;
    let hash = Argon2::from(params).hash_password(password.as_bytes());
    let hash = hash.map_err(|error| match error {
        Error::OutOfMemory => HashError::NoMemory,
        _ => HashError::NoRandomness,
    })?;
    Ok(hash.to_string())
}
