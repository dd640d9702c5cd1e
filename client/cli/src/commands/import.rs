//! `retrograph import`: a source into a graph, as a job that can be stopped and resumed.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use retrograph_engine::Output;
use retrograph_graph::Graph;
use retrograph_graph::ids::Version;
use retrograph_graph::value::Value;
use retrograph_ingest::csv::{CsvOptions, CsvSource};
use retrograph_ingest::git::GitSource;
use retrograph_ingest::jsonl::JsonLinesSource;
use retrograph_ingest::{
    LoadError, LoadOptions, LoadReport, Observer, Progress as Position, Reject, Source,
    SourceError, load,
};
use retrograph_server::{Database, DatabaseError};

use crate::args::{CsvArguments, ImportArguments, ImportSource};
use crate::failure::{Failure, Kind, chain};
use crate::interrupt::interruptible;
use crate::output::{Format, Printer};
use crate::progress::Progress;
use crate::remote::Place;
use crate::session::{actor, open_or_create};
use crate::terminal;

/// Opens the source, then loads it.
pub fn run(place: &Place, source: ImportSource) -> Result<(), Failure> {
    let data = match place {
        Place::Here(data) => data,
        Place::There(server) => {
            return Err(Failure::new(format!(
                "{} cannot import: a server has no service for it yet. Stop it and import into its data \
                 directory (--data), or load with LOAD CSV or through a driver",
                server.endpoint()
            )));
        }
    };
    match source {
        ImportSource::Csv(arguments) => {
            let source = CsvSource::open(csv_options(&arguments)).map_err(source_failure)?;
            // The first file of a group may be its header alone; the last is data.
            let mut groups = arguments.nodes.iter().chain(&arguments.relationships);
            let file = groups.find_map(|group| group.files.last());
            let job = file.map_or_else(|| "csv".to_owned(), |file| stem(file));
            import(data, source, &arguments.import, &job)
        }
        ImportSource::Jsonl(arguments) => {
            let source = JsonLinesSource::open(&arguments.file).map_err(source_failure)?;
            let job = stem(&arguments.file);
            import(data, source, &arguments.import, &job)
        }
        ImportSource::Git(arguments) => {
            let source = GitSource::open(&arguments.repository, &arguments.revision)
                .map_err(source_failure)?;
            let job = arguments
                .repository
                .canonicalize()
                .map_or_else(|_| stem(&arguments.repository), |path| stem(&path));
            import(data, source, &arguments.import, &job)
        }
    }
}

