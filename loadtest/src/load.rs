//! The load generator: requests are sent when they are due, whatever becomes of those before them (an open loop), and
//! their times count from then.
//!
//! A scenario says what is asked and how often, a target is the server that is asked, and an outcome what came of it. The
//! generator has a core of its own, the server another one; see `docs/loadtest.md`.

mod act;
mod engine;
mod error;
mod link;
mod oracle;
pub(crate) mod rows;
mod scenario;
mod schedule;
mod table;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod validity;
mod watch;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::machine;
use crate::outcome::{Outcome, Phase, SCHEMA};
use crate::server;
use act::Events;
use engine::{Aim, Engine, Manner, Pace};
use scenario::{Act, PhaseOf, Scenario};

use tally::SECOND;
use target::{Kind, Over, Stock, Target};

pub(crate) use error::Error;
pub(crate) use schedule::{Choice, Keys, Schedule};
pub(crate) use wire::{Head, head};

/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// Options of `loadtest load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A scenario that comes with the program (--list), or a file like them.
    #[arg(long, default_value = "steady")]
    pub(crate) scenario: String,
    /// What is measured; it is started for this and ended behind it.
    #[arg(long, value_enum, default_value_t = Kind::RingsideTcp)]
    pub(crate) target: Kind,
    /// Requests a second at a load of 1, in place of the scenario's.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Length of each phase but the warm-up, in seconds, in place of the scenario's.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Connections, in place of the scenario's.
    #[arg(long)]
    pub(crate) connections: Option<usize>,
    /// What arrivals and keys are made of: the same seed, the same schedule.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Customers that the server holds.
    #[arg(long, default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) customers: u64,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
    /// Only say which scenarios there are.
    #[arg(long)]
    pub(crate) list: bool,
}

/// What is to be run.
pub(crate) struct Plan {
    /// What is asked, and what happens meanwhile.
    pub(crate) scenario: Scenario,
    /// The server.
    pub(crate) target: Target,
    /// What arrivals and keys are made of.
    pub(crate) seed: u64,
    /// Whether each second is told as it passes.
    pub(crate) is_told: bool,
}

