//! Runs a command on a kernel that lies: a seccomp filter answers 0 to some calls
//! of membarrier in the kernel's place, and the command is none the wiser.
//!
//! ```sh
//! cargo run --release -p bonfire-cli --example liar -- barriers target/release/bonfire check --filter ordering
//! ```

use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};

use bonfire_abi::{Command, SYSTEM_CALL};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

const USAGE: &str = "usage: liar WHAT COMMAND [ARGUMENT]...
WHAT is answered with 0: `all` calls, all `but-query`, or the `barriers` only";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let what = arguments.next().and_then(|what| lies(what.to_str()?));
    let (Some(lies), Some(command)) = (what, arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Err(error) = lie(&lies) {
        eprintln!("the filter cannot be installed: {error}");
        return ExitCode::from(2);
    }
    let error = Process::new(&command).args(arguments).exec();
    eprintln!("{} cannot be run: {error}", command.to_string_lossy());
    ExitCode::from(2)
}

/// The commands that are answered with 0; none means every number.
fn lies(what: &str) -> Option<Vec<Command>> {
    let is_barrier = |command: Command| {
        command.needs().is_some() || matches!(command, Command::Global | Command::GlobalExpedited)
    };
    let all = Command::ALL.into_iter();
    match what {
        "all" => Some(Vec::new()),
        "but-query" => Some(all.filter(|&command| command != Command::Query).collect()),
        "barriers" => Some(all.filter(|&command| is_barrier(command)).collect()),
        _ => None,
    }
}

/// From here on this program, and whatever it becomes, is lied to.
fn lie(commands: &[Command]) -> Result<(), Box<dyn std::error::Error>> {
    let number = SYSTEM_CALL.ok_or("this architecture has no membarrier")?;
    let rules = commands.iter().map(|&command| is(command)).collect::<Result<Vec<_>, _>>()?;
    let rules = BTreeMap::from([(i64::try_from(number)?, rules)]);
    let lie = SeccompAction::Errno(0);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, lie, env::consts::ARCH.try_into()?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    Ok(())
}

fn is(command: Command) -> Result<SeccompRule, seccompiler::BackendError> {
    let number = u64::from(command.number().unsigned_abs());
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, number)?;
    SeccompRule::new(vec![condition])
}
