//! Runs a seed: worlds, queries over them, counts of what came out, and small cases of what differs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use retrograph_engine::plan::Rewrites;

use crate::case::Case;
use crate::equivalent;
use crate::generate::{Generator, parameters};
use crate::shrink::shrink;
use crate::verdict::{Difference, Kind, Verdict};
use crate::world::{BETWEEN_COMMITS, World};

/// How many queries are asked of one graph.
const QUERIES_PER_WORLD: u64 = 100;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Decides everything.
    pub seed: u64,
    /// The number of the first query; the run begins with the graph that it is asked of.
    pub first: u64,
    /// How many queries to compare.
    pub count: u64,
    /// After how many differences to stop.
    pub differences_max: usize,
}

/// A difference and what leads to it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the query.
    pub number: u64,
    /// The small case.
    pub case: Case,
    /// What differs in it.
    pub difference: Difference,
    /// Whether the case shows the difference on a graph made anew.
    pub is_reproduced: bool,
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Queries by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// The differences.
    pub findings: Vec<Finding>,
    /// Queries compared.
    pub queries: u64,
    /// Graphs made.
    pub worlds: u64,
    /// The time spent on making graphs, in all.
    pub graph_time: Duration,
    /// The time that the engine took, in all.
    pub engine_time: Duration,
    /// The time that the reference took, in all.
    pub reference_time: Duration,
    /// The time spent on making what differs small.
    pub shrink_time: Duration,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {} query {}: {:?}{}",
            self.seed,
            self.number,
            self.difference.kind,
            if self.is_reproduced {
                ""
            } else {
                " (not on a graph made anew)"
            }
        )?;
        write!(f, "{}", self.case)?;
        writeln!(f, "-- engine:\n{}", self.difference.engine)?;
        writeln!(f, "-- reference:\n{}", self.difference.reference)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        for finding in &self.findings {
            writeln!(f, "\n{finding}")?;
        }
        Ok(())
    }
}

impl Report {
    fn count(&mut self, verdict: &Verdict, world: &World) {
        let outcome = match verdict {
            Verdict::Same if !world.returns() => "same effects, nothing returned".to_owned(),
            Verdict::Same => match world.rows() {
                0 => "same: no rows".to_owned(),
                1 => "same rows: 1".to_owned(),
                2..=9 => "same rows: 2 to 9".to_owned(),
                _ => "same rows: 10 and more".to_owned(),
            },
            Verdict::SameError => format!("same error: {}", world.error().unwrap_or_default()),
            Verdict::Avoided => "same rows, an error avoided".to_owned(),
            Verdict::Undecided => {
                "undecided: an error in a key or an effect avoided, or new elements sorted"
                    .to_owned()
            }
            Verdict::Open => "open: the rows depend on an open order".to_owned(),
            Verdict::Skipped(reason) => format!("skipped: {reason}"),
            Verdict::Different(difference) => format!("DIFFERENT: {:?}", difference.kind),
        };
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    /// The numbers, without the differences themselves.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!(
            "{} queries on {} graphs, {} differences\n\
             engine {} s, reference {} s, making graphs {} s, making differences small {} s\n",
            self.queries,
            self.worlds,
            self.findings.len(),
            self.engine_time.as_secs(),
            self.reference_time.as_secs(),
            self.graph_time.as_secs(),
            self.shrink_time.as_secs()
        );
        for (outcome, count) in &self.outcomes {
            #[allow(clippy::cast_precision_loss)]
            let share = *count as f64 * 100.0 / self.queries.max(1) as f64;
            text.push_str(&format!("{count:>10}  {share:>5.1} %  {outcome}\n"));
        }
        text
    }

    /// How many queries had an outcome that begins so.
    #[must_use]
    pub fn of(&self, outcome: &str) -> u64 {
        let matching = self.outcomes.iter();
        let matching = matching.filter(|(name, _)| name.starts_with(outcome));
        matching.map(|(_, count)| count).sum()
    }
}

/// Runs.
///
/// # Errors
/// A world could not be made, or the generator made text that cannot be read.
pub fn run(settings: Settings, progress: &mut dyn FnMut(&Report)) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut told = Instant::now();
    let start = settings.first / QUERIES_PER_WORLD * QUERIES_PER_WORLD;
    while report.queries < settings.count {
        let first = start + report.queries;
        let mut graph = Generator::new(settings.seed, first);
        let is_mixed = graph.chance(1, 2);
        graph.set_mixed(is_mixed);
        let has_images = graph.chance(1, 4);
        let begun = Instant::now();
        let mut world = World::new(parameters(), has_images)?;
        report.worlds += 1;
        for commit in graph.graph() {
            let verdict = world.commit(&commit)?;
            if let Verdict::Different(difference) = verdict {
                let mut case = case_of(&world, String::new(), Rewrites::default());
                case.query = commit.last().cloned().unwrap_or_default();
                case.pending = commit[..commit.len() - 1].to_vec();
                report.find(settings, case, difference);
            }
        }
        report.graph_time += begun.elapsed();
        let last = settings.count.min(report.queries + QUERIES_PER_WORLD);
        while report.queries < last {
            let number = start + report.queries;
            report.queries += 1;
            let mut generator = Generator::new(settings.seed, number + 1);
            generator.look_at(world.latest());
            generator.set_mixed(is_mixed);
            let known = report.findings.len();
            let is_sound = one(&mut report, settings, number, &mut world, &mut generator)?;
            if report.findings.len() > known {
                progress(&report);
            }
            if report.findings.len() >= settings.differences_max {
                return Ok(report);
            }
            if !is_sound {
                break;
            }
        }
        report.engine_time += world.engine_time;
        report.reference_time += world.reference_time.get();
        if told.elapsed().as_secs() >= 30 {
            told = Instant::now();
            progress(&report);
        }
    }
    Ok(report)
}

