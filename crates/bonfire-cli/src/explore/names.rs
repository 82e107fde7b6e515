//! The names of designs and of changed sites, as they are typed and written.

use bonfire_engine::Site;
use bonfire_model::explorer::{Barrier, Flaw};
use bonfire_model::machine::{Change, Mutant};
use bonfire_model::matrix;
use bonfire_model::run::Design;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads the name of a design, and knows which there are.
pub(super) fn designs() -> impl TypedValueParser<Value = Design> {
    PossibleValuesParser::new(Design::ALL.map(Design::name))
        .map(|name| design(&name).expect("one of those that are possible"))
}

/// The design of this name.
pub(super) fn design(name: &str) -> Option<Design> {
    Design::ALL.into_iter().find(|design| design.name() == name)
}

/// A changed site: `SITE` alone is taken out, `SITE=write` is only a write
/// barrier, and so on.
pub(super) fn change(text: &str) -> Result<(Site, Change), String> {
    let (name, left) = text.split_once('=').map_or((text, None), |(name, left)| (name, Some(left)));
    let site = Site::ALL.into_iter().find(|site| site.name() == name).ok_or_else(|| {
        let names = Site::ALL.map(Site::name);
        let nearest = nearest(name, names).unwrap_or_default();
        format!("no site has this name; the nearest is {nearest}, and all are\n{}", names.join(", "))
    })?;
    let change = match left {
        None | Some("deleted") => Change::Deleted,
        Some("write") => Change::Weakened(Barrier::Write),
        Some("acquire") => Change::Weakened(Barrier::Acquire),
        Some("release") => Change::Weakened(Barrier::Release),
        Some(_) => return Err("a site is deleted, or becomes write, acquire or release".to_owned()),
    };
    if !matrix::applies(site, change) {
        return Err(format!("{name} serialises a core: it has no weaker form, give {name} alone"));
    }
    Ok((site, change))
}

/// A changed site, as [`change`] reads it.
pub(super) fn spelled((site, change): (Site, Change)) -> String {
    let left = match change {
        Change::Deleted => return site.name().to_owned(),
        Change::Weakened(Barrier::Full) => "full",
        Change::Weakened(Barrier::Write) => "write",
        Change::Weakened(Barrier::Acquire) => "acquire",
        Change::Weakened(Barrier::Release) => "release",
    };
    format!("{}={left}", site.name())
}

/// What is changed in an engine, for people.
pub(super) fn told(mutant: &Mutant) -> String {
    let one = |&(site, change): &(Site, Change)| match change {
        Change::Deleted => format!("without {}", site.name()),
        Change::Weakened(barrier) => {
            format!("with {} only {}", site.name(), format!("{barrier:?}").to_lowercase())
        }
    };
    match mutant.is_empty() {
        true => "as it ships".to_owned(),
        false => mutant.iter().map(one).collect::<Vec<_>>().join(" and "),
    }
}

/// What an engine does too much, in a word; nothing, for a flaw that has a word
/// of its own.
pub(super) const fn disturbance(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::Poked => "poke",
        Flaw::PokedTwice => "second poke",
        Flaw::Paid => "barrier",
        Flaw::Unpinned => "unpinned thread",
        Flaw::Forbidden(_) | Flaw::Hang => "",
    }
}

/// The name that is most like `typed`.
pub(super) fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&typed, &name.to_lowercase());
    names.into_iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_it_is_spelled() {
        for site in Site::ALL {
            for &left in matrix::ALL_CHANGES.iter().filter(|&&left| matrix::applies(site, left)) {
                assert_eq!(change(&spelled((site, left))), Ok((site, left)));
            }
        }
        assert!(change("IpiCoreSync=write").is_err() && change("SysExit=none").is_err());
    }

    #[test]
    fn a_mistyped_site_is_told_the_nearest() {
        assert!(change("sysexit").is_err_and(|error| error.contains("nearest is SysExit,")));
        assert!(change("Exitmmm").is_err_and(|error| error.contains("nearest is ExitMm,")));
    }
}
