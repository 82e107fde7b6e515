//! Barriers that the testbed passes under `running`, and misses when they are left out.

/// Those of every architecture; each may owe core serialisations besides.
pub(crate) const OF_EVERY_ARCHITECTURE: [&str; 13] = [
    "SysEntry",
    "SysExit",
    "IpiMb",
    "SchedBefore",
    "SwitchMm",
    "MmDrop",
    "ExitMm",
    "ExecMb",
    "UseMm",
    "UnuseMm",
    "RegEntry",
    "RegExit",
    "OffPre",
];
