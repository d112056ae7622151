//! What files hold: bytes that say themselves whether they are all there, and whose they are.
//!
//! The first line names a number and a length, and everything else follows from these. Of every
//! four numbers one is of plain lines, which TYPE A brings back as they were; the others have what
//! it has to be careful about: CR and LF in all combinations, long runs of them, and at the end.

/// What is behind each piece of text, where it is not plain.
const BREAKS: [&[u8]; 8] = [
    b"\n",
    b"\r\n",
    b"\r",
    b"\r\r\n",
    b"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    b"\n\r\n\r",
    b"",
    b"\r\n\r\n\r\n",
];

/// How many kinds of contents there are; a number that it divides is of plain lines.
pub(crate) const KINDS: u64 = 4;

/// The contents with this number, of about this length.
pub(crate) fn whole(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("whole {number} {length}\n").into_bytes();
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let kind = number % KINDS;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write_hex(state, &mut bytes);
        if kind != 0 {
            bytes.extend_from_slice(BREAKS[(state >> 8) as usize % BREAKS.len()]);
        } else if state.is_multiple_of(4) {
            bytes.push(b'\n');
        }
    }
    match kind {
        2 => bytes.push(b'\r'),
        3 => bytes.extend_from_slice(b"\r\n"),
        _ => {}
    }
    bytes
}

fn write_hex(number: u64, out: &mut Vec<u8>) {
    let digits = (0..16).map(|at| (number >> (60 - 4 * at)) as usize & 15);
    out.extend(digits.map(|digit| b"0123456789abcdef"[digit]));
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

/// Whether a client sends these as TYPE A has it, and not as they are.
pub(crate) fn is_sent_as_lines(bytes: &[u8]) -> bool {
    label(bytes).is_none_or(|(number, _)| (number / KINDS).is_multiple_of(2))
}

/// As TYPE A sends a file: a LF that has no CR before it gets one.
pub(crate) fn on_the_wire(bytes: &[u8], is_ascii: bool) -> Vec<u8> {
    if !is_ascii {
        return bytes.to_vec();
    }
    let mut connection = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut before = 0;
    for &byte in bytes {
        if byte == b'\n' && before != b'\r' {
            connection.push(b'\r');
        }
        connection.push(byte);
        before = byte;
    }
    connection
}

/// What TYPE A makes a file of: a CR that has a LF behind it goes.
pub(crate) fn in_the_file(connection: &[u8], is_ascii: bool) -> Vec<u8> {
    if !is_ascii {
        return connection.to_vec();
    }
    let behind = connection.iter().skip(1).chain([&0]);
    let pairs = connection.iter().zip(behind);
    let stays = pairs.filter(|&(&byte, &next)| !(byte == b'\r' && next == b'\n'));
    stays.map(|(&byte, _)| byte).collect()
}
