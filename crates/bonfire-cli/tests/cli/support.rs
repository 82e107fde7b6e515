//! The real binary, run as a user would, with or without a filter before it.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use bonfire_abi::{Command as Membarrier, SYSTEM_CALL};
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};

/// `bonfire` with these arguments, not yet started.
pub(crate) fn bonfire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonfire"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs `bonfire` with these arguments to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    bonfire(arguments).output().expect("the binary was built and starts")
}

/// What was printed to stdout.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What was printed to stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A seccomp filter that answers some calls of membarrier in the kernel's place.
pub(crate) struct Filter {
    /// Which commands; none means every call, commands or not.
    pub(crate) commands: Vec<Membarrier>,
    /// The error that they end with, or 0 for a return value of 0.
    pub(crate) errno: u32,
}

impl Filter {
    /// Runs `bonfire` behind this filter to its end.
    ///
    /// A filter holds for one thread and all that comes from it, so a thread of
    /// its own starts the binary and this process stays as it was.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let program = self.program();
        std::thread::scope(|scope| {
            let filtered = scope.spawn(|| {
                seccompiler::apply_filter(&program).expect("this kernel has seccomp filters");
                run(arguments)
            });
            filtered.join().expect("the run ended")
        })
    }

    fn program(&self) -> BpfProgram {
        let membarrier = SYSTEM_CALL.expect("this architecture has membarrier") as i64;
        let rules =
            BTreeMap::from([(membarrier, self.commands.iter().map(|&command| is(command)).collect())]);
        filter(rules, self.errno)
    }
}

/// A filter that answers the calls of these rules with `errno`.
pub(crate) fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: u32) -> BpfProgram {
    let arch = std::env::consts::ARCH.try_into().expect("seccompiler knows this architecture");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch).unwrap();
    filter.try_into().unwrap()
}

fn is(command: Membarrier) -> SeccompRule {
    let number = u64::try_from(command.number()).unwrap();
    SeccompRule::new(vec![SeccompCondition::new(0, Dword, SeccompCmpOp::Eq, number).unwrap()]).unwrap()
}
