//! A page with a table in it that verbs write: each new row takes the place of an older one
//! of the same name, so that a table can grow over many calls.

use std::fs;

use anyhow::{Context, Result};

use super::host::Host;
use crate::repository;

/// A table between two marks of a page.
pub(crate) struct Table {
    pub(crate) page: &'static str,
    /// Who writes it, as `cargo xtask` has it.
    pub(crate) verb: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// How many columns, from the first, name a row.
    pub(crate) names: usize,
}

const END: &str = "<!-- end -->\n";

impl Table {
    /// Puts `rows` into the page, and above all of them on what they were measured.
    pub(crate) fn keep(&self, rows: &[Vec<String>], host: &Host) -> Result<()> {
        let rows: Vec<String> = rows.iter().map(|cells| line(cells)).collect();
        rows.iter().for_each(|row| print!("{row}"));
        let path = repository::root().join(self.page);
        let page = fs::read_to_string(&path).with_context(|| format!("no {}", self.page))?;
        let on = format!("On {}.\n", host.processor);
        fs::write(&path, self.with(&page, &on, &rows)?).with_context(|| format!("cannot write {}", self.page))
    }

    /// The page with these rows, and with `on` above all rows.
    fn with(&self, page: &str, on: &str, rows: &[String]) -> Result<String> {
        let begin = format!("<!-- begin: written by `cargo xtask {}` -->\n", self.verb);
        let marks = || format!("{} has lost its marks", self.page);
        let (before, rest) = page.split_once(&begin).with_context(marks)?;
        let (table, after) = rest.split_once(END).with_context(marks)?;
        let head = [line(self.columns), line(&vec!["---"; self.columns.len()]).replace(' ', "")];
        let is_kept = |old: &&str| {
            let is_new = rows.iter().any(|row| self.name(row) == self.name(old));
            old.starts_with('|') && !head.iter().any(|line| line == old) && !is_new
        };
        let kept = table.split_inclusive('\n').filter(is_kept);
        let mut all: Vec<&str> = kept.chain(rows.iter().map(String::as_str)).collect();
        all.sort_unstable();
        Ok(format!("{before}{begin}{on}\n{}{}{END}{after}", head.concat(), all.concat()))
    }

    /// What names a row: its first cells.
    fn name<'a>(&self, row: &'a str) -> Vec<&'a str> {
        row.split('|').take(self.names + 1).map(str::trim).collect()
    }
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The page is there, and its marks.
    pub(crate) fn has_its_marks(table: &Table) {
        let page = fs::read_to_string(repository::root().join(table.page)).unwrap();
        table.with(&page, "", &[]).unwrap();
    }

    #[test]
    fn a_row_takes_the_place_of_an_older_one_of_the_same_name() {
        let table = Table { page: "p", verb: "v", columns: &["a", "b", "c"], names: 2 };
        let page = |rows: &str| {
            let head = "| a | b | c |\n|---|---|---|\n";
            format!("before\n<!-- begin: written by `cargo xtask v` -->\nOn x.\n\n{head}{rows}{END}after\n")
        };
        let put = |page: &str, rows: &[&str]| {
            let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
            table.with(page, "On x.\n", &rows).unwrap()
        };
        let first = put(&page(""), &["| x | 2 | 1 |\n"]);
        assert_eq!(first, page("| x | 2 | 1 |\n"));
        let second = put(&first, &["| x | 2 | 2 |\n"]);
        assert_eq!(second, page("| x | 2 | 2 |\n"));
        let both = put(&second, &["| a |  | 3 |\n", "| b | 2 | 3 |\n"]);
        assert_eq!(both, page("| a |  | 3 |\n| b | 2 | 3 |\n| x | 2 | 2 |\n"));
        assert!(table.with("no marks", "", &[]).is_err());
    }
}
