//! Tries every slip of the designs that are named, and lists what survives.
use bonfire_model::explorer::Rules;
use bonfire_model::matrix::{self, Runner};
use bonfire_model::mutate::{self, Fate};
use bonfire_model::run::Design;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let (scenarios, two) = mutate::scenarios();
    let runner = Runner { scenarios: &scenarios, threads: 2, limit_bytes: 2 << 30, progress: &|_| () };
    for design in Design::ALL.into_iter().filter(|design| names.iter().any(|name| name == design.name())) {
        let began = std::time::Instant::now();
        let unchanged = runner.run(&mutate::unchanged(&scenarios, two, &[design], Rules::WEAK));
        for record in unchanged.iter().filter(|record| record.found != matrix::Found::Holds) {
            println!("{} {:?}", scenarios[record.job.scenario].name, record.found);
        }
        let groups = mutate::groups(&unchanged, two, Rules::WEAK);
        let generated = groups.len();
        let tried = mutate::tried(&unchanged, &runner.run(&groups));
        let killed = tried.iter().filter(|one| matches!(one.fate, Fate::Killed(..))).count();
        println!(
            "== {}: {generated} generated, {} tried, {killed} killed, {:.1} s",
            design.name(),
            tried.len(),
            began.elapsed().as_secs_f64()
        );
        for one in &tried {
            match &one.fate {
                Fate::Killed(place, found) => {
                    println!("  killed {}  | {} {found:?}", one.name, scenarios[*place].name)
                }
                other => println!("  {other:?} {} ({} runs)", one.name, one.runs),
            }
        }
    }
}
