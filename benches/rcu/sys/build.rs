//! Compiles liburcu's read sections, inlined, where its headers are installed.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(urcu)");
    println!("cargo::rerun-if-changed=sys/urcu.c");
    let folders = ["/usr/include", "/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu"];
    if !folders.iter().any(|folder| Path::new(folder).join("urcu/urcu-memb.h").exists()) {
        println!("cargo::warning=liburcu is left out: apt-get install liburcu-dev");
        return;
    }
    for flavour in ["memb", "qsbr", "bp"] {
        let mut build = cc::Build::new();
        build.file("sys/urcu.c").opt_level(3).define("FLAVOUR", flavour);
        build.define(&format!("RCU_{}", flavour.to_uppercase()), None);
        build.compile(&format!("sections_{flavour}"));
        println!("cargo::rustc-link-lib=urcu-{flavour}");
    }
    println!("cargo::rustc-cfg=urcu");
}
