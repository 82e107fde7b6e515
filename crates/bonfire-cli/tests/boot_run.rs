//! `bonfire boot --run` from the outside: programs in C, linked statically against the C
//! library that is here. Without QEMU or a C compiler these tests are skipped, and say
//! which line installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use bonfire_skip::{Cause, skip};
use bonfire_testbed::calls::Sysnum;

/// One machine at a time: each has as many threads as CPUs.
static MACHINE: Mutex<()> = Mutex::new(());

const QEMU: Cause = Cause::Tool { package: "qemu-system-x86" };
const COMPILER: Cause = Cause::Tool { package: "gcc libc6-dev" };

/// What is absent of what a test needs.
fn absent(needs_machine: bool) -> Option<Cause<'static>> {
    if !bonfire_skip::finds("cc") || compiled("misbehave").is_none() {
        return Some(COMPILER);
    }
    (needs_machine && !bonfire_skip::finds("qemu-system-x86_64")).then_some(QEMU)
}

/// The program of that name in the testbed's folder, as a static one; `None` where
/// nothing can be linked statically.
fn compiled(name: &str) -> Option<PathBuf> {
    compiled_as(name, name, &[])
}

/// The same program with its heavy fence taken out.
fn twin(name: &str) -> Option<PathBuf> {
    compiled_as(&format!("{name}-twin"), name, &["-DTWIN"])
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bonfire-testbed/programs").join(file)
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

fn compiled_as(as_name: &str, name: &str, options: &[&str]) -> Option<PathBuf> {
    static COMPILER: Mutex<()> = Mutex::new(());
    let _alone = COMPILER.lock().unwrap_or_else(|broken| broken.into_inner());
    let program = place(as_name);
    if !program.exists() {
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-static", "-pthread", "-o"]).args([&program, &source(&format!("{name}.c"))]);
        cc.args(options);
        let output = cc.output().expect("cc was found");
        if !output.status.success() {
            assert!(
                String::from_utf8_lossy(&output.stderr).contains("cannot find"),
                "{name}.c does not compile\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            return None;
        }
    }
    Some(program)
}

fn run(options: &[&str], program: &Path, arguments: &[&str]) -> Output {
    let _alone = MACHINE.lock().unwrap_or_else(|broken| broken.into_inner());
    let mut bonfire = Command::new(env!("CARGO_BIN_EXE_bonfire"));
    // On a busy machine a program may have to wait long for its turn.
    let patience = if options.contains(&"--patience") { &[][..] } else { &["--patience", "300"] };
    bonfire.arg("boot").args(options).args(patience).arg("--run").arg(program).args(arguments);
    bonfire.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the binary that Cargo built")
}

fn check(options: &[&str], program: &Path, arguments: &[&str], status: i32, says: &str) {
    let output = run(options, program, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let what = format!("{options:?} {} {arguments:?}\n{out}\n{err}", program.display());
    assert_eq!(output.status.code(), Some(status), "{what}");
    assert!(out.contains(says) || err.contains(says), "does not say {says:?}: {what}");
}

/// Each of these says what is not as it should be: on Linux nothing is, and so it is here.
#[test]
fn programs_run_as_on_linux() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    for name in AS_ON_LINUX {
        let program = compiled(name).expect("as the one tried above");
        let native = Command::new(&program).output().expect("the program that was built");
        let output = run(&["--cpus", "4"], &program, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}: not so, or not served");
        assert_eq!((output.status.code(), output.stdout), (native.status.code(), native.stdout), "{name}");
    }
}

const AS_ON_LINUX: [&str; 5] = ["threads", "descriptors", "family", "waits", "calls"];

/// Every call of the README's table, but those that are the testbed's own, is made by a program.
#[test]
fn every_call_that_is_served_is_made_by_a_program() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    let is_linux = |call: &&Sysnum| call.number().is_some_and(|number| number < 0x1000);
    let served = Sysnum::ALL.iter().filter(is_linux).filter(|call| !matches!(call, Sysnum::Reboot));
    let mut missing: Vec<&str> = served.map(|call| call.name()).collect();
    for name in ["calls", "descriptors"] {
        let program = compiled(name).expect("as the one tried above");
        let output = run(&["--cpus", "2", "--trace"], &program, &[]);
        let trace = String::from_utf8_lossy(&output.stderr);
        missing.retain(|call| !trace.contains(&format!(": {call}(")));
    }
    assert_eq!(missing, [""; 0], "calls that no program makes");
}

/// Files of the host's, read in every way that there is, and nothing else of the host's.
#[test]
fn a_program_reads_the_files_that_it_is_given_and_no_others() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    let program = compiled("files").expect("as the one tried above");
    let text = fs::read(source("files.c")).expect("the source is there");
    let length = text.len().to_string();
    let given = format!("some/../data/text={}", source("files.c").display());
    let output = run(&["--cpus", "1", "--file", &given], &program, &["data/text", &length]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!((output.status.code(), output.stdout), (Some(0), text));
    check(&["--cpus", "1"], &program, &["data/text", &length], 1, "there is such a file");
    check(&["--file", "/nowhere/at/all"], &program, &[], 2, "/nowhere/at/all cannot be read");
}

#[test]
fn a_trace_names_calls_and_a_report_tells_how_it_ended() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    let program = compiled("misbehave").expect("tried above");
    let report = place("report.json");
    let options = ["--cpus", "1", "--trace", "--json", report.to_str().expect("a path in UTF-8")];
    let output = run(&options, &program, &["status", "5"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("thread 1: exit_group(status: 5)"), "{told}");
    assert!(told.contains("brk(end: null) = 0x"), "{told}");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(&report).expect("a report")).expect("JSON");
    assert_eq!((&report["status"], &report["signal"]), (&5.into(), &serde_json::Value::Null), "{report}");
    let number = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {report}"));
    assert!(number("boot_ms") <= number("duration_ms"), "{report}");
    assert!((4096..64 << 20).contains(&number("most_memory_bytes")), "{report}");
    check(&["--json"], &program, &[], 2, "name a file");
}