fn csv_options(arguments: &CsvArguments) -> CsvOptions {
    CsvOptions {
        nodes: arguments.nodes.clone(),
        relationships: arguments.relationships.clone(),
        delimiter: arguments.delimiter,
        array_delimiter: arguments.array_delimiter,
        quote: arguments.quote,
        ignore_data_headers: arguments.ignore_data_headers,
        sort_by_time: arguments.import.history,
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "import".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

fn source_failure(error: SourceError) -> Failure {
    Failure::new(chain(&error))
}

fn import(
    data: &Path,
    mut source: impl Source,
    arguments: &ImportArguments,
    default_job: &str,
) -> Result<(), Failure> {
    let job = arguments
        .job
        .clone()
        .unwrap_or_else(|| default_job.to_owned());
    let database = open_or_create(data)?;
    let graph = graph(&database, &arguments.graph)?;
    let mut options = LoadOptions::new(job.as_str(), actor(arguments.actor.as_deref()));
    options.source = arguments.source.as_deref().map(Arc::from);
    options.batch_events = usize::try_from(arguments.batch).unwrap_or(usize::MAX);
    options.history = arguments.history;
    options.default_time = arguments.default_time;
    options.create_ends = arguments.create_ends.as_deref().map(Arc::from);
    options.existing = arguments.existing.clone();
    options.rejects_max = (!arguments.skip_rejects).then_some(arguments.rejects_max);

    let rejects = arguments.rejects.clone();
    let rejects = rejects.unwrap_or_else(|| PathBuf::from(format!("{job}.rejects.csv")));
    let mut watcher = Watcher {
        progress: Progress::new(&format!("importing {}", source.describe())),
        rejects: Rejects {
            path: rejects,
            file: None,
        },
    };
    let cancelled = Arc::new(AtomicBool::new(false));
    let stop = cancelled.clone();
    let interruptible = interruptible(move || stop.store(true, Ordering::Relaxed));
    let result = load(&graph, &mut source, &options, &mut watcher, &cancelled);
    drop(interruptible);
    watcher.progress.finish();
    let written = watcher.rejects.finish();
    let report = result.map_err(|error| load_failure(&error, &watcher.rejects))?;
    written?;
    print(&report)?;
    if report.rejects > 0 {
        terminal::remark(&format!(
            "{} in {}",
            terminal::count(report.rejects, "reject"),
            watcher.rejects.path.display()
        ));
    }
    if report.times_moved > 0 {
        terminal::remark(&format!(
            "moved the time of {}, so that times increase and none lies in the future",
            terminal::count(report.times_moved, "commit")
        ));
    }
    if !report.is_complete {
        return Err(Failure::interrupted(format!(
            "import `{job}` was stopped after {}; the same command resumes it",
            terminal::count(report.commits, "commit")
        )));
    }
    database.flush()?;
    Ok(())
}

/// The graph of a name, made if there is none.
fn graph(database: &Database, name: &str) -> Result<Arc<Graph>, Failure> {
    match database.graph(name) {
        Err(DatabaseError::NoSuchGraph { .. }) => Ok(database.create_graph(name)?),
        result => Ok(result?),
    }
}

fn load_failure(error: &LoadError, rejects: &Rejects) -> Failure {
    match error {
        LoadError::TooManyRejects { .. } => Failure::of(
            Kind::Rejects,
            format!(
                "{}; they are in {}. Continue with --rejects-max or --skip-rejects",
                chain(error),
                rejects.path.display()
            ),
        ),
        error => Failure::new(chain(error)),
    }
}

fn print(report: &LoadReport) -> Result<(), Failure> {
    let mut out = terminal::results();
    let mut printer = Printer::new(Format::Table, &mut out, terminal::width());
    printer.head(&["imported", "count"]);
    for (what, count) in [
        ("nodes created", report.nodes_created),
        ("relationships created", report.relationships_created),
        ("elements updated", report.updated),
        ("elements deleted", report.deleted),
        ("rejects", report.rejects),
        ("commits", report.commits),
        ("events of an earlier run", report.events_resumed),
        (
            "last version",
            report.last_version.map_or(0, |Version(version)| version),
        ),
    ] {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        printer.print(&[Value::from(what), Value::Int(count)].map(Output::Value));
    }
    Ok(printer.finish()?)
}

/// Shows progress and writes rejects.
struct Watcher {
    progress: Progress,
    rejects: Rejects,
}

impl Observer for Watcher {
    fn progress(&mut self, report: &LoadReport, position: Position) {
        self.progress.set(position.done, position.total, || {
            format!(
                "{}, {}",
                terminal::count(report.nodes_created, "node"),
                terminal::count(report.relationships_created, "relationship")
            )
        });
    }

    fn reject(&mut self, reject: &Reject) -> io::Result<()> {
        self.rejects.write(reject)
    }
}

/// The file of rejects, made with the first of them. A resumed import appends.
struct Rejects {
    path: PathBuf,
    file: Option<csv::Writer<File>>,
}

impl Rejects {
    fn write(&mut self, reject: &Reject) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(&self.path)?;
                let is_new = file.metadata()?.len() == 0;
                let mut file = csv::Writer::from_writer(file);
                if is_new {
                    file.write_record(["file", "line", "column", "reason", "text"])?;
                }
                self.file.insert(file)
            }
        };
        let (line, column) = (
            reject.place.line.to_string(),
            reject.place.column.to_string(),
        );
        file.write_record([
            &reject.place.file,
            &*line,
            &column,
            &reject.reason,
            &reject.text,
        ])?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), csv::Writer::flush)
    }
}
