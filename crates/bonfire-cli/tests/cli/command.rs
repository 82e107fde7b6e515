//! The command as a user meets it: what it says to bad input, to a closed
//! pipe, to Ctrl-C.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::support::{bonfire, run, stderr, stdout};
use rustix::process::{Pid, Signal, kill_process};

/// What a user typed wrongly, and what the answer must name.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["--filter", "no such case"], "bonfire --list"),
    (&["--filter", "abi", "--hunt"], "leave --hunt out"),
    (&["--budget", "4"], "give it 5 seconds or more"),
    (&["--budget", "soon"], "not a number of seconds"),
    (&["--subject", "linux"], "host, fences, engine, or engine=everywhere"),
    (&["--subject", "fences=mprotect"], "refuse|full|signal|process"),
    (&["--subject", "fences", "--filter", "abi"], "no case that is selected judges these fences"),
    (&["--subject", "engine=walk"], "no such design"),
    (&["--seed", "0xg"], "not a number below 2^64"),
    (&["--json", "--junit"], "name a file for one"),
    (&["--list", "--json"], "cannot be used with"),
    (&["--json", "/no/such/folder/report.json"], "cannot write /no/such/folder/report.json"),
    (&["explain", "no such case"], "bonfire --list"),
    (&["explain", "abi"], "may be any of"),
    (&["explain"], "<CASE>"),
    (&["chek"], "'check'"),
    (&["--colour"], "--color"),
    (&["--hunt", "explain", "abi"], "cannot be used with"),
];

#[test]
fn bad_usage_is_answered_with_its_cause_and_status_2() {
    for (arguments, names) in MISTAKES {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(names), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_succeed() {
    for arguments in [["-h"], ["--help"], ["--version"]] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(stdout(&output).contains("bonfire"), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn the_engine_is_a_subject_in_every_design() {
    for design in ["", "=running", "=everywhere", "=mask", "=locked-mask", "=threads"] {
        let output = run(&["--subject", &format!("engine{design}"), "--filter", "lifetime", "--budget", "5"]);
        assert_eq!(output.status.code(), Some(0), "{design}: {}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains(&format!("of engine{design}")), "{}", stdout(&output));
    }
}

#[test]
fn a_list_names_what_would_run() {
    let all = stdout(&run(&["--list"]));
    let some = stdout(&run(&["--list", "--filter", "lifetime"]));
    assert!(some.lines().count() > 10 && some.lines().all(|line| line.starts_with("lifetime/")), "{some}");
    assert!(all.lines().count() > some.lines().count());
}

#[test]
fn man_page_and_completions_know_every_verb_and_flag() {
    let help = stdout(&run(&["--help"]));
    let flags: Vec<&str> =
        help.split([' ', '\n', ',']).filter(|word| word.starts_with("--") && word.len() > 2).collect();
    assert!(flags.len() > 8, "{flags:?}");
    for what in ["man", "bash", "fish", "zsh"] {
        let page = stdout(&run(&["generate", what])).replace("\\-", "-");
        for flag in &flags {
            // As the shell's script or the page writes a flag: a word of prose is none.
            let flag = if what == "fish" { flag.replace("--", "-l ") } else { (*flag).to_owned() };
            assert!(page.contains(&flag), "{what} does not know {flag}");
        }
        for verb in ["explain", "check"] {
            assert!(page.contains(verb), "{what} does not know {verb}");
        }
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let escapes = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = bonfire(&["--filter", "abi/QUERY/"]);
        command.args(arguments).env_clear().envs(environment.iter().copied());
        stdout(&command.output().unwrap()).contains('\u{1b}')
    };
    let forced = ("CLICOLOR_FORCE", "1");
    assert!(!escapes(&[], &[]), "a pipe is no terminal");
    assert!(escapes(&["--color", "always"], &[]));
    assert!(escapes(&[], &[forced]));
    assert!(!escapes(&[], &[forced, ("NO_COLOR", "1")]));
    assert!(!escapes(&["--color", "never"], &[forced]));
}

#[test]
fn progress_is_for_terminals() {
    let output = run(&["--filter", "abi/QUERY/"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");
}

/// The reader may leave at any time: the verdict is still told.
#[test]
fn a_closed_pipe_is_no_crash() {
    let (reader, writer) = std::io::pipe().unwrap();
    // Before it is there: it may be quick, and a pipe takes all that it says.
    drop(reader);
    let mut command = bonfire(&["--filter", "abi/QUERY/"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("the verdict is: conforms"), "{}", stderr(&output));
}

/// The case that runs is stopped and reaped, and nothing is reported as judged: a
/// report that was there before is there still.
#[test]
fn ctrl_c_stops_the_run_and_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    fs::write(&report, "old").unwrap();
    let mut child = bonfire(&["--budget", "60", "--json", report.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let case = first_child(child.id());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(!is_ours(case), "process {case} is left");
    assert_eq!(fs::read_to_string(&report).unwrap(), "old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "half a report is left");
}

/// Waits until `process` runs a case, and returns the process of that case.
fn first_child(process: u32) -> u32 {
    let children = format!("/proc/{process}/task/{process}/children");
    loop {
        let listed = fs::read_to_string(&children).expect("the run goes on until it is interrupted");
        if let Some(child) = listed.split_whitespace().next() {
            return child.parse().unwrap();
        }
        std::thread::yield_now();
    }
}

/// Whether there is a process of this number that runs our binary.
fn is_ours(process: u32) -> bool {
    let program = fs::read_link(format!("/proc/{process}/exe"));
    program.is_ok_and(|program| program.ends_with("bonfire"))
}
