//! Where a kernel says how many interrupts one CPU has sent another.
//!
//! Linux has a table in `/proc/interrupts`: a line for each source, which begins with
//! its name, and a number for each CPU; the line `CAL` of x86 is the one. A young
//! kernel may have a file with nothing but numbers, one a line. What counts is their sum.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A count, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    file: Arc<File>,
    path: PathBuf,
    line: Option<String>,
}

impl Counter {
    /// The count as it is now; `None` if it can no longer be read.
    pub(crate) fn read(&self) -> Option<u64> {
        sum(&self.text().ok()?, self.line.as_deref()).ok()
    }

    /// What the file has in it. A table that a kernel makes anew for each reader is read
    /// from its beginning; where that was does not matter to anybody who shares the file.
    fn text(&self) -> std::io::Result<String> {
        let (mut bytes, mut length) = (vec![0; 4096], 0);
        loop {
            match self.file.read_at(&mut bytes[length..], length as u64)? {
                0 => return Ok(String::from_utf8_lossy(&bytes[..length]).into_owned()),
                read => length += read,
            }
            bytes.resize((2 * length).max(bytes.len()), 0);
        }
    }
}

/// The sum of the numbers in the line of this name, or in all lines.
fn sum(text: &str, line: Option<&str>) -> Result<u64, String> {
    match line {
        Some(line) => {
            let numbers =
                text.lines().find_map(|text| text.trim_start().strip_prefix(line)?.strip_prefix(':'));
            let numbers = numbers.ok_or_else(|| format!("there is no line {line}: in it{}", names(text)))?;
            let numbers: Vec<u64> = numbers.split_whitespace().map_while(|word| word.parse().ok()).collect();
            if numbers.is_empty() {
                Err(format!("its line {line}: has no numbers"))
            } else {
                Ok(numbers.iter().sum())
            }
        }
        None => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let numbers = lines.map(|line| line.parse().map_err(|_| line.to_owned()));
            let numbers = numbers.collect::<Result<Vec<u64>, String>>();
            let numbers = numbers.map_err(|line| {
                format!("{line:?} is not a number; name a line, as in FILE:CAL{}", names(text))
            })?;
            if numbers.is_empty() { Err("it is empty".into()) } else { Ok(numbers.iter().sum()) }
        }
    }
}

/// The names of lines that there are, to choose from.
fn names(text: &str) -> String {
    let name =
        |line: &str| Some(line.split_once(':')?.0.trim().to_owned()).filter(|name| !name.contains(' '));
    let names: Vec<String> = text.lines().filter_map(name).collect();
    if names.is_empty() { String::new() } else { format!("; it has {}", names.join(", ")) }
}

/// `FILE` or `FILE:LINE`, tried once.
impl FromStr for Counter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, line) = match text.rsplit_once(':') {
            Some((path, line)) if !Path::new(text).exists() => (path, Some(line.to_owned())),
            _ => (text, None),
        };
        let file = File::open(path).map_err(|error| {
            format!("{path} cannot be read ({error}); it takes a file such as /proc/interrupts:CAL")
        })?;
        let counter = Self { file: Arc::new(file), path: path.into(), line };
        let text = counter.text().map_err(|error| format!("{path} cannot be read ({error})"))?;
        sum(&text, counter.line.as_deref()).map_err(|cause| format!("{path} has no such count: {cause}"))?;
        Ok(counter)
    }
}

/// As it was given.
impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.line.as_ref().map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "           CPU0       CPU1\n  4:          9          0   IO-APIC   4-edge  ttyS0\nCAL:        120         34   Function call interrupts\n";

    #[test]
    fn a_line_of_a_table_is_added_up() {
        assert_eq!(sum(TABLE, Some("CAL")), Ok(154));
        assert_eq!(sum(TABLE, Some("4")), Ok(9));
        assert_eq!(sum("7\n\n 5 \n", None), Ok(12));
    }

    #[test]
    fn what_is_no_count_is_refused_with_what_there_is() {
        let refused = |text: &str, line, says: &str| {
            let error = sum(text, line).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        refused(TABLE, Some("RES"), "no line RES: in it; it has 4, CAL");
        refused(TABLE, None, "name a line, as in FILE:CAL; it has 4, CAL");
        refused("CAL: many\n", Some("CAL"), "has no numbers");
        refused("", None, "it is empty");
    }

    #[test]
    fn a_file_is_tried_before_the_run() {
        let refused = |text: &str, says: &str| {
            let error = text.parse::<Counter>().unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        refused("/no/such/file:CAL", "/no/such/file cannot be read");
        refused("/proc/self/status", "is not a number");
        refused("/proc/self/status:CAL", "there is no line CAL: in it");
        let pid = "/proc/self/status:Pid".parse::<Counter>().expect("Linux says so");
        assert_eq!(
            (pid.read(), pid.to_string()),
            (Some(std::process::id().into()), "/proc/self/status:Pid".into())
        );
    }
}
