//! `bonfire explain NAME`: what a case does, why, and what a failure means; what a
//! barrier of the engine is for; or what a scenario of `bonfire explore` tells.

use std::process::ExitCode;

use anyhow::{Result, bail};
use bonfire_conformance::{Case, cases};
use clap::Args;

use crate::explore;
use crate::report::text;

/// Explain a case, a scenario of `bonfire explore`, or a barrier of the engine
///
/// Of a case: its diagram, its clause, which barrier forbids it, and what a failure means. Of a
/// barrier, such as MmDrop: its edge, both ends of it, and what breaks without it. Of a scenario,
/// such as C3/LB: who does what, and which barriers each design passes.
#[derive(Args)]
pub(crate) struct Options {
    /// The id of a case, or a part that no other has (--list shows the ids); a scenario
    /// (`bonfire explore --list`); or a barrier
    case: String,
}

/// Explains the one case that is meant.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let text = match explore::explain::of(&options.case) {
        Some(text) => text,
        None => text::explanation(&meant(&options.case)?),
    };
    text::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The case of this id, or the only one that has it in its id.
fn meant(id: &str) -> Result<Case> {
    let like: Vec<Case> = cases().filter(|case| case.has_in_id(id)).collect();
    let exact = like.iter().find(|case| case.to_string() == id);
    match (exact, like.as_slice()) {
        (Some(&case), _) | (None, &[case]) => Ok(case),
        (None, []) => {
            let like = explore::explain::nearest(id).unwrap_or_default();
            bail!(
                "no case is called {id:?}; `bonfire --list` and `bonfire --list --hunt` show all; of scenarios \
                 and barriers {like:?} is the nearest, and `bonfire explore --list` shows them"
            )
        }
        (None, several) => bail!("{id:?} may be any of {}:\n{}", several.len(), ids(several)),
    }
}

/// As many as a screen takes.
fn ids(cases: &[Case]) -> String {
    const SHOWN: usize = 20;
    let shown = cases.iter().take(SHOWN).map(|case| format!("  {case}"));
    let rest = (cases.len() > SHOWN).then(|| format!("  and {} more", cases.len() - SHOWN));
    shown.chain(rest).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_named_and_explained() {
        for case in cases() {
            assert_eq!(meant(&case.to_string()).unwrap(), case);
            assert!(text::explanation(&case).contains(case.citation()), "{case}");
        }
    }

    /// Where it can be seen is told of cases that need something of the machine.
    #[test]
    fn the_rule_is_told_where_it_decides() {
        let told = |id: &str| text::explanation(&meant(id).unwrap());
        let store = told("ordering/SB/PRIVATE_EXPEDITED/spinning");
        assert!(store.contains("twice as long as any store waits"), "{store}");
        assert!(told("sync_core/patch-barrier-flag/other-cpu").contains("a translation may be kept"));
        assert!(!told("abi/QUERY/unregistered/plain").contains("measured of the machine"));
    }

    #[test]
    fn what_is_meant_must_be_clear() {
        assert!(meant("no such case").is_err_and(|error| error.to_string().contains("--list")));
        assert!(meant("/").is_err_and(|error| error.to_string().contains("may be any of")));
    }
}
