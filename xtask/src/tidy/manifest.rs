//! Rules about crates: what a manifest must say, and who may see whom.

use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use super::Finding;

/// The walls: a crate of ours, and all that it may depend on to be built.
///
/// `bonfire` and `bonfire-engine` meet only through `bonfire-abi`, as a program
/// and a kernel do. A crate not named here may depend on anything.
const WALLS: &[(&str, &[&str])] = &[
    ("bonfire-abi", &[]),
    ("bonfire", &["bonfire-abi", "libc"]),
    ("bonfire-engine", &["bonfire-abi"]),
    ("bonfire-conformance", &["bonfire-abi"]),
    ("bonfire-rcu-core", &[]),
    ("bonfire-code-core", &[]),
    (
        "bonfire-code",
        &[
            "bonfire",
            "bonfire-code-core",
            "bonfire-rcu",
            "libc",
            "range-alloc",
            // By features only.
            "cranelift-codegen",
            "cranelift-frontend",
            "cranelift-jit",
            "cranelift-module",
            "cranelift-native",
        ],
    ),
    ("bonfire-rcu", &["bonfire", "bonfire-rcu-core", "libc"]),
];

/// What breaks a rule in any manifest of the workspace.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let root = metadata.workspace_root.as_std_path();
    metadata.workspace_packages().into_iter().flat_map(|package| check_package(root, package)).collect()
}

fn check_package(root: &Path, package: &Package) -> Vec<Finding> {
    let manifest = package.manifest_path.as_std_path();
    let published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    let mut says = breached_walls(package);
    if published {
        says.extend(missing_metadata(package));
    }
    if package.name.as_str() != "bonfire-testbed" {
        says.extend(roots_without_a_stand_on_unsafe(package));
    }
    let lints = std::fs::read_to_string(manifest).unwrap_or_default().contains("[lints]\nworkspace = true");
    if !lints {
        says.push("the lints of the workspace do not apply: add `[lints] workspace = true`".into());
    }
    says.into_iter()
        .map(|says| Finding::new(manifest.strip_prefix(root).unwrap_or(manifest), 0, says))
        .collect()
}

fn breached_walls(package: &Package) -> Vec<String> {
    let Some((_, allowed)) = WALLS.iter().find(|(name, _)| package.name == *name) else { return Vec::new() };
    let shipped = package.dependencies.iter().filter(|dependency| is_shipped(dependency));
    let breaches = shipped.filter(|dependency| !allowed.contains(&dependency.name.as_str()));
    breaches.map(|dependency| format!("may not depend on {}", dependency.name)).collect()
}

/// Neither for tests nor for a checker that is asked for, with a `cfg` or a feature.
fn is_shipped(dependency: &Dependency) -> bool {
    let is_asked_for = dependency.target.as_ref().is_some_and(|target| target.to_string() == "cfg(loom)");
    let for_checker = is_asked_for || dependency.name == "loom" && dependency.optional;
    dependency.kind != DependencyKind::Development && !for_checker
}

fn missing_metadata(package: &Package) -> Vec<String> {
    let folder = package.manifest_path.parent();
    // A package is shipped without the workspace around it.
    let has = |file: &str| folder.is_some_and(|folder| folder.join(file).is_file());
    let fields = [
        ("LICENSE-MIT", has("LICENSE-MIT")),
        ("LICENSE-APACHE", has("LICENSE-APACHE")),
        ("description", package.description.is_some()),
        ("license", package.license.as_deref() == Some("MIT OR Apache-2.0")),
        ("repository", package.repository.is_some()),
        ("readme", package.readme.is_some()),
        ("rust-version", package.rust_version.is_some()),
        ("keywords", !package.keywords.is_empty()),
        ("categories", !package.categories.is_empty()),
    ];
    let missing = fields.into_iter().filter(|(_, present)| !present);
    missing.map(|(what, _)| format!("`{what}` is missing, or not that of the workspace")).collect()
}

/// Crate roots say once, at the top, that unsafe code is forbidden, or denied
/// but for the modules that expect it.
fn roots_without_a_stand_on_unsafe(package: &Package) -> Vec<String> {
    let ours = |kind: &cargo_metadata::TargetKind| {
        matches!(kind, cargo_metadata::TargetKind::Lib | cargo_metadata::TargetKind::Bin)
    };
    let roots = package.targets.iter().filter(|target| target.kind.iter().any(ours));
    let silent = roots.filter(|target| {
        let text = std::fs::read_to_string(&target.src_path).unwrap_or_default();
        !text.contains("#![forbid(unsafe_code)]") && !text.contains("#![deny(unsafe_code)]")
    });
    silent
        .map(|target| format!("the root of `{}` neither forbids nor denies unsafe_code", target.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    fn package(name: &str) -> Package {
        let metadata = repository::metadata().unwrap();
        let found = metadata.workspace_packages().into_iter().find(|package| package.name == name);
        found.unwrap().clone()
    }

    #[test]
    fn a_wall_can_be_breached() {
        let abi = package("bonfire-abi");
        assert_eq!(breached_walls(&abi), Vec::<String>::new());
        let mut breached = package("xtask");
        breached.name = abi.name;
        assert!(breached_walls(&breached).contains(&"may not depend on clap".into()));
    }

    #[test]
    fn metadata_can_be_missing() {
        let mut abi = package("bonfire-abi");
        assert_eq!(missing_metadata(&abi), Vec::<String>::new());
        abi.description = None;
        abi.license = Some("GPL-2.0".into());
        assert_eq!(missing_metadata(&abi).len(), 2);
        abi.manifest_path = "/nowhere/Cargo.toml".into();
        assert_eq!(missing_metadata(&abi).len(), 4);
    }
}
