//! What was measured, and how it is written.

use serde::Serialize;

/// One figure: a median, and where the tenth and ninetieth percentile are.
#[derive(Serialize)]
pub(crate) struct Figure {
    group: &'static str,
    name: String,
    /// How many threads read meanwhile, and how often somebody updates.
    readers: usize,
    updates: &'static str,
    unit: &'static str,
    median: f64,
    p10: f64,
    p90: f64,
    samples: usize,
}

/// Everything that was measured, and where.
#[derive(Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    version: u32,
    processor: String,
    load: Vec<f64>,
    not_measured: Vec<String>,
    figures: Vec<Figure>,
}

/// What a figure is about.
#[derive(Clone, Copy)]
pub(crate) struct About {
    pub(crate) group: &'static str,
    pub(crate) readers: usize,
    pub(crate) updates: &'static str,
    pub(crate) unit: &'static str,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self {
            schema: "bonfire-bench-rcu",
            version: 1,
            processor: processor(),
            load: vec![load()],
            not_measured: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Adds the figure that these samples come to.
    pub(crate) fn add(&mut self, about: About, name: &str, mut samples: Vec<f64>) {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        if samples.is_empty() {
            return self.miss(format!("{}: {name}", about.group));
        }
        let About { group, readers, updates, unit } = about;
        let (median, p10, p90) = (at(0.5), at(0.1), at(0.9));
        let name = name.to_owned();
        self.figures.push(Figure {
            group,
            name,
            readers,
            updates,
            unit,
            median,
            p10,
            p90,
            samples: samples.len(),
        });
    }

    /// Says what could not be measured.
    pub(crate) fn miss(&mut self, what: String) {
        self.not_measured.push(what);
    }

    /// Prints all.
    pub(crate) fn end(mut self) {
        self.load.push(load());
        println!("{}", serde_json::to_string_pretty(&self).expect("figures can be written"));
    }
}

/// Says on standard error what is under way.
pub(crate) fn tell(what: &str) {
    eprintln!("measuring {what}");
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.split(':').nth(1));
        value.unwrap_or("?").trim().to_owned()
    };
    format!("{} (family {}, model {})", of("model name"), of("cpu family"), of("model\t"))
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}
