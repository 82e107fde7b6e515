//! What was measured, as the file of a machine.

use std::fmt::Write;

use super::costs::Costs;
use super::pairs::Interrupt;

/// A value of the file: what it is called, its value, its unit and its source.
type Value<'a> = (&'a str, f64, &'a str, String);

/// The file of a machine of this name.
pub(super) fn text(name: &str, costs: &Costs) -> String {
    let Costs { processor, places, load, .. } = costs;
    let load = load.map_or_else(String::new, |load| format!("; load {load:.1}"));
    let cpus = places.cpus.len();
    let mut text = format!(
        "name = {}\nsays = {}\nextrapolated = false\n# A CPU that goes idle keeps the page tables, and stays in the mask.\n\
         lazy = true\n",
        quoted(name),
        quoted(&format!("{processor}, {cpus} CPUs, as `bonfire scale --calibrate` measured it{load}")),
    );
    section(&mut text, "cpus", &of_cpus(costs));
    section(&mut text, "line", &of_lines(costs));
    section(&mut text, "interrupt", &of_interrupts(costs));
    let hand_over = "assumed: beyond the transfer of the line, a spinning waiter leaves its queue";
    section(&mut text, "lock", &[("hand_over", 60.0, "ns", hand_over.to_owned())]);
    section(&mut text, "system", &of_system(costs));
    if let Some((rate, median, p99)) = costs.gaps.off {
        let source = "measured: longer than 1 us between two looks at the clock, no switch meanwhile";
        let times = [("median", median, "ns", source.to_owned()), ("p99", p99, "ns", source.to_owned())];
        text.push_str("\n# How long a kernel keeps interrupts off now and then.");
        section(&mut text, "off", &[&[("rate", rate, "per second", source.to_owned())], &times[..]].concat());
    }
    text.push_str(
        "\n# Beside the costs, and read by no run: `bonfire scale --validate` holds the model to it.",
    );
    section(&mut text, "measured", &of_calls(costs));
    text
}

fn section(text: &mut String, name: &str, values: &[Value<'_>]) {
    let _ = write!(text, "\n[{name}]\n");
    for (key, value, unit, source) in values {
        // Three digits are more than any of this is good for.
        let digits = if value.fract() == 0.0 || *value >= 100.0 { 0 } else { 1 + usize::from(*value < 10.0) };
        let _ = writeln!(
            text,
            "{key} = {{ value = {value:.digits$}, unit = \"{unit}\", source = {} }}",
            quoted(source)
        );
    }
}

/// A string as TOML has it.
fn quoted(text: &str) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

fn of_cpus(costs: &Costs) -> Vec<Value<'static>> {
    let places = &costs.places;
    let told = |what: &str| format!("told by the system: {what}");
    vec![
        ("count", places.cpus.len() as f64, "CPUs", told("those that the process may run on")),
        ("cluster", places.cluster as f64, "CPUs", told("those that share the last cache")),
        ("socket", places.socket as f64, "CPUs", told("those of one package")),
    ]
}

fn of_lines(costs: &Costs) -> Vec<Value<'static>> {
    let measured = |what: &str| format!("measured: {what}");
    let mut lines = Vec::new();
    let mut last = costs.lines.into_iter().flatten().next().unwrap_or(costs.atomic);
    for (key, line) in ["cluster", "socket", "far"].into_iter().zip(costs.lines) {
        // Further away is no faster, whatever others did meanwhile.
        let value = line.unwrap_or(last).max(last);
        let source = match line {
            Some(_) => measured("half a round trip by compare-exchange"),
            None => "assumed: no two CPUs here are so far apart, so as above".to_owned(),
        };
        lines.push((key, value, "ns", source));
        last = value;
    }
    let mut all = vec![("hit", costs.hit, "ns", measured("a load from the second-level cache, pipelined"))];
    all.extend(lines);
    let kept = costs.places.second_level_bytes.map(|bytes| (bytes / 64) as f64);
    all.extend([
        ("atomic", costs.atomic, "ns", measured("a locked operation on a line that is here")),
        ("fence", costs.fence, "ns", measured("a full barrier")),
        ("overlap", 10.0, "loads", "assumed: 10 to 12 line fill buffers of a core".to_owned()),
        ("reader", (last / 4.0).max(1.0), "ns", "assumed: a quarter of a transfer".to_owned()),
        match kept {
            Some(kept) => ("kept", kept, "lines", "told by the system: the second-level cache".to_owned()),
            None => ("kept", 16_384.0, "lines", "assumed: 1 MiB of second-level cache".to_owned()),
        },
    ]);
    all
}

/// The sender's time is the round trip; the target's, what it lost. How either is
/// made up cannot be seen from a program.
fn of_interrupts(costs: &Costs) -> Vec<Value<'static>> {
    let Interrupt { round_trip, stall } = costs.interrupt;
    let entry = 0.6 * stall.min(round_trip);
    let way = (round_trip - entry).max(0.0);
    let split = |what: &str| format!("{what}, by a change of a page's rights; split assumed");
    let sent = || split(&format!("measured: {round_trip:.0} ns there and back"));
    let lost = || split(&format!("measured: the target loses {stall:.0} ns"));
    vec![
        ("message", 0.4 * way, "ns", sent()),
        ("target", 0.0, "ns", "assumed: in the message".to_owned()),
        ("multicast", 1.0, "CPUs", "assumed: a message for each".to_owned()),
        ("deliver", 0.6 * way, "ns", sent()),
        ("deliver_far", 0.6 * way, "ns", sent()),
        ("entry", entry, "ns", lost()),
        ("exit", (stall - entry).max(0.0), "ns", lost()),
    ]
}

fn of_system(costs: &Costs) -> Vec<Value<'static>> {
    let switch = match costs.switch {
        Some(switch) => {
            let source = "measured: two threads of one CPU that give way to each other".to_owned();
            ("switch", switch, "ns", source)
        }
        None => ("switch", 1_500.0, "ns", "assumed: others kept the CPU busy".to_owned()),
    };
    let switches = "measured: how often a thread that computes lost its CPU to another";
    vec![
        ("call", costs.call, "ns", "measured: the call that does nothing, QUERY".to_owned()),
        switch,
        (
            "signal",
            costs.signal,
            "ns",
            "fitted: that a signal to each of 100 sleeping threads takes as long as it was measured to"
                .to_owned(),
        ),
        (
            "grace",
            costs.grace / 1e6,
            "ms",
            "measured: the third part of a registration for three flavours beside another thread".to_owned(),
        ),
        ("switches", costs.gaps.switches.min(1e6), "per second", switches.to_owned()),
    ]
}

fn of_calls(costs: &Costs) -> Vec<Value<'static>> {
    let call = |what: &str| format!("measured: PRIVATE_EXPEDITED, {what}, the median");
    let [one, ten, hundred, thousand] = costs.signals;
    let signals =
        |key, value| (key, value, "ns", "measured: until all handlers have run, the median".to_owned());
    vec![
        ("alone", costs.alone, "ns", call("the other thread asleep")),
        ("one_running", costs.one_running, "ns", call("the other thread running")),
        signals("signals_to_1", one),
        signals("signals_to_10", ten),
        signals("signals_to_100", hundred),
        signals("signals_to_1000", thousand),
    ]
}
