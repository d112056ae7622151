//! File contents that describe themselves: a reader can tell whether they are complete, and which upload
//! they are.
//!
//! The first line holds a label and a length, which determine all other bytes. One label in four gives plain
//! lines, which survive TYPE A; the others contain CR and LF in all combinations, in long runs, and at the
//! end.

/// Line ends between pieces of text, where it is not plain.
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

/// Kinds of content; labels divisible by it give plain lines.
pub(crate) const KINDS: u64 = 4;

/// The content with this label, of about this length.
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

/// Label and length from the first line.
pub(crate) fn label(bytes: &[u8]) -> Option<(u64, usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = String::from_utf8_lossy(&bytes[..end]);
    let mut words = line.trim_end().split(' ').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Whether this is some complete content, or a prefix where that is legal.
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

/// Whether the content is converted for TYPE A.
pub(crate) fn is_sent_as_lines(bytes: &[u8]) -> bool {
    label(bytes).is_none_or(|(number, _)| (number / KINDS).is_multiple_of(2))
}

/// The file as TYPE A sends it: a LF without CR gets one.
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

/// The file that TYPE A stores: a CR before a LF is removed.
pub(crate) fn in_the_file(connection: &[u8], is_ascii: bool) -> Vec<u8> {
    if !is_ascii {
        return connection.to_vec();
    }
    let behind = connection.iter().skip(1).chain([&0]);
    let pairs = connection.iter().zip(behind);
    let stays = pairs.filter(|&(&byte, &next)| !(byte == b'\r' && next == b'\n'));
    stays.map(|(&byte, _)| byte).collect()
}
