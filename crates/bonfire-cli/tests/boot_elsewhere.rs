//! `bonfire boot --arch`: the same kernel on machines of other architectures than the host's. A
//! machine whose emulator is absent, or for which nothing can be built here, is skipped, with the
//! line that installs what is missing.

mod sites;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use bonfire_skip::{Cause, skip};
use bonfire_testbed::Architecture;

use sites::OF_EVERY_ARCHITECTURE;

/// One machine at a time: each has as many threads as CPUs.
static MACHINE: Mutex<()> = Mutex::new(());

/// A machine, and what is its own.
struct Elsewhere {
    architecture: Architecture,
    add_target: &'static str,
    /// The core serialisations that the engine owes under the design `running`.
    serialisations: &'static [&'static str],
    /// What its kernel calls the fault of a store to nowhere.
    fault: &'static str,
}

const AARCH64: Elsewhere = Elsewhere {
    architecture: Architecture::Aarch64,
    add_target: "rustup target add aarch64-unknown-linux-gnu",
    serialisations: &[],
    fault: "fault 0x24",
};

const RISCV64: Elsewhere = Elsewhere {
    architecture: Architecture::Riscv64,
    add_target: "rustup target add riscv64gc-unknown-linux-gnu",
    serialisations: &["SelfCoreSync", "IpiCoreSync", "SwitchCoreSync", "RetCoreSync"],
    fault: "fault 15 (store page fault)",
};

#[test]
fn barriers_are_passed_as_owed_on_aarch64() {
    AARCH64.passes_what_is_owed();
}

#[test]
fn a_barrier_that_is_left_out_is_missed_on_aarch64() {
    AARCH64.misses_what_is_left_out();
}

#[test]
fn cases_conform_and_a_machine_that_fails_says_why_on_aarch64() {
    AARCH64.conforms();
}

#[test]
fn programs_run_on_aarch64() {
    AARCH64.runs_programs();
}

#[test]
fn barriers_are_passed_as_owed_on_riscv64() {
    RISCV64.passes_what_is_owed();
}

#[test]
fn a_barrier_that_is_left_out_is_missed_on_riscv64() {
    RISCV64.misses_what_is_left_out();
}

#[test]
fn cases_conform_and_a_machine_that_fails_says_why_on_riscv64() {
    RISCV64.conforms();
}

#[test]
fn programs_run_on_riscv64() {
    RISCV64.runs_programs();
}

