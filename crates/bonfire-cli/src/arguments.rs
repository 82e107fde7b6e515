//! What may be typed, defined once: the parser, `-h`, `--help`, the man page
//! and the completions all come from here and from the `Options` of the verbs.

use clap::{Parser, Subcommand};

use crate::{bench, boot, check, explain, explore, generate, scale};

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
    fn no_verb_means_check() {
        let verb = |words: &[&str]| Arguments::try_parse_from(words).map(Arguments::verb);
        assert!(matches!(verb(&["bonfire"]), Ok(Verb::Check(_))));
        assert!(matches!(verb(&["bonfire", "--filter", "abi"]), Ok(Verb::Check(_))));
        assert!(matches!(verb(&["bonfire", "explain", "SB"]), Ok(Verb::Explain(_))));
        assert!(verb(&["bonfire", "--filter", "abi", "explain", "SB"]).is_err());
    }
}