/// Rust's library on musl, with threads of all kinds.
#[test]
fn a_program_of_musl_runs_as_on_linux() {
    const MUSL: &str = "x86_64-unknown-linux-musl";
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    let program = place("musl");
    let mut rustc = Command::new("rustc");
    rustc.args(["-O", "--edition", "2024", "--target", MUSL, "-o"]).args([&program, &source("musl.rs")]);
    let output = rustc.output().expect("Cargo has a compiler");
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("can't find crate for `std`") || words.contains("the option `Z` is only accepted") {
        skip!(Cause::Program { build: "rustup target add x86_64-unknown-linux-musl" });
    }
    assert!(output.status.success(), "{words}");
    check(&["--cpus", "4"], &program, &[], 0, "ok");
}

/// The barrier is what holds these programs: without it each is seen to go wrong, and as often
/// with it none is. On the host, since the emulator lets no store wait for long.
#[test]
fn a_program_without_its_barrier_goes_wrong() {
    if let Some(cause) = absent(false) {
        skip!(cause);
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        skip!(Cause::Processor("is the only one"));
    }
    for (name, rounds) in
        [("rcu_list", "300000"), ("hazard_stack", "5000"), ("seqlock", "100000"), ("runtime", "1000")]
    {
        let [twin, whole] = [twin(name), compiled(name)].map(|program| program.expect("tried above"));
        let goes_right = |program: &Path| {
            let output = Command::new(program).arg(rounds).output().expect("the program that was built");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains(" rounds wrong"), "{name} did not end as it should: {:?}", output.status);
            output.status.success()
        };
        let tries = (0..TRIES).take_while(|_| goes_right(&twin)).count();
        if tries == TRIES {
            skip!(Cause::Busy("for a store that waits to be seen"));
        }
        assert!((0..=tries).all(|_| goes_right(&whole)), "{name} went wrong with its barrier");
    }
}

/// How often a twin is tried.
const TRIES: usize = 40;

