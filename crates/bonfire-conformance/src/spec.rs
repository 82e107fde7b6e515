//! The ABI as a function: what a call must return, and what it changes.
//!
//! Every answer in this crate is compared with this one page. It is Linux's
//! behaviour as its sources have it and as it was observed on 6.18: flags
//! before everything, then "is there such a command here", then the gate of
//! the caller's own registration; the third argument is never an error.

use bonfire_abi::{Call, Command, Commands, Error, Registrations, Result};

/// What the kernel that offers `commands` must return to a process that
/// registered for `held`.
pub(crate) fn answer(commands: Commands, held: Registrations, registers: [u64; 3]) -> Result<u32> {
    let (command, _) = decode(registers)?;
    if !commands.contains(command) {
        return Err(Error::InvalidArgument);
    }
    match (command, command.needs()) {
        (_, Some(flavour)) if !held.contains(flavour) => Err(Error::NotRegistered),
        (Command::Query, _) => Ok(commands.mask()),
        (Command::GetRegistrations, _) => Ok(held.reported().mask()),
        _ => Ok(0),
    }
}

/// What the process is registered for after the call.
pub(crate) fn after(commands: Commands, held: Registrations, registers: [u64; 3]) -> Registrations {
    match decode(registers).map(|(command, _)| command.registers()) {
        Ok(Some(flavour)) if commands.contains(flavour.registration()) => held.with(flavour),
        _ => held,
    }
}

fn decode([cmd, flags, cpu_id]: [u64; 3]) -> Result<(Command, Option<bonfire_abi::Target>)> {
    Call::from_registers(cmd, flags, cpu_id).command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonfire_abi::Flavour;

    const ALL: Commands = Commands::from_mask(0x3ff);
    const NONE: Registrations = Registrations::NONE;

    fn check(commands: Commands, held: Registrations, registers: [u64; 3], expected: Result<u32>) {
        assert_eq!(answer(commands, held, registers), expected, "{commands:?} {held:?} {registers:x?}");
    }

    #[test]
    fn a_bad_flag_or_an_absent_command_beats_the_gate() {
        check(ALL, NONE, [8, 0, 0], Err(Error::NotRegistered));
        check(ALL, NONE, [8, 1, 0], Err(Error::InvalidArgument));
        check(ALL, NONE, [128, 2, 0], Err(Error::InvalidArgument));
        check(Commands::from_mask(0x19f), NONE, [32, 0, 0], Err(Error::InvalidArgument));
    }

    #[test]
    fn only_private_flavours_have_a_gate_and_each_its_own() {
        let core = NONE.with(Flavour::SyncCore);
        check(ALL, core, [32, 0, 0], Ok(0));
        check(ALL, core, [8, 0, 0], Err(Error::NotRegistered));
        check(ALL, NONE, [2, 0, 0], Ok(0));
        check(ALL, core, [512, 0, 0], Ok(0x50));
    }

    #[test]
    fn a_registration_changes_what_is_held_only_if_the_kernel_has_it() {
        assert_eq!(after(ALL, NONE, [16, 0, 0]), NONE.with(Flavour::Private));
        assert_eq!(after(ALL, NONE, [16, 1, 0]), NONE);
        assert_eq!(after(Commands::NONE, NONE, [16, 0, 0]), NONE);
    }
}
