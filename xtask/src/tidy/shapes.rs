//! Litmus shapes have one table, and code that needs one takes it from there.

use std::path::Path;

use super::Finding;

/// The table.
const TABLE: &str = "crates/bonfire-conformance/src/litmus/shape.rs";
/// How a second one would begin.
const DECLARES: [&str; 5] =
    ["struct Shape ", "enum Shape ", "const SHAPES:", "static SHAPES:", "type Shape ="];
/// Names that nothing else has, in quotes: a file that writes one down describes a shape.
const NAMES: [&str; 6] = ["\"SB\"", "\"MP\"", "\"2+2W\"", "\"WRC\"", "\"ISA2\"", "\"IRIW\""];

/// What looks like a second table. Tests may name shapes.
pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    if file == Path::new(TABLE) || file.starts_with("xtask") {
        return Vec::new();
    }
    let is_test = file.iter().any(|part| part == "tests");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_second = |line: &str| {
        let declares = DECLARES.iter().any(|declares| line.contains(declares));
        declares || !is_test && NAMES.iter().any(|name| line.contains(name))
    };
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let second = lines.filter(|(_, line)| is_second(line));
    let says = format!("a litmus shape beside the table: take it from {TABLE}");
    second.map(|(at, _)| Finding::new(file, at + 1, says.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_table_is_found_and_the_first_is_not() {
        let lines = "pub enum Shape {\n    Self::Sb => \"SB\",\n    // \"SB\"\n";
        let found = |file: &str| check(Path::new(file), lines).len();
        assert_eq!(found("crates/bonfire-model/src/scenario/shape.rs"), 2);
        assert_eq!(found("crates/bonfire-model/tests/litmus.rs"), 1);
        assert_eq!(found(TABLE), 0);
    }
}
