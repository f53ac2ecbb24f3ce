//! `docs/ref/config.md` says what `config.ron` says.

use super::layers::{leaves, pointer};
use super::live::LIVE;
use super::places::places;
use super::*;

const DOCUMENTED: &str = include_str!("../../config.ron");
const REFERENCE: &str = include_str!("../../docs/ref/config.md");
/// What stands above is written by hand, what stands below is made.
const MARK: &str = "<!-- Made from config.ron: `UPDATE=1` before its test writes it anew. -->\n";

/// A table for each part of `config.ron`: what its comments say, and what the program knows.
fn tables() -> String {
    let lines: Vec<&str> = DOCUMENTED.lines().collect();
    let tree = serde_json::to_value(Config::default()).unwrap();
    let leaves = leaves(&tree);
    let mut part = "Server";
    let mut made = String::new();
    let head = |part: &str| {
        format!("\n## {part}\n\n| setting | default | on SIGHUP | |\n| --- | --- | --- | --- |\n")
    };
    made.push_str(&head(part));
    let mut seen = 0;
    for (path, line) in places(DOCUMENTED) {
        if let Some(next) =
            lines[seen..line].iter().rev().find_map(|line| line.trim().strip_prefix("// --- "))
        {
            part = next.trim_end_matches([' ', '-']);
            made.push_str(&head(part));
        }
        seen = line;
        if !leaves.contains(&path) {
            continue;
        }
        let above = lines[..line - 1].iter().rev();
        let mut comment: Vec<_> = above
            .map_while(|line| line.trim().strip_prefix("//"))
            .take_while(|line| !line.starts_with(" ---"))
            .map(str::trim)
            .collect();
        comment.reverse();
        let default = tree.pointer(&pointer(&path)).unwrap();
        let default = if default.is_null() { "None".to_owned() } else { default.to_string() };
        let live = if LIVE.contains(&&*path) { "at once" } else { "next start" };
        let meaning = comment.join(" ").replace('|', "\\|");
        made.push_str(&format!("| `{path}` | `{default}` | {live} | {meaning} |\n"));
    }
    made
}

#[test]
fn the_reference_says_what_the_configuration_says() {
    let (by_hand, made) = REFERENCE.split_once(MARK).expect("the mark is there");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write("docs/ref/config.md", format!("{by_hand}{MARK}{}", tables())).unwrap();
        return;
    }
    assert_eq!(made, tables(), "docs/ref/config.md is behind config.ron: run this with UPDATE=1");
}

#[test]
fn every_value_has_its_row_and_its_meaning() {
    let tables = tables();
    for path in leaves(&serde_json::to_value(Config::default()).unwrap()) {
        let row = tables.lines().find(|line| line.starts_with(&format!("| `{path}` |")));
        let row = row.unwrap_or_else(|| panic!("config.ron lacks {path}"));
        assert!(!row.ends_with("|  |"), "{path} has no comment");
    }
}