fn case_of(world: &World, query: String, rewrites: Rewrites) -> Case {
    Case {
        commits: world.commits().to_vec(),
        pending: Vec::new(),
        query,
        parameters: world.parameters().clone(),
        rewrites,
        has_images: world.has_images(),
    }
}

/// One query in one of the modes. Gives whether the world can still be used.
fn one(
    report: &mut Report,
    settings: Settings,
    number: u64,
    world: &mut World,
    generator: &mut Generator,
) -> anyhow::Result<bool> {
    let rewrites = some_rewrites(generator);
    let mut case = case_of(world, String::new(), Rewrites::default());
    let mut verdict;
    match generator.below(20) {
        0 | 1 => {
            let time = past(world, generator);
            case.query = format!("{time} {}", generator.query());
            case.rewrites = rewrites;
            verdict = world.query(&case.query, rewrites)?;
        }
        2 | 3 => {
            case.pending = vec![generator.update()];
            case.query = generator.query();
            let pending = case.pending.clone();
            verdict = world.transaction(&pending, Some(&case.query), case.rewrites, false)?;
        }
        4 | 5 => {
            case.query = generator.update();
            case.rewrites = rewrites;
            verdict = world.transaction(&[], Some(&case.query), rewrites, false)?;
        }
        6 if world.size() < 40 => {
            case.query = generator.update();
            verdict = world.commit(std::slice::from_ref(&case.query))?;
        }
        _ => {
            case.query = generator.query();
            verdict = world.query(&case.query, case.rewrites)?;
            if !matches!(verdict, Verdict::Different(_))
                && let Some(other) = world.query_otherwise(&case.query, rewrites)?
            {
                verdict = other;
                case.rewrites = rewrites;
            }
            if verdict == Verdict::Same
                && generator.chance(1, 8)
                && let Some(other) = equivalent::check(world, &case.query)?
            {
                verdict = other;
            }
        }
    }
    report.count(&verdict, world);
    let Verdict::Different(difference) = verdict else {
        return Ok(true);
    };
    let is_panic = difference.kind == Kind::Panic;
    report.find_at(settings, number, case, difference);
    Ok(!is_panic)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A time clause that names a state of the past; the generator looks at that state.
fn past(world: &World, generator: &mut Generator) -> String {
    if generator.chance(1, 2) {
        let versions = world.versions();
        let version = versions[generator.below(versions.len())];
        generator.look_at(world.state_of(version));
        return format!("AS OF VERSION {version}");
    }
    let instants = world.instants();
    let place = generator.below(instants.len());
    // At a commit, or between two; not behind the last, which lies in the future.
    let is_last = place + 1 == instants.len();
    let later = match is_last {
        true => 0,
        false => [0, 0, 1, BETWEEN_COMMITS / 2, BETWEEN_COMMITS - 1][generator.below(5)],
    };
    let instant = instants[place] + later;
    generator.look_at(world.state_at(instant));
    let (seconds, micros) = (instant / 1_000_000, instant % 1_000_000);
    let clause = generator.pick(&["AS OF", "FOR SYSTEM_TIME AS OF"]);
    format!("{clause} datetime.fromEpoch({seconds}, {})", micros * 1_000)
}

/// One rewrite off, or all.
fn some_rewrites(generator: &mut Generator) -> Rewrites {
    let mut rewrites = Rewrites::default();
    match generator.below(7) {
        0 => rewrites.choose_order = false,
        1 => rewrites.fold_constants = false,
        2 => rewrites.drop_unused = false,
        3 => rewrites.ends_only = false,
        4 => rewrites.stored_counts = false,
        5 => rewrites.top_n = false,
        _ => rewrites = Rewrites::none(),
    }
    rewrites
}

impl Report {
    fn find(&mut self, settings: Settings, case: Case, difference: Difference) {
        self.find_at(settings, settings.first + self.queries, case, difference);
    }

    fn find_at(&mut self, settings: Settings, number: u64, case: Case, difference: Difference) {
        let kind = difference.kind;
        // What is refused must stay refused for the same reason.
        let reason = (kind == Kind::Refused).then(|| first_line(&difference.engine));
        let started = Instant::now();
        let mut still_fails = |case: &Case| {
            started.elapsed().as_secs() < 60
                && matches!(
                    case.check(),
                    Ok(Verdict::Different(found)) if found.kind == kind
                        && reason.as_ref().is_none_or(|reason| first_line(&found.engine) == *reason)
                )
        };
        let is_reproduced = still_fails(&case);
        let small = if is_reproduced {
            shrink(case, &mut still_fails)
        } else {
            case
        };
        let difference = match small.check() {
            Ok(Verdict::Different(difference)) if is_reproduced => difference,
            _ => difference,
        };
        self.shrink_time += started.elapsed();
        self.findings.push(Finding {
            seed: settings.seed,
            number,
            case: small,
            difference,
            is_reproduced,
        });
    }
}
