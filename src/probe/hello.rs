//! A `ClientHello` of an old version of TLS (RFC 2246, RFC 4346), which rustls does not speak, and the
//! version of the answer.
//!
//! Bytes only. It must not know about sockets.

/// A version of TLS on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) u8, pub(super) u8);

impl Version {
    /// TLS 1.0.
    pub(super) const V10: Self = Self(3, 1);
    /// TLS 1.1.
    pub(super) const V11: Self = Self(3, 2);
}

/// The suites of those days: ECDHE and RSA with AES or 3DES, and the promise to renegotiate safely.
const SUITES: [u8; 16] = [
    0xc0, 0x09, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a, 0x00, 0xff,
];

/// The curves P-256, P-384 and P-521, and points in the usual form.
const EXTENSIONS: [u8; 18] = [0, 10, 0, 8, 0, 6, 0, 23, 0, 24, 0, 25, 0, 11, 0, 2, 1, 0];

/// The record of a `ClientHello` that offers this version and no later one.
pub(super) fn client_hello(version: Version) -> Vec<u8> {
    let mut body = vec![version.0, version.1];
    // A nonce that is not random: nothing is sent after it.
    body.extend([0x42; 32]);
    body.push(0);
    with_length(&mut body, &SUITES);
    body.extend([1, 0]);
    with_length(&mut body, &EXTENSIONS);
    let mut message = vec![1, 0];
    with_length(&mut message, &body);
    let mut record = vec![22, 3, 1];
    with_length(&mut record, &message);
    record
}

/// Appends bytes after their number, in two bytes.
fn with_length(out: &mut Vec<u8>, bytes: &[u8]) {
    // All are shorter than 200 bytes.
    out.extend(u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// How many bytes an answer needs for [`accepted`].
pub(super) const ANSWER_BYTES: usize = 11;

/// The version of a `ServerHello`; an alert has none.
pub(super) fn accepted(answer: &[u8]) -> Option<Version> {
    match answer {
        [22, 3, _, _, _, 2, _, _, _, major, minor, ..] => Some(Version(*major, *minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_the_hello_are_right() {
        let hello = client_hello(Version::V10);
        let length = |at: usize| usize::from(hello[at]) << 8 | usize::from(hello[at + 1]);
        assert_eq!(length(3), hello.len() - 5);
        assert_eq!(length(7), hello.len() - 9);
        assert_eq!(hello[9..11], [3, 1]);
    }

    #[test]
    fn version_is_that_of_the_server_hello() {
        let answer = [22, 3, 1, 0, 50, 2, 0, 0, 46, 3, 2];
        assert_eq!(accepted(&answer), Some(Version::V11));
        assert_eq!(accepted(&[21, 3, 1, 0, 2, 2, 70]), None);
    }
}
