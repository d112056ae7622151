//! Test files: one with every byte value, and a tree with unusual names.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Every byte value, with a length that is no multiple of a buffer size.
pub(crate) fn blob() -> Vec<u8> {
    let lines = (0..90_000_u32).flat_map(|n| n.wrapping_mul(1_000_003).to_le_bytes());
    lines.chain(0..=255).chain(*b"end").collect()
}

/// Creates nested directories, empty files, and names with spaces, quotes and non-ASCII letters.
pub(crate) fn create_tree(root: &Path) {
    let blob = blob();
    for number in 0..200_usize {
        let folder = root.join(format!("dir {}/deep{}", number % 5, number % 3));
        fs::create_dir_all(&folder).unwrap();
        let content = &blob[..number * number / 8];
        fs::write(folder.join(format!("file {number} ä")), content).unwrap();
    }
    for name in ["-dash", "two  spaces", "100% #1; a+b", "it's", "~tilde"] {
        fs::write(root.join(name), name).unwrap();
    }
}

/// All paths below `root`, with the content of files.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if path.is_dir() {
                tree.insert(name.to_owned(), None);
                open.push(path);
            } else {
                tree.insert(name.to_owned(), Some(fs::read(&path).unwrap()));
            }
        }
    }
    tree
}

/// The inode of each path: an upload gives its file another.
pub(crate) fn inodes(root: &Path) -> BTreeMap<String, u64> {
    let inode = |path: &String| fs::metadata(root.join(path)).unwrap().ino();
    let paths = tree(root).into_keys();
    paths.map(|path| (path.clone(), inode(&path))).collect()
}

/// Asserts that both trees have the same paths and content.
pub(crate) fn assert_same(there: &Path, here: &Path) {
    let (there, here) = (tree(there), tree(here));
    let differ = |(path, content): &(&String, &Option<Vec<u8>>)| here.get(*path) != Some(*content);
    let missing: Vec<_> = there.iter().filter(differ).map(|(path, _)| path).collect();
    assert!(missing.is_empty(), "missing or different: {missing:?}");
    let extra: Vec<_> = here
        .keys()
        .filter(|path| !there.contains_key(*path))
        .collect();
    assert!(extra.is_empty(), "not in the original: {extra:?}");
}
