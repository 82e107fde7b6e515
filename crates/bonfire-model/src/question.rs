//! What is explored: everything on which the [answer](crate::answer) depends.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bonfire_engine::Site;

use crate::excuse;
use crate::explorer::{Memory, Rules};
use crate::machine::Change;
use crate::matrix::{self, Group, Record};
use crate::run::Design;
use crate::scenario::{self, Scenario};

/// What is explored.
#[derive(Clone, Debug)]
pub struct Question {
    /// On which machine.
    pub rules: Rules,
    /// In which designs, each once.
    pub designs: Vec<Design>,
    /// In which scenarios.
    pub scenarios: Vec<Scenario>,
    /// Whether those are all scenarios of two CPUs.
    pub has_all: bool,
    /// Which engines are tried beside the one that ships.
    pub changes: Changes,
}

/// Which engines are tried beside the one that ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Each site taken out.
    Deletions,
    /// Each site taken out, and weakened in each way.
    All,
    /// One.
    One((Site, Change)),
}

impl Question {
    /// Every scenario of two CPUs on every design, on the machine on which the
    /// excuses are judged, with each site taken out.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            rules: Rules::WEAK,
            designs: Design::ALL.to_vec(),
            scenarios: scenario::two_cpus(),
            has_all: true,
            changes: Changes::Deletions,
        }
    }

    /// Whether every scenario runs that the excuses were judged against, on the
    /// machine that they were judged on: only then does it mean anything that
    /// nothing breaks.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.has_all && self.rules.memory == Memory::Weak
    }

    /// Whether the runs of a changed engine end with the first that breaks.
    #[must_use]
    pub fn ends_with_the_first(&self) -> bool {
        self.changes != Changes::All
    }

    /// The runs of the engine as it ships.
    #[must_use]
    pub fn unchanged(&self) -> Vec<Group> {
        matrix::unchanged(&self.scenarios, &self.designs, self.rules)
    }

    /// The runs with something changed, to be made after these.
    #[must_use]
    pub fn changed(&self, unchanged: &[Record]) -> Vec<Group> {
        let changes = match self.changes {
            Changes::One((site, change)) => return matrix::changed(unchanged, &[site], &[change]),
            Changes::All => matrix::ALL_CHANGES,
            Changes::Deletions => matrix::DELETED,
        };
        let mut groups = matrix::changed(unchanged, &Site::ALL, changes);
        if !self.ends_with_the_first() {
            groups = matrix::each_for_itself(groups);
        }
        groups.extend(self.pairs(unchanged, changes));
        groups
    }

    /// The engines that must break for the excuses to stand.
    fn pairs(&self, unchanged: &[Record], changes: &[Change]) -> Vec<Group> {
        let mut pairs = Vec::new();
        for &design in &self.designs {
            for (site, &change) in
                Site::ALL.into_iter().flat_map(|site| changes.iter().map(move |c| (site, c)))
            {
                let excuse = excuse::excuse(design, site, change);
                if let Some(pair) = excuse.and_then(|excuse| excuse.pair(site)) {
                    pairs.push(matrix::against(unchanged, design, &pair));
                }
            }
        }
        pairs.dedup();
        pairs
    }

    /// A number made of all that the scenarios say, the same in every run of one
    /// build.
    #[must_use]
    pub fn suite(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.scenarios.hash(&mut hasher);
        hasher.finish()
    }

    /// The name of the scenario of a run.
    #[must_use]
    pub fn name_of(&self, record: &Record) -> &str {
        &self.scenarios[record.job.scenario].name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_known_by_what_its_scenarios_say() {
        let whole = Question::whole();
        assert_eq!(whole.suite(), Question::whole().suite());
        let mut other = Question::whole();
        other.scenarios[0].forbidden.clear();
        assert_ne!(whole.suite(), other.suite());
    }
}