impl Elsewhere {
    /// What is absent of what a machine needs.
    fn absent(&self) -> Option<Cause<'_>> {
        if !bonfire_skip::finds(self.architecture.emulator()) {
            return Some(Cause::Tool { package: self.architecture.emulator_packages() });
        }
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", self.architecture.target()]);
        let library = rustc.output().expect("Cargo has a compiler").stdout;
        let library = String::from_utf8_lossy(&library);
        (!Path::new(library.trim()).is_dir()).then_some(Cause::Program { build: self.add_target })
    }

    fn boot(&self, arguments: &[&str]) -> Output {
        let _alone = MACHINE.lock().unwrap_or_else(|broken| broken.into_inner());
        let mut bonfire = Command::new(env!("CARGO_BIN_EXE_bonfire"));
        bonfire.args(["boot", "--arch", self.architecture.name(), "--patience", "120"]);
        bonfire.arg("--kernel").arg(self.image()).args(arguments);
        bonfire.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the binary that Cargo built")
    }

    /// The kernel, which every test boots, and one builds.
    fn image(&self) -> PathBuf {
        static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
        let mut built = BUILT.lock().unwrap_or_else(|broken| broken.into_inner());
        let build = || {
            let mut cargo = Command::new("cargo");
            cargo.args(["xtask", "testbed", "--arch", self.architecture.name()]);
            let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("Cargo is there");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
        };
        built.entry(self.architecture.name()).or_insert_with(build).clone()
    }

    fn check(&self, arguments: &[&str], status: i32, says: &str) -> String {
        let output = self.boot(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let what = format!("{} {arguments:?}\n{out}\n{err}", self.architecture);
        assert_eq!(output.status.code(), Some(status), "{what}");
        assert!(out.contains(says) || err.contains(says), "does not say {says:?}: {what}");
        out.into_owned()
    }

    fn passes_what_is_owed(&self) {
        if let Some(cause) = self.absent() {
            skip!(cause);
        }
        for (cpus, design) in [
            ("4", "running"),
            ("2", "everywhere"),
            ("2", "running-late"),
            ("2", "running-if-stale"),
            ("2", "mask"),
            ("2", "locked-mask"),
            ("2", "threads"),
        ] {
            self.check(&["--filter", "counted", "--cpus", cpus, "--design", design], 0, "as owed");
        }
    }

    /// The twin of the test above, and of hooks that are forgotten.
    fn misses_what_is_left_out(&self) {
        if let Some(cause) = self.absent() {
            skip!(cause);
        }
        let mut of_running = Vec::from(OF_EVERY_ARCHITECTURE);
        of_running.extend(self.serialisations);
        let faults: Vec<_> = of_running.iter().flat_map(|site| ["--fault", site]).collect();
        self.misses(&faults, &of_running);
        if !self.serialisations.is_empty() {
            self.misses(&["--design", "running-late", "--fault", "ExitCoreSync"], &["ExitCoreSync"]);
            let sites = ["StaleMb", "SwitchCoreSync"];
            let faults: Vec<_> = sites.iter().flat_map(|site| ["--fault", site]).collect();
            self.misses(&[&["--design", "running-if-stale"], &faults[..]].concat(), &sites);
        }
        self.misses(&["--fault", "poke"], &["private/target/IpiMb"]);
        let forgotten = ["--filter", "counted", "--cpus", "2", "--forget", "switch"];
        self.check(&forgotten, 0, "5 of 5 as owed");
        let reached = ["hooks/thread/reached", "hooks/image/reached", "hooks/kernel-thread/reached"];
        self.misses(&["--forget", "switch", "--fault", "poke"], &reached);
    }

    fn misses(&self, faults: &[&str], missed: &[&str]) {
        let out = self.check(&[&["--filter", "counted", "--cpus", "2"], faults].concat(), 1, "owed");
        for site in missed {
            let is_line =
                |line: &str| line.split(' ').any(|word| word.ends_with(site)) && line.contains("owed");
            assert!(out.lines().any(is_line), "{faults:?} does not miss {site}\n{out}");
        }
    }

    fn conforms(&self) {
        if let Some(cause) = self.absent() {
            skip!(cause);
        }
        self.check(&["--filter", "abi", "--cpus", "1"], 0, "114 conform");
        self.check(&["--filter", "lifetime", "--cpus", "8"], 0, "48 conform");
        // Where others have the host's CPUs, cases cannot be told; none may be found wrong.
        let ordering = self.boot(&["--filter", "ordering/SB/PRIVATE", "--cpus", "2", "--budget", "5"]);
        let told = String::from_utf8_lossy(&ordering.stdout);
        assert!(told.contains(" 0 do not"), "{told}");
        self.check(&["--program", "churn"], 0, "");
        self.check(&["--filter", "lifetime", "--memory", "32"], 3, "too little memory");
        self.check(&["--program", "fault"], 3, self.fault);
        self.check(&["--program", "unknown"], 3, "the user program failed");
    }

    /// Programs that say what is not as on Linux, some that rely on barriers, and one that goes
    /// wrong.
    fn runs_programs(&self) {
        if let Some(cause) = self.absent() {
            skip!(cause);
        }
        if !bonfire_skip::finds(self.architecture.cross_compiler()) {
            skip!(Cause::Tool { package: self.architecture.cross_compiler_packages() });
        }
        for name in ["threads", "descriptors", "family", "waits", "calls"] {
            self.run(name, &[], 0, "ok");
        }
        self.run("rcu_list", &["5"], 0, ": 0 of");
        self.run("runtime", &["5"], 0, ": 0 of");
        self.run("misbehave", &["status", "42"], 42, "");
        self.run("misbehave", &["unserved"], 0, "swapon (call 224): 5 in all");
        self.run("misbehave", &["fault"], 128 + 11, self.fault);
        let mine = env!("CARGO_BIN_EXE_bonfire");
        if self.architecture.name() != std::env::consts::ARCH {
            self.check(&["--run", mine], 2, "is for another machine");
        }
    }

    fn run(&self, name: &str, arguments: &[&str], status: i32, says: &str) {
        let program = self.compiled(name);
        let program = program.to_str().expect("a path in UTF-8");
        let out = self.check(&[&["--cpus", "4", "--run", program], arguments].concat(), status, says);
        assert!(status != 0 || arguments == ["unserved"] || out.contains(says), "{name}: {out}");
    }

    fn compiled(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bonfire-testbed/programs");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", self.architecture));
        let mut cc = Command::new(self.architecture.cross_compiler());
        cc.args(["-O2", "-static", "-pthread", "-o"])
            .args([&program, &folder.join(name).with_extension("c")]);
        let output = cc.output().expect("the compiler was found");
        assert!(output.status.success(), "{name}.c: {}", String::from_utf8_lossy(&output.stderr));
        program
    }
}
