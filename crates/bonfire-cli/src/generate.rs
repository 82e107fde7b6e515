//! `bonfire generate`: the man page and the completions, from the one
//! definition of the arguments.

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::arguments::{Arguments, SECTIONS};
use crate::report::text;

/// Print the man page, or the completions of a shell
#[derive(Args)]
pub(crate) struct Options {
    /// What to print
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Prints what was asked for to stdout.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let page = match options.what {
        What::Man => man()?,
        What::Bash => completions(Shell::Bash),
        What::Elvish => completions(Shell::Elvish),
        What::Fish => completions(Shell::Fish),
        What::Powershell => completions(Shell::PowerShell),
        What::Zsh => completions(Shell::Zsh),
    };
    text::print(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bonfire", &mut script);
    script
}

/// One page: the options of `check` stand at the top, as they may be typed.
fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(Arguments::command()).manual("Bonfire");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    sections().to_writer(&mut page)?;
    Ok(page)
}

/// The verbs, what the long help ends with, and where to read on.
fn sections() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for verb in Arguments::command().get_subcommands() {
        let says = verb.get_about().map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []).text([bold(verb.get_name())]).text([roman(says)]);
    }
    for section in SECTIONS {
        roff.control("SH", [section.title.to_uppercase().as_str()]);
        for (what, says) in section.entries {
            roff.control("TP", []).text([bold(*what)]).text([roman(*says)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]).text([bold("membarrier"), roman("(2)")]);
    roff
}
