//! What may be typed, defined once: the parser, `-h`, `--help`, the man page
//! and the completions all come from here and from the `Options` of the verbs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::output::Output;
use crate::report::{Destination, Format};
use crate::{bench, boot, check, explain, explore, generate, scale, seed};

/// Tell whether this kernel's membarrier(2) is right: its answers, its lifetimes, its ordering
///
/// Without a verb, checks the running kernel. Each case ends in one of four ways: the kernel
/// conforms; it does not; it cannot be told; or it is not observable here. That something never
/// happens is believed only where a twin of the case, with the barrier taken out, was seen to
/// let it happen in the same run.
#[derive(Parser)]
#[command(name = "bonfire", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(args_conflicts_with_subcommands = true, after_help = SHORT, after_long_help = long())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    check: check::Options,
    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
}

/// What `bonfire` can be asked to do. Each verb is a module of the same name.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Check(check::Options),
    Bench(bench::Options),
    Boot(boot::Options),
    Explain(explain::Options),
    Explore(explore::Options),
    Generate(generate::Options),
    Scale(scale::Options),
}

impl Arguments {
    /// The verb that was typed, or the one that was meant.
    pub(crate) fn verb(self) -> Verb {
        self.verb.unwrap_or(Verb::Check(self.check))
    }
}

/// Which cases run, and how: what `check` and `boot` have in common.
#[derive(Args)]
pub(crate) struct OfCases {
    /// Run only the cases of this group, or those with this text in their id
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// Hunt for known faults of real kernels that show only in some runs
    ///
    /// Runs the hunts in place of the other cases. They find more with a larger --budget, and
    /// with the right to use real-time priorities.
    #[arg(long)]
    pub(crate) hunt: bool,

    /// How long the cases may take together, at least 5 seconds, by the clock of the machine
    ///
    /// It is shared out among the cases; a case that has seen enough leaves the rest to others.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = budget)]
    pub(crate) budget: Duration,

    /// Where the random delays start, to try those of an earlier run again
    #[arg(long, value_name = "NUMBER", value_parser = seed::parse)]
    pub(crate) seed: Option<u64>,

    /// Show every case with its evidence, not only the groups
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Write a report in JSON to FILE, or to stdout in place of the one for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<OsString>,

    /// Write a report in JUnit's XML to FILE, or to stdout in place of the one for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    junit: Option<OsString>,
}

impl OfCases {
    /// Where reports go. The one for people goes to stdout unless another does.
    pub(crate) fn destinations(&self) -> Result<Vec<Destination>> {
        let asked = [(&self.json, Format::Json), (&self.junit, Format::Junit)];
        let asked = asked.into_iter().filter_map(|(to, format)| Some((to.as_ref()?, format)));
        let mut all = asked.map(|(to, format)| Destination::open(to, format)).collect::<Result<Vec<_>>>()?;
        let taken = all.iter().filter(|destination| destination.is_stdout()).count();
        ensure!(taken < 2, "--json and --junit cannot both go to stdout; name a file for one");
        if taken == 0 {
            all.insert(0, Destination::people()?);
        }
        Ok(all)
    }
}

/// Seconds; a shorter run could not tell.
fn budget(text: &str) -> Result<Duration, String> {
    const SHORTEST: u64 = 5;
    const LONGEST: u64 = 7 * 24 * 60 * 60;
    match text.parse() {
        Ok(seconds @ SHORTEST..=LONGEST) => Ok(Duration::from_secs(seconds)),
        Ok(0..SHORTEST) => Err(format!("too short to tell anything; give it {SHORTEST} seconds or more")),
        _ => Err(format!("not a number of seconds from {SHORTEST} to {LONGEST}")),
    }
}

/// The report for machines of the verbs that run no cases.
#[derive(Args)]
pub(crate) struct ForMachines {
    /// Write what was found in JSON to FILE, or to stdout in place of the report for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
}

impl ForMachines {
    /// Opens it, if it was asked for: before a run, so that a path that cannot be
    /// written costs none.
    pub(crate) fn open(&self) -> Result<Option<Output>> {
        self.json.as_deref().map(Output::open).transpose()
    }
}

/// A titled list that ends the long help and is a section of the man page.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) entries: &'static [(&'static str, &'static str)],
}

/// What follows the options, in the order of a man page.
pub(crate) const SECTIONS: [Section; 2] = [
    Section {
        title: "Exit status",
        entries: &[
            ("0", "every case that could be judged conforms"),
            ("1", "at least one case does not conform"),
            ("2", "none was seen not to conform, but at least one cannot be told; or bad usage"),
            ("3", "bonfire boot: the machine failed, or there is none"),
            ("130", "interrupted by Ctrl-C"),
        ],
    },
    Section {
        title: "Examples",
        entries: &[
            ("bonfire", "check the running kernel within 30 seconds"),
            ("bonfire --filter ordering", "only the cases of one group"),
            ("bonfire --list", "the cases, and what each rests on"),
            ("bonfire --hunt --budget 300", "look for known faults that show only in some runs"),
            ("bonfire --json report.json", "a report for a machine, beside the one for people"),
            ("bonfire bench --html costs.html", "what fences cost on this machine, with plots"),
            ("bonfire bench --rcu rcu.json", "what readers cost, as benches/rcu has measured it"),
            ("bonfire boot --cpus 4", "the engine in a kernel of its own, in QEMU"),
            ("bonfire explore --design running", "every barrier of the engine, on every interleaving"),
            ("bonfire explore --scenario D/ --mutant ExitMm", "what breaks without one of them"),
            ("bonfire explore --shard 2/4 --json 2.json", "a part of it, for one of four jobs"),
            ("bonfire explore --merge 1.json 2.json 3.json 4.json", "the report of the whole"),
            ("bonfire scale --html scale.html", "what each design costs on machines that nobody here owns"),
            ("bonfire explain abi/RSEQ/registered/flags", "what a case tries, why, and what a failure means"),
        ],
    },
];

const SHORT: &str = "Exit status: 0 conforms, 1 does not, 2 cannot tell or bad usage. More with --help.";

fn long() -> String {
    let section = |section: &Section| {
        let width = section.entries.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
        let lines = section.entries.iter().map(|(what, says)| format!("  {what:width$}  {says}\n"));
        format!("{}:\n{}", section.title, lines.collect::<String>())
    };
    SECTIONS.iter().map(section).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_budget_is_long_enough_to_tell() {
        assert_eq!(budget("5"), Ok(Duration::from_secs(5)));
        assert!(budget("4").is_err_and(|error| error.contains("5 seconds")));
        for nonsense in ["", "-1", "1e3", "30s", "99999999999999999999"] {
            assert!(budget(nonsense).is_err_and(|error| error.contains("number of seconds")), "{nonsense}");
        }
    }

    #[test]
    fn no_verb_means_check() {
        let verb = |words: &[&str]| Arguments::try_parse_from(words).map(Arguments::verb);
        assert!(matches!(verb(&["bonfire"]), Ok(Verb::Check(_))));
        assert!(matches!(verb(&["bonfire", "--filter", "abi"]), Ok(Verb::Check(_))));
        assert!(matches!(verb(&["bonfire", "explain", "SB"]), Ok(Verb::Explain(_))));
        assert!(verb(&["bonfire", "--filter", "abi", "explain", "SB"]).is_err());
    }
}
