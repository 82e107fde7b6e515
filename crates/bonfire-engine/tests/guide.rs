//! The porting guide quotes the example, and the example is what is compiled:
//! each piece of Rust in the guide stands in it, line by line.

use std::fs;
use std::path::Path;

/// The lines of `text` without what indents them, the empty ones left out.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn is_quoted(example: &str, piece: &str) -> bool {
    let piece = lines(piece);
    lines(example).windows(piece.len()).any(|window| window == piece)
}

#[test]
fn the_guide_quotes_the_example_as_it_is() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(here.join("examples/port.rs")).expect("the example is there");
    let guide = fs::read_to_string(here.join("../../docs/porting.md")).expect("the guide is there");
    let pieces: Vec<&str> =
        guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(pieces.len() >= 7, "the guide walks through the example");
    for piece in pieces {
        assert!(is_quoted(&example, piece), "not in the example:\n{piece}");
    }
}

#[test]
fn what_is_not_in_the_example_is_noticed() {
    assert!(is_quoted("fn a() {\n    b();\n}", "b();\n}\n"));
    assert!(!is_quoted("fn a() {\n    b();\n}", "b(1);\n}\n"));
}
