//! What files hold: bytes that say themselves whether they are all there.
//!
//! The first line names a number and a length, and everything else follows from these. Lines
//! end in LF, so that TYPE A has something to do.

/// The contents with this number, of about this length.
pub(crate) fn whole(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("whole {number} {length}\n").into_bytes();
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(format!("{state:016x}").as_bytes());
        if state.is_multiple_of(4) {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// The number and the length that contents name in their first line.
pub(crate) fn label(bytes: &[u8]) -> Option<(u64, usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = String::from_utf8_lossy(&bytes[..end]);
    let mut words = line.trim_end().split(' ').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Whether these are some whole contents; or the first part of some, where that may be.
pub(crate) fn is_whole(bytes: &[u8], may_be_cut: bool) -> bool {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return may_be_cut && !bytes.is_empty();
    };
    let line = String::from_utf8_lossy(&bytes[..end]);
    let mut words = line.split(' ').skip(1).map(str::parse);
    match (words.next(), words.next()) {
        (Some(Ok(number)), Some(Ok(length))) => {
            let whole = whole(number, length as usize);
            bytes == whole || may_be_cut && whole.starts_with(bytes)
        }
        _ => false,
    }
}

/// As TYPE A sends it.
pub(crate) fn on_the_wire(bytes: &[u8], is_ascii: bool) -> Vec<u8> {
    if !is_ascii {
        return bytes.to_vec();
    }
    let mut wire = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for &byte in bytes {
        if byte == b'\n' {
            wire.push(b'\r');
        }
        wire.push(byte);
    }
    wire
}