/// Each program under some design, and each design under some program. What shows that the
/// barriers are there are the counts and the litmus cases of `boot.rs`, each with its twin, and
/// on the host the twins of these programs.
#[test]
fn programs_that_call_membarrier_run_to_their_end_under_each_design() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    for (name, rounds, design) in [
        ("rcu_list", "10", "running"),
        ("hazard_stack", "20", "mask"),
        ("runtime", "5", "everywhere"),
        ("runtime", "5", "threads"),
        ("seqlock", "50", "locked-mask"),
        ("seqlock", "50", "running-late"),
    ] {
        let program = compiled(name).expect("as the one tried above");
        check(&["--cpus", "4", "--design", design], &program, &[rounds], 0, ": 0 of");
    }
}

#[test]
fn the_end_of_a_program_is_the_end_of_the_command() {
    if let Some(cause) = absent(true) {
        skip!(cause);
    }
    let program = compiled("misbehave").expect("tried above");
    check(&["--cpus", "1"], &program, &["status", "42"], 42, "");
    check(&["--cpus", "2"], &program, &["unserved"], 0, "swapon (call 167): 5 in all");
    check(&["--cpus", "2"], &program, &["fault"], 128 + 11, "fault 14");
    check(&["--cpus", "1"], &program, &["illegal"], 128 + 4, "fault 6");
    check(&["--cpus", "2", "--memory", "64"], &program, &["exhaust"], 128 + 9, "out of memory");
    check(&["--cpus", "2", "--memory", "64"], &program, &["fork"], 3, "no page left for a new process");
    check(&["--cpus", "2"], &program, &["fork"], 3, "the most there may be: EAGAIN");
    check(&["--cpus", "2"], &program, &["zombies"], 3, "the most there may be: EAGAIN");
    check(&["--cpus", "1"], &program, &["areas"], 3, "65530 areas of memory");
    check(&["--cpus", "1"], &program, &["pipes"], 3, "the kernel's heap is used up");
    check(&["--cpus", "1", "--patience", "5"], &program, &["loop"], 124, "said nothing for 5 s");
}

#[test]
fn a_file_that_is_no_program_for_this_kernel_is_refused_with_the_cause() {
    let refuse = |file: &Path, cause: &str| check(&[], file, &[], 2, cause);
    refuse(Path::new("/nowhere"), "cannot be read");
    refuse(Path::new("Cargo.toml"), "is no ELF file");
    refuse(Path::new(env!("CARGO_BIN_EXE_bonfire")), "is dynamic, and wants /");
    if let Some(cause) = absent(false) {
        skip!(cause);
    }
    let good = fs::read(compiled("misbehave").expect("tried above")).expect("a file");
    let spoiled = |name: &str, spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        spoil(&mut bytes);
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::write(&file, bytes).expect("a file can be written");
        file
    };
    refuse(&spoiled("other", &|bytes| bytes[18] = 183), "is for another machine");
    refuse(&spoiled("object", &|bytes| bytes[16] = 1), "is no executable");
    refuse(&spoiled("short", &|bytes| bytes.truncate(bytes.len() / 8)), "cut off");
    refuse(&spoiled("overlap", &|bytes| move_segment(bytes, 0)), "overlap");
    refuse(&spoiled("high", &|bytes| move_segment(bytes, 1 << 40)), "programs do not get");
    refuse(&spoiled("entry", &|bytes| bytes[27] = 0x7f), "where it has no code");
    let large = spoiled("large", &|bytes| bytes.resize(9 << 20, 0));
    check(&["--memory", "8"], &large, &[], 2, "--memory");
}

/// Moves the second segment that is loaded to where the first one is, and `by` further.
fn move_segment(elf: &mut [u8], by: u64) {
    let word = |elf: &[u8], at: usize| u64::from_le_bytes(elf[at..at + 8].try_into().expect("8 bytes"));
    let headers = word(elf, 32) as usize;
    let loaded: Vec<usize> = (0..usize::from(elf[56]))
        .map(|i| headers + 56 * i)
        .filter(|&at| elf[at..at + 4] == [1, 0, 0, 0])
        .collect();
    let first = word(elf, loaded[0] + 16);
    elf[loaded[1] + 16..loaded[1] + 24].copy_from_slice(&(first + by).to_le_bytes());
}
