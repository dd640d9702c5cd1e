//! The whole run: generate, load, ask, change, ask again, write.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use retrograph_engine::{
    AsOf, Control, Engine, Parameters, QueryError, RowSink, RunOptions, Views,
};
use retrograph_graph::Graph;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use crate::churn::Churn;
use crate::draw::{Draw, draws};
use crate::family::Family;
use crate::limit::{Answer, Loops, Past, Present};
use crate::load::{self, LoadTimes, Loaded};
use crate::measure::Cap;
use crate::mode::Mode;
use crate::report::{Report, Row};
use crate::resources::{machine, resident_bytes};
use crate::settings::Settings;
use crate::social::Social;
use crate::write;

const MIB: f64 = 1_048_576.0;

/// At most so many wrong answers of a family in a mode are told.
const DIFFERENCES_TOLD: usize = 3;

impl RowSink for Answer {
    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        self.begin(columns.len());
        Ok(())
    }

    fn row(&mut self, row: &[Value], _views: &Views) -> Result<Control, QueryError> {
        self.row_of(row);
        Ok(Control::Continue)
    }
}

/// Runs the benchmark; tells `progress` what it is doing.
///
/// # Errors
/// If the database fails. A wrong answer is no error but a difference in the report.
pub fn run(settings: &Settings, progress: &mut dyn Write) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut say =
        |what: &str| writeln!(progress, "{:7.1} s  {what}", begun.elapsed().as_secs_f64());
    let mut report = Report::default();
    report.title.push(format!("machine: {}", machine()));
    report.title.push(format!(
        "graph: {} people, {} relationships, seed {}; {} updates in commits of {}",
        settings.people,
        settings.relationships,
        settings.seed,
        settings.updates,
        settings.commit_size
    ));
    let temporary = tempfile::tempdir().context("a temporary directory")?;
    let directory = settings.data.as_deref().unwrap_or(temporary.path());
    let (path, twin_path) = (directory.join("history"), directory.join("twin"));

    say("generating")?;
    let social = Social::generate(settings.people, settings.relationships, settings.seed);
    let churn = Churn::generate(
        &social,
        settings.updates,
        settings.commit_size,
        settings.seed,
    );
    let degrees = social.sorted_out_degrees();
    let at = |part: usize| degrees[(degrees.len() - 1) * part / 100];
    report.title.push(format!(
        "out-degree: p50 {}, p99 {}, max {}",
        at(50),
        at(99),
        at(100)
    ));
    let draws = draws(&social, &churn, settings.seed);
    let mut asking = Asking {
        settings,
        loops: Loops::new(&social),
        draws: &draws,
        fixed: draws[0],
        report: &mut report,
    };

    say("loading")?;
    let resident_before = resident_bytes();
    let (mut loaded, times) = load::load(&path, &social, &social.relationships)?;
    asking.load_facts(&times);
    asking.memory("memory for the loaded graph", resident_before);
    let loaded_bytes = loaded.compacted_bytes()?;
    asking.report.fact(
        "disk, loaded and compacted",
        loaded_bytes as f64 / MIB,
        "MiB",
    );

    say("building the read images")?;
    let begun_building = Instant::now();
    loaded.graph.warm()?;
    let took = begun_building.elapsed().as_secs_f64() * 1e3;
    asking.report.fact("building all read images", took, "ms");

    say("asking the loaded graph")?;
    let present = Present::new(social.people.len(), &social.relationships);
    for family in Family::ALL {
        asking.ask(&loaded, Mode::Loaded, family, &present)?;
    }
    asking.memory("memory after its reads", resident_before);
    drop(present);

    if settings.updates > 0 {
        say("changing")?;
        let took = loaded.change(&churn)?;
        let rate = settings.updates as f64 / took.as_secs_f64();
        asking.report.fact("changes", rate, "updates/s");
        let with_history = loaded.compacted_bytes()?;
        say("loading its twin without history")?;
        let outcome = churn.outcome(&social);
        let (twin, _) = load::load(&twin_path, &social, &outcome)?;
        let without = twin.compacted_bytes()?;
        twin.graph.warm()?;
        loaded.graph.warm()?;
        asking.disk(with_history, without, &churn);

        say("asking the present")?;
        let present = Present::new(social.people.len(), &outcome);
        for family in Family::ALL {
            asking.ask(&twin, Mode::Twin, family, &present)?;
            asking.ask(&loaded, Mode::Changed, family, &present)?;
        }
        drop((present, twin));

        say("asking the past")?;
        let past = Past::new(social.people.len(), &churn.intervals(&social));
        for family in Family::ALL {
            asking.ask_past(&loaded, Mode::PastRandom, family, &past)?;
            asking.ask_past(&loaded, Mode::PastFixed, family, &past)?;
        }
        asking.memory("memory after reads of the past", resident_before);
    }

    say("writing")?;
    let count = churn.outcome(&social).len() as u64;
    write::measure(
        &loaded,
        settings,
        &social,
        &draws,
        count,
        directory,
        asking.report,
    )?;

    say("opening")?;
    loaded.database.flush()?;
    drop(loaded);
    let begun = Instant::now();
    let (database, graph) = load::open(&path)?;
    let opened = begun.elapsed();
    let mut answer = Answer::default();
    call(
        database.engine(),
        &graph,
        Family::PointRead,
        &draws[0],
        None,
        &mut answer,
    )?;
    report.fact("opening the database", opened.as_secs_f64() * 1e3, "ms");
    report.fact(
        "opening and a first point read",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
    let begun = Instant::now();
    graph.warm()?;
    report.fact(
        "building all read images after opening",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
    drop((graph, database));
    if settings.data.is_some() {
        for path in [path, twin_path].iter().filter(|path| path.exists()) {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(report)
}

fn call(
    engine: &Engine,
    graph: &Arc<Graph>,
    family: Family,
    draw: &Draw,
    as_of: Option<AsOf>,
    sink: &mut Answer,
) -> anyhow::Result<()> {
    let parameters = family.parameters(draw);
    let options = RunOptions {
        as_of,
        ..RunOptions::default()
    };
    run_one(engine, graph, family, &parameters, &options, sink)
}

fn run_one(
    engine: &Engine,
    graph: &Arc<Graph>,
    family: Family,
    parameters: &Parameters,
    options: &RunOptions,
    sink: &mut Answer,
) -> anyhow::Result<()> {
    engine
        .run(graph, family.text(), parameters, options, sink)
        .with_context(|| format!("{}: {}", family.name(), family.text()))?;
    Ok(())
}

/// What asking needs, and where the answers go.
struct Asking<'r> {
    settings: &'r Settings,
    loops: Loops,
    draws: &'r [Draw],
    /// The instant that stays the same.
    fixed: Draw,
    report: &'r mut Report,
}

impl Asking<'_> {
    fn load_facts(&mut self, times: &LoadTimes) {
        let elements = times.elements as f64;
        self.report
            .fact("loading", elements / times.took.as_secs_f64(), "elements/s");
        let share = times.hashing.as_secs_f64() / times.took.as_secs_f64() * 100.0;
        self.report
            .fact("share of hashing for effects_root", share, "% of loading");
    }

    fn memory(&mut self, name: &'static str, before: Option<u64>) {
        if let (Some(before), Some(now)) = (before, resident_bytes()) {
            self.report.fact(
                name,
                (now as f64 - before as f64) / MIB,
                "MiB more resident",
            );
        }
    }

    fn disk(&mut self, with_history: u64, without: u64, churn: &Churn) {
        let history = with_history as f64 - without as f64;
        let updates = churn.updates.len() as f64;
        let commits = f64::from(churn.commit_count());
        let report = &mut *self.report;
        report.fact(
            "disk, with history, compacted",
            with_history as f64 / MIB,
            "MiB",
        );
        report.fact(
            "disk, equal graph without history",
            without as f64 / MIB,
            "MiB",
        );
        report.fact("history", history / updates, "bytes/update");
        let rest = (history - 100.0 * commits) / updates;
        report.fact("history, less 100 bytes a commit", rest, "bytes/update");
    }

    /// Asks a question of the present.
    fn ask(
        &mut self,
        of: &Loaded,
        mode: Mode,
        family: Family,
        present: &Present,
    ) -> anyhow::Result<()> {
        let draws = self.draws;
        self.compare(
            of,
            mode,
            family,
            |number| (draws[number % draws.len()], None),
            |loops, draw, out| loops.answer(family, draw, present, out),
        )
    }

    /// Asks a question of the past.
    fn ask_past(
        &mut self,
        of: &Loaded,
        mode: Mode,
        family: Family,
        past: &Past,
    ) -> anyhow::Result<()> {
        let (draws, fixed) = (self.draws, self.fixed);
        let draw = |number: usize| {
            let mut draw = draws[number % draws.len()];
            if mode == Mode::PastFixed {
                (draw.commit, draw.instant_us) = (fixed.commit, fixed.instant_us);
            }
            (draw, Some(AsOf::Time(SystemTime(draw.instant_us))))
        };
        self.compare(of, mode, family, draw, |loops, draw, out| {
            loops.answer(family, draw, &past.at(draw.commit), out);
        })
    }

    /// Compares answers, then times both sides.
    fn compare(
        &mut self,
        of: &Loaded,
        mode: Mode,
        family: Family,
        draw: impl Fn(usize) -> (Draw, Option<AsOf>),
        mut limit: impl FnMut(&mut Loops, &Draw, &mut Answer),
    ) -> anyhow::Result<()> {
        if !self.settings.wants(family.name()) {
            return Ok(());
        }
        let (engine, graph) = (of.database.engine(), &of.graph);
        let (mut found, mut expected) = (Answer::default(), Answer::default());
        let begun = Instant::now();
        let mut checked = 0;
        let mut differences = 0;
        while checked < self.settings.checks
            && (checked == 0 || begun.elapsed() < self.settings.family_time())
        {
            let (draw, as_of) = draw(checked);
            call(engine, graph, family, &draw, as_of, &mut found)?;
            limit(&mut self.loops, &draw, &mut expected);
            let (found, expected) = (found.sorted(), expected.sorted());
            if found != expected {
                differences += 1;
                if differences <= DIFFERENCES_TOLD {
                    self.report.differences.push(format!(
                        "{}, {}, {draw:?}: found {}, expected {}",
                        family.name(),
                        mode.name(),
                        shown(&found),
                        shown(&expected)
                    ));
                }
            }
            checked += 1;
        }
        let cap = Cap {
            calls: self.settings.calls,
            time: self.settings.family_time(),
        };
        let prepared: Vec<(Parameters, RunOptions, Draw)> = (0..self.draws.len())
            .map(|number| {
                let (draw, as_of) = draw(number);
                let options = RunOptions {
                    as_of,
                    ..RunOptions::default()
                };
                (family.parameters(&draw), options, draw)
            })
            .collect();
        let times = cap.time(|number| {
            let (parameters, options, _) = &prepared[number % prepared.len()];
            run_one(engine, graph, family, parameters, options, &mut found)
        })?;
        let limit_cap = Cap {
            time: cap.time.min(Duration::from_secs(1)),
            ..cap
        };
        let limit_times = limit_cap.time(|number| {
            let (_, _, draw) = &prepared[number % prepared.len()];
            limit(&mut self.loops, draw, &mut expected);
            std::hint::black_box(&expected);
            Ok(())
        })?;
        self.report.rows.push(Row {
            family: family.name(),
            mode: mode.name(),
            engine: times,
            limit: limit_times,
            checked,
        });
        Ok(())
    }
}

/// The first rows of an answer.
fn shown(rows: &[String]) -> String {
    let first = rows
        .iter()
        .take(5)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" | ");
    format!("{} rows: {first}", rows.len())
}
