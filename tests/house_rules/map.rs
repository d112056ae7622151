//! Checks what the documentation says of the sources: the picture of the layers in the crate page against the
//! real imports, and the reading order against the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::imports::{BELOW, LAYERS, imported};
use crate::sources::{Source, assert_none, root, sources};

/// Modules that are beside the layers: what they need is named in the text below the picture.
const BESIDE: [&str; 8] = [
    "book", "cli", "config", "daemon", "doctor", "guide", "limits", "logging",
];

/// A layer of the picture and what it imports, from the top.
fn picture(lib: &str) -> Vec<(String, BTreeSet<String>)> {
    let (_, rest) = lib.split_once("//! # The map\n").unwrap();
    let (_, rest) = rest.split_once("//! ```text\n").unwrap();
    let (block, _) = rest.split_once("//! ```\n").unwrap();
    let mut layers: Vec<(String, BTreeSet<String>)> = Vec::new();
    let mut in_arrow = false;
    for line in block.lines() {
        let text = line.strip_prefix("//! ").unwrap_or("");
        let indent = text.len() - text.trim_start().len();
        let text = text.trim();
        let names = text.strip_prefix("─▶");
        if indent == 2 {
            let name = text.split(' ').next().unwrap().to_owned();
            layers.push((name, BTreeSet::new()));
        }
        in_arrow = names.is_some() || in_arrow && indent > 16;
        if in_arrow {
            let names = names.unwrap_or(text).split_whitespace();
            let (_, imports) = layers.last_mut().unwrap();
            imports.extend(names.map(str::to_owned));
        }
    }
    layers
}

/// What the product code of a top-level folder imports of such folders.
fn imports_of(layer: &str, layers: &BTreeSet<String>) -> BTreeSet<String> {
    let sources = sources(&format!("src/{layer}"));
    let lines = sources.iter().flat_map(Source::product);
    let modules = lines.flat_map(|(_, line)| imported(line));
    let others = modules.filter(|module| ![layer, BELOW].contains(module));
    others
        .filter(|module| layers.contains(*module))
        .map(str::to_owned)
        .collect()
}

#[test]
fn picture_of_the_layers_has_the_real_imports() {
    let layers = picture(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let names: BTreeSet<_> = layers.iter().map(|(name, _)| name.clone()).collect();
    let mut wrong = Vec::new();
    for (place, (layer, drawn)) in layers.iter().enumerate() {
        let real = imports_of(layer, &names);
        wrong.extend(
            real.difference(drawn)
                .map(|one| format!("{layer} imports {one}: no arrow")),
        );
        wrong.extend(
            drawn
                .difference(&real)
                .map(|one| format!("{layer} imports no {one}")),
        );
        let above: BTreeSet<_> = layers[..=place].iter().map(|(name, _)| name).collect();
        let upwards = drawn.iter().filter(|one| above.contains(one));
        wrong.extend(upwards.map(|one| format!("{layer} to {one}: this arrow points up")));
    }
    assert_none("the map in src/lib.rs", &wrong);
}

#[test]
fn picture_of_the_layers_has_every_folder() {
    let layers = picture(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let drawn = layers.iter().map(|(name, _)| name.as_str());
    let drawn: BTreeSet<_> = drawn.chain(BESIDE).collect();
    let folders = fs::read_dir(root().join("src")).unwrap();
    let folders = folders
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir());
    let folders: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(drawn, folders.iter().map(String::as_str).collect());
    let checked: BTreeSet<_> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    let unknown: Vec<_> = checked
        .difference(&drawn)
        .map(ToString::to_string)
        .collect();
    assert_none("layers that are not in the picture", &unknown);
}

/// The files that the page names, each with how often; a heading has the folder of those below it.
fn named_files(page: &str) -> BTreeMap<String, usize> {
    let mut folder = String::new();
    let mut named = BTreeMap::new();
    for line in page.lines() {
        let mut spans = line.split('`').skip(1).step_by(2);
        if line.starts_with("# ") {
            let name = spans.next().unwrap();
            folder = format!("src/{name}/").replace("src/src/", "src/");
        } else if !folder.is_empty() {
            for name in spans {
                *named.entry(format!("{folder}{name}")).or_default() += 1;
            }
        }
    }
    named
}

fn files_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.insert(path.strip_prefix(root()).unwrap().display().to_string());
        }
    }
}

#[test]
fn reading_order_names_every_file_once() {
    let named = named_files(&fs::read_to_string(root().join("src/book/files.md")).unwrap());
    let mut files = BTreeSet::new();
    files_below(&root().join("src"), &mut files);
    let mut wrong: Vec<_> = files
        .iter()
        .filter(|file| !named.contains_key(*file))
        .map(|file| format!("{file} is not named"))
        .collect();
    for (file, times) in &named {
        if !files.contains(file) {
            wrong.push(format!("{file} does not exist"));
        } else if *times > 1 {
            wrong.push(format!("{file} is named {times} times"));
        }
    }
    assert_none("the reading order in src/book/files.md", &wrong);
}

#[test]
fn picture_and_page_are_parsed() {
    let lib = "//! # The map\n//! ```text\n//!   a    one: b\n//!        more\n//!                 ─▶ b\n\
               //!                    c\n//!   b    two\n//!   c    three\n//! ```\n";
    let set = |names: &[&str]| {
        names
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let parsed = picture(lib);
    assert_eq!(parsed[0], ("a".to_owned(), set(&["b", "c"])));
    assert_eq!(parsed[1], ("b".to_owned(), set(&[])));
    assert_eq!(parsed.len(), 3);
    let found = named_files("`x`\n# `a`\n- One: `b.rs`, `b.rs`.\n# `src`\n- `c.rs`\n");
    let expected = BTreeMap::from([("src/a/b.rs".to_owned(), 2), ("src/c.rs".to_owned(), 1)]);
    assert_eq!(found, expected);
}
