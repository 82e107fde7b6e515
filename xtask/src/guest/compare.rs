//! Two reports side by side: what each says of its kernel.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::report::{Ending, Endings, Report};

/// Prints where the reports of `host` and `guest` differ, and fails where that
/// has no good cause.
pub(super) fn run(host: &Report, guest: &Report) -> Result<()> {
    println!("host:  {}\nguest: {}", host.environment, guest.environment);
    let (host, guest) = (&host.endings, &guest.endings);
    ensure!(host.keys().eq(guest.keys()), "the two runs did not run the same cases");
    let differing = differing(host, guest);
    for ((host, guest), cases) in &differing {
        println!("{} here, {} there ({}):", host.verdict, guest.verdict, guest.reason);
        cases.iter().for_each(|case| println!("  {case}"));
    }
    let unexcused = differing.iter().filter(|((_, guest), _)| !is_excused(guest));
    let unexcused: usize = unexcused.map(|(_, cases)| cases.len()).sum();
    ensure!(unexcused == 0, "{unexcused} of {} cases differ without a good cause", host.len());
    let same = host.len() - differing.values().map(Vec::len).sum::<usize>();
    println!("{same} of {} cases are the same; the others for the reasons above", host.len());
    Ok(())
}

/// The cases that ended differently, by how.
fn differing<'a>(host: &'a Endings, guest: &'a Endings) -> BTreeMap<(&'a Ending, &'a Ending), Vec<&'a str>> {
    let mut differing: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((case, host), guest) in host.iter().zip(guest.values()) {
        if host.verdict != guest.verdict {
            differing.entry((host, guest)).or_default().push(case);
        }
    }
    differing
}

/// The guest's kernel may lack a command. Its emulator translates whole blocks
/// of code and takes its time over a call, so that neither stale instructions
/// nor stores that wait in a buffer need show: then nothing is told, and that is
/// said. Nothing else excuses a difference.
fn is_excused(guest: &Ending) -> bool {
    guest.verdict == "not observable here" || guest.cause == "twin_silent"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(verdict: &str, cause: &str) -> Ending {
        Ending { verdict: verdict.into(), cause: cause.into(), ..Ending::default() }
    }

    #[test]
    fn a_kernel_may_lack_a_command_but_not_a_barrier() {
        assert!(is_excused(&ending("not observable here", "not_advertised")));
        assert!(!is_excused(&ending("does not conform", "forbidden_outcome")));
        assert!(!is_excused(&ending("cannot tell", "hung")));
    }

    #[test]
    fn only_verdicts_are_compared() {
        let [well, late] = ["", "hung"].map(|cause| ending("conforms", cause));
        let lacking = ending("not observable here", "not_advertised");
        let host = Endings::from([("a".into(), well.clone()), ("b".into(), well.clone())]);
        let guest = Endings::from([("a".into(), late), ("b".into(), lacking.clone())]);
        assert_eq!(differing(&host, &guest), BTreeMap::from([((&well, &lacking), vec!["b"])]));
    }
}