/// Runs what the command line says, prints what came of it, and writes it to `json`, and as a page to `html`. Fails where an answer was wrong.
pub(crate) fn command(options: &Options, json: Option<&Path>, html: Option<&Path>) -> ExitCode {
    let ran = match options.list {
        true => Scenario::builtin().map(|all| {
            table::list(&all);
            true
        }),
        false => measured(options, json, html),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether no answer was wrong.
fn measured(options: &Options, json: Option<&Path>, html: Option<&Path>) -> Result<bool, Error> {
    let outcome = outcome(options)?;
    table::print(&outcome);
    if let Some(path) = json {
        let text = serde_json::to_vec_pretty(&outcome).map_err(std::io::Error::other)?;
        std::fs::write(path, text)?;
    }
    if let Some(path) = html {
        std::fs::write(path, crate::report::html(std::slice::from_ref(&outcome), &[]))?;
    }
    Ok(outcome.phases.iter().all(|phase| phase.wrong == 0))
}

/// Starts the target that `options` name, and runs their scenario against it.
///
/// # Errors
/// There is no such scenario, it is out of bounds, or the server is not installed or does not start.
pub(crate) fn outcome(options: &Options) -> Result<Outcome, Error> {
    let mut scenario = Scenario::find(&options.scenario)?;
    scenario.rate = options.rate.unwrap_or(scenario.rate);
    scenario.connections = options.connections.unwrap_or(scenario.connections);
    for phase in scenario.phase.iter_mut().filter(|phase| !phase.is_warm_up) {
        phase.seconds = options.seconds.unwrap_or(phase.seconds);
    }
    scenario.check(&options.scenario)?;
    let has = |act| scenario.phase.iter().any(|phase| phase.act == act);
    let act = [
        (Act::Churn, "churn"),
        (Act::Swap, "swap"),
        (Act::Kill, "failover"),
    ];
    if let Some((_, act)) = act.into_iter().find(|(act, _)| has(*act))
        && !options.target.is_ringside()
    {
        return Err(Error::NotOfTarget { act });
    }
    server::pin_self(server::CLIENT_CORE)?;
    println!("{} customers, {} …", options.customers, options.target.name());
    let stock = Stock::new(&options.folder, options.customers)?;
    let target = stock.serve(options.target, &over(&scenario))?;
    run(&Plan {
        scenario,
        target,
        seed: options.seed,
        is_told: true,
    })
}

/// What the scenario needs beside lookups.
fn over(scenario: &Scenario) -> Over {
    let has = |act| scenario.phase.iter().any(|phase| phase.act == act);
    Over {
        is_fed: has(Act::Churn),
        is_built: has(Act::Swap),
    }
}

/// Runs `plan`.
///
/// # Errors
/// The server does not take connections, or does not do what a phase says.
pub(crate) fn run(plan: &Plan) -> Result<Outcome, Error> {
    let (scenario, target) = (&plan.scenario, &plan.target);
    let aim = Aim {
        place: &target.place,
        wire: target.wire(scenario.new_connections),
        oracle: &target.oracle,
    };
    let manner = Manner {
        connections: scenario.connections,
        new_connections: scenario.new_connections,
        timeout_ns: scenario.timeout_ms * MILLISECOND,
        check_every: scenario.check_every,
    };
    let mut engine = Engine::new(aim, manner)?;
    let mut phases = Vec::new();
    let mut overrun = None;
    for (nth, phase) in scenario.phase.iter().enumerate() {
        let (measured, acted_for) = run_phase(plan, &mut engine, nth as u64, phase)?;
        overrun = overrun.or_else(|| validity::overrun(phase, acted_for));
        phases.push(measured);
    }
    let why_invalid = validity::why_invalid(&phases, &scenario.phase).or(overrun);
    Ok(Outcome {
        schema: SCHEMA,
        machine: machine::facts(),
        command: machine::command(),
        scenario: scenario.name.clone(),
        target: target.kind.name().to_owned(),
        seed: plan.seed,
        customers: target.customers,
        connections: scenario.connections,
        phases,
        is_valid: why_invalid.is_none(),
        why_invalid,
    })
}

/// What the phase gave, and how many seconds what happened meanwhile went on for.
fn run_phase(plan: &Plan, engine: &mut Engine<'_>, nth: u64, phase: &PhaseOf) -> Result<(Phase, f64), Error> {
    let (scenario, target) = (&plan.scenario, &plan.target);
    let rate = scenario.rate * phase.load;
    // Phases of one run differ, and those of two runs with one seed do not.
    let seed = plan.seed.wrapping_mul(0x9e37_79b9).wrapping_add(nth);
    let keys = Keys::new(seed, target.customers, scenario.keys);
    let mut schedule = Schedule::new(seed, rate, (phase.seconds * SECOND as f64) as u64, keys);
    let room = (rate * phase.seconds * 1.2) as usize / scenario.check_every as usize + 100;
    let (events, over) = (Events::default(), AtomicBool::new(false));
    let begun = Instant::now();
    let (ran, acted) = thread::scope(|scope| {
        let (told, seconds) = mpsc::channel();
        let (events, over) = (&events, &over);
        scope.spawn(move || watch::watch(plan, phase, begun, &seconds, events));
        let acting = scope.spawn(move || {
            act::perform(target, phase, begun, over, events).map(|()| begun.elapsed().as_secs_f64())
        });
        let ran = engine.run(phase.seconds, Pace::Open(&mut schedule), room, Some(&told));
        over.store(true, Ordering::SeqCst);
        let acted = acting
            .join()
            .unwrap_or_else(|_| Err(Error::target("the act of the phase", "panicked")));
        (ran, acted)
    });
    let acted_for = acted?;
    let ran = ran?;
    let (wrong, example) = target.oracle.wrong(&ran.samples)?;
    if let Some(example) = example {
        events.add(0.0, format!("a wrong answer: {example}"));
    }
    if phase.act == Act::Kill {
        let (from, gap) = ran.tally.longest_gap();
        events.add(
            from as f64 / SECOND as f64,
            format!("nobody is answered for {:.1} ms", gap as f64 / 1e6),
        );
    }
    let measured = Phase {
        is_warm_up: phase.is_warm_up,
        checked: ran.samples.len() + ran.plainly_wrong,
        wrong: wrong + ran.plainly_wrong,
        events: events.take(),
        ..ran.tally.phase(&phase.name, phase.seconds, rate)
    };
    Ok((measured, acted_for))
}
