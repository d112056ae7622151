//! Resolves the path names of clients to normalised virtual paths.
//!
//! A [`VirtualPath`] is absolute below the served root, and free of `.`, `..`, empty components,
//! NUL, CR and LF. It owns bytes: names need not be UTF-8 (RFC 2640 §2.1). It does not know whether
//! a file exists. The storage protects against path traversal (symbolic links included); the normal
//! form is not that protection.

use std::fmt;

use super::visible::Visible;

/// The maximum length of a path in bytes: that of Linux (`PATH_MAX` without the NUL).
pub const PATH_MAX: usize = 4095;

/// An absolute, normalised path below the served root.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualPath {
    /// The components joined by single slashes, without a leading one; empty for the root.
    relative: Vec<u8>,
}

/// The path is too long, or contains NUL, CR or LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPath;

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path is too long, or contains NUL, CR or LF")
    }
}

impl std::error::Error for BadPath {}

impl VirtualPath {
    /// `/`; does not allocate.
    pub const fn root() -> Self {
        Self {
            relative: Vec::new(),
        }
    }

    /// Whether this is `/`.
    pub const fn is_root(&self) -> bool {
        self.relative.is_empty()
    }

    /// Resolves `argument`, absolute or relative to this directory. `..` of the root is the root.
    pub fn join(&self, argument: &[u8]) -> Result<Self, BadPath> {
        if argument.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return Err(BadPath);
        }
        let mut path = if argument.starts_with(b"/") {
            Self::root()
        } else {
            self.clone()
        };
        for part in argument.split(|&b| b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => path.pop(),
                name => path.push(name),
            }
        }
        if path.relative.len() >= PATH_MAX {
            return Err(BadPath);
        }
        Ok(path)
    }

    /// The parent directory; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut path = self.clone();
        path.pop();
        path
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        let start = self.relative.iter().rposition(|&b| b == b'/');
        let start = start.map_or(0, |slash| slash + 1);
        // In range: at most the length, which is after a slash at the end.
        self.relative.get(start..).unwrap_or_default()
    }

    /// The components from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.relative
            .split(|&b| b == b'/')
            .filter(|part| !part.is_empty())
    }

    /// The path relative to the root's file descriptor, without a leading slash: `.` for the root.
    pub fn from_root(&self) -> &[u8] {
        if self.is_root() { b"." } else { &self.relative }
    }

    /// An upper estimate of the memory that it takes as an element of a vector, in bytes.
    pub const fn cost(&self) -> usize {
        // The vector may have twice the capacity it needs; 16 bytes are the allocator's overhead.
        2 * (size_of::<Self>() + size_of::<usize>()) + self.relative.capacity() + 16
    }

    /// The path with the leading slash, as clients see it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.relative.len() + 1);
        bytes.push(b'/');
        bytes.extend_from_slice(&self.relative);
        bytes
    }

    /// The path relative to `directory` if it is below that, otherwise the absolute path.
    pub fn relative_to(&self, directory: &Self) -> Vec<u8> {
        let below = self.relative.strip_prefix(directory.relative.as_slice());
        let below = if directory.is_root() {
            below
        } else {
            below.and_then(|rest| rest.strip_prefix(b"/"))
        };
        match below {
            Some(below) if !below.is_empty() => below.to_vec(),
            _ => self.to_bytes(),
        }
    }

    /// The path in double quotes, with quotes inside doubled (RFC 959 appendix II), for a 257.
    pub fn quoted(&self) -> Vec<u8> {
        let mut bytes = vec![b'"'];
        for byte in self.to_bytes() {
            if byte == b'"' {
                bytes.push(b'"');
            }
            bytes.push(byte);
        }
        bytes.push(b'"');
        bytes
    }

    fn push(&mut self, name: &[u8]) {
        if !self.relative.is_empty() {
            self.relative.push(b'/');
        }
        self.relative.extend_from_slice(name);
    }

    fn pop(&mut self) {
        let end = self.relative.iter().rposition(|&b| b == b'/');
        // Without a slash it is the only component.
        self.relative.truncate(end.unwrap_or(0));
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", Visible(&self.relative))
    }
}

impl fmt::Debug for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(path: &str) -> VirtualPath {
        VirtualPath::root().join(path.as_bytes()).unwrap()
    }

    #[test]
    fn relative_and_absolute_arguments_are_resolved() {
        let here = at("/a/b");
        for (argument, expected) in [
            ("c", "/a/b/c"),
            ("/c", "/c"),
            ("..", "/a"),
            ("../..", "/"),
            ("../../../../x", "/x"),
            ("./c/./d//", "/a/b/c/d"),
            ("", "/a/b"),
            (" c ", "/a/b/ c "),
            ("...", "/a/b/..."),
        ] {
            let path = here.join(argument.as_bytes()).unwrap();
            assert_eq!(path.to_string(), expected, "{argument:?}");
        }
    }

    #[test]
    fn names_and_parents_of_paths_and_of_the_root() {
        assert_eq!(at("/a/b").name(), b"b");
        assert_eq!(at("/a").parent(), VirtualPath::root());
        assert_eq!(VirtualPath::root().parent(), VirtualPath::root());
        assert_eq!(VirtualPath::root().name(), b"");
        assert_eq!(VirtualPath::root().from_root(), b".");
        assert_eq!(at("/a/b").parts().count(), 2);
    }

    #[test]
    fn line_ends_and_nul_are_rejected() {
        for argument in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
            assert_eq!(VirtualPath::root().join(argument), Err(BadPath));
        }
    }

    #[test]
    fn path_is_relative_to_a_directory_above_it() {
        for (path, directory, seen) in [
            ("/d/x", "/", "d/x"),
            ("/d/x", "/d", "x"),
            ("/d/e/x y", "/d", "e/x y"),
            ("/d/x", "/d/x", "/d/x"),
            ("/dd/x", "/d", "/dd/x"),
            ("/x", "/d", "/x"),
            ("/", "/", "/"),
        ] {
            let relative_to = at(path).relative_to(&at(directory));
            assert_eq!(relative_to, seen.as_bytes(), "{path} from {directory}");
            assert_eq!(at(directory).join(&relative_to), Ok(at(path)));
        }
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(at("/a\"b").quoted(), b"\"/a\"\"b\"");
    }

    #[test]
    fn length_limit_is_exact() {
        let fits = vec![b'a'; PATH_MAX - 1];
        assert!(VirtualPath::root().join(&fits).is_ok());
        let over = vec![b'a'; PATH_MAX];
        assert_eq!(VirtualPath::root().join(&over), Err(BadPath));
    }

    proptest! {
        #[test]
        fn joined_paths_are_normalised(parts in proptest::collection::vec("[a.\\\\/ ]{0,4}", 0..8)) {
            let path = VirtualPath::root().join(parts.join("/").as_bytes()).unwrap();
            prop_assert!(path.parts().all(|part| part != b"." && part != b".." && !part.contains(&b'/')));
            prop_assert_eq!(VirtualPath::root().join(&path.to_bytes()).unwrap(), path);
        }
    }
}
