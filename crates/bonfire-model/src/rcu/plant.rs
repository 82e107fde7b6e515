//! Faults of a kind that programs have had, planted to be found.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plant {
    /// The updater waits for readers before it unpublishes.
    WaitsTooEarly,
    /// The updater joins the line before it unpublishes: its list of what was retired is
    /// taken behind the heavy fence.
    JoinsTooEarly,
    /// A grace period is shared by an updater that came after its heavy fence.
    SharesTooEarly,
    /// The updater waits until a reader is outside, however often it has left.
    WaitsForOutside,
    /// The records are counted before the heavy fence.
    CountsTooEarly,
    /// A record is given back before its owner has left.
    VacatesFirst,
    /// The process says that it is registered before it is.
    ReadyTooEarly,
    /// A slot says nothing while its pointer is loaded, and the pointer is not loaded again.
    NoWildcard,
    /// A scan takes a slot that holds anything for one that holds nothing.
    WildcardIsNothing,
    /// Nothing is waited for.
    NoGracePeriod,
}

/// All of them, with what each is.
pub const PLANTS: [(Plant, &str); 10] = [
    (Plant::WaitsTooEarly, "the heavy fence comes before the old value is unpublished"),
    (Plant::JoinsTooEarly, "what was retired is looked for behind the heavy fence"),
    (Plant::SharesTooEarly, "a grace period is shared by an updater that came after its heavy fence"),
    (Plant::WaitsForOutside, "the updater waits until the reader is outside, not until it has left once"),
    (Plant::CountsTooEarly, "the records are counted before the heavy fence"),
    (Plant::VacatesFirst, "a record is given back before its owner has left, and is taken by another"),
    (Plant::ReadyTooEarly, "READY is seen before the registration is done"),
    (Plant::NoWildcard, "a slot says nothing while its pointer is loaded"),
    (Plant::WildcardIsNothing, "a scan takes a slot that holds anything for one that holds nothing"),
    (Plant::NoGracePeriod, "what was retired is freed without waiting"),
];
