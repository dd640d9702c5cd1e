//! The command line: subcommands, options and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::demo::Size;
use crate::moment::Moment;
use crate::output::Format;
use crate::settings::SettingArguments;

/// Where data is when neither the command line nor the environment says so.
const DATA_DEFAULT: &str = "retrograph-data";

/// The environment variable that names the data directory.
const DATA_VARIABLE: &str = "RETROGRAPH_DATA";

/// A versioned property-graph database: query your data now and as it was.
#[derive(Debug, Parser)]
#[command(
    name = "retrograph",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 success, 1 a query or another request failed, 2 wrong usage or configuration, 3 the \
        data directory or the server cannot be used, 4 an import was stopped by its rejects, 130 interrupted.\n\n\
        Example: retrograph demo --data ./demo-data && retrograph shell --data ./demo-data"
)]
pub struct Arguments {
    /// Where the data is [default: $RETROGRAPH_DATA, else ./retrograph-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// What `--data` says.
    pub fn data_flag(&self) -> Option<&std::path::Path> {
        self.data.as_deref()
    }

    /// The data directory of commands that have no configuration file.
    pub fn data(&self) -> PathBuf {
        self.data
            .clone()
            .or_else(|| std::env::var_os(DATA_VARIABLE).map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DATA_DEFAULT))
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run queries and print their results
    Query(QueryArguments),
    /// Talk to a graph: many queries, completion, time travel
    Shell(ShellArguments),
    /// Load data into a graph
    Import {
        #[command(subcommand)]
        source: ImportSource,
    },
    /// Write a graph, now or as it was, in a form that `import` reads
    Export(ExportArguments),
    /// Say what a data directory holds
    Info(InfoArguments),
    /// Generate the case "harbor", load it, and take a guided tour
    Demo(DemoArguments),
    /// Make and list graphs
    Graph {
        #[command(subcommand)]
        action: GraphAction,
    },
    /// Check and show the configuration of a server
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Serve graphs to Bolt drivers
    #[command(visible_alias = "start")]
    Serve(ServeArguments),
}

/// `retrograph serve`
#[derive(Debug, Args)]
#[command(
    after_help = "Every setting has a flag, a variable of the environment and a key in the file: see \
    docs/reference/configuration.md. Users log in. At the first start there is one, admin, whose password \
    is in the file admin.credential of the data directory, readable by its owner only.\n\n\
    Example: retrograph serve --data ./demo-data --graph harbor"
)]
pub struct ServeArguments {
    #[command(flatten)]
    pub settings: SettingArguments,
}

/// `retrograph config …`
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Find what is wrong with the configuration of a server, before it starts
    #[command(after_help = "Example: retrograph config check --config retrograph.toml")]
    Check {
        /// The server runs: leave its data directory and its addresses alone
        #[arg(long)]
        running: bool,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Print the settings in effect, as TOML, and where each comes from
    #[command(after_help = "Example: retrograph config show --config retrograph.toml")]
    Show {
        #[command(flatten)]
        settings: SettingArguments,
    },
}

/// The server a command is about, if it is not about a data directory.
#[derive(Debug, Default, Args)]
pub struct ServerArguments {
    /// Ask a server in place of opening the data directory: http://host:port or https://host:port
    /// [default: $RETROGRAPH_SERVER, unless --data is given]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Log in with what this file holds: user:password or an API key [default: $RETROGRAPH_API_KEY, else
    /// $RETROGRAPH_USER and $RETROGRAPH_PASSWORD, else admin.credential of the data directory of a server on
    /// this machine]
    #[arg(long, value_name = "FILE")]
    pub credential: Option<PathBuf>,
    /// Trust the servers that these authorities vouch for, in PEM [default: $RETROGRAPH_CA, else those the
    /// system trusts]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Show this certificate to the server, in PEM with its chain; it is the login where no other credentials
    /// are given [default: $RETROGRAPH_CLIENT_CERTIFICATE, else none]
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM [default: $RETROGRAPH_CLIENT_KEY, else the file of the
    /// certificate]
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Send credentials to another machine unencrypted
    #[arg(long)]
    pub allow_plaintext: bool,
}

/// The moment a command reads.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub struct MomentArguments {
    /// Read the graph as it was at an instant, such as 2026-01-10T12:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = crate::moment::parse_instant)]
    as_of: Option<retrograph_graph::ids::SystemTime>,
    /// Read the graph as it was after a commit
    #[arg(long, value_name = "VERSION")]
    as_of_version: Option<u64>,
}

impl MomentArguments {
    /// The moment that was asked for.
    pub fn moment(&self) -> Moment {
        match (self.as_of, self.as_of_version) {
            (Some(instant), _) => Moment::Instant(instant),
            (None, Some(version)) => Moment::Version(retrograph_graph::ids::Version(version)),
            (None, None) => Moment::Now,
        }
    }
}

/// `retrograph query`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: retrograph query harbor --as-of 2026-01-10T12:00:00Z --param \
    id=A-1177 'MATCH (:Account {id: $id})-[:PAID]->(b) RETURN DISTINCT b.id'"
)]
pub struct QueryArguments {
    /// The graph
    pub graph: String,
    /// One or more statements, separated by semicolons; `-` reads them from standard input
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub text: Option<String>,
    /// Read the statements from a file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A parameter: JSON where the value is JSON, else a string. Can be given many times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = crate::parameters::parse_pair)]
    pub parameters: Vec<crate::parameters::Pair>,
    /// Parameters from a file that holds a JSON object
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    #[command(flatten)]
    pub moment: MomentArguments,
    /// The folder whose files LOAD CSV may read, as file:///name.csv
    #[arg(long, value_name = "DIR")]
    pub import_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Give up after a time such as 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = retrograph_config::parse_duration)]
    pub timeout: Option<Duration>,
    /// Who runs the query, as recorded with commits [default: the user of the system; at a server, who
    /// logged in]
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    #[command(flatten)]
    pub server: ServerArguments,
}

/// `retrograph shell`
#[derive(Debug, Args)]
#[command(
    after_help = "Statements end with `;`, commands begin with `:` (try :help). When standard \
    input is no terminal, its statements are run up to the first error.\n\n\
    Example: echo 'MATCH (p:Person) RETURN count(p);' | retrograph shell harbor"
)]
pub struct ShellArguments {
    /// The graph; not needed if there is just one
    pub graph: Option<String>,
    #[command(flatten)]
    pub moment: MomentArguments,
    /// The folder whose files LOAD CSV may read, as file:///name.csv
    #[arg(long, value_name = "DIR")]
    pub import_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Who runs the queries, as recorded with commits [default: the user of the system; at a server, who
    /// logged in]
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    #[command(flatten)]
    pub server: ServerArguments,
}

/// What every import is told.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The graph; made if there is none of that name
    #[arg(long, value_name = "GRAPH")]
    pub graph: String,
    /// The name of the import; the same name resumes one that was stopped [default: the source's]
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Commits get the times at which the other system recorded the data
    #[arg(long)]
    pub history: bool,
    /// With --history: the time of rows that have none, such as 2020-01-01T00:00:00Z
    #[arg(long, value_name = "INSTANT", requires = "history",
        value_parser = crate::moment::parse_instant)]
    pub default_time: Option<retrograph_graph::ids::SystemTime>,
    /// Rows in one commit (with --history, rows of one time are one commit)
    #[arg(long, value_name = "ROWS", default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: u64,
    /// Where rows go that cannot be loaded [default: <job>.rejects.csv]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Stop when there are more rejects than this
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        conflicts_with = "skip_rejects"
    )]
    pub rejects_max: u64,
    /// Never stop because of rejects
    #[arg(long)]
    pub skip_rejects: bool,
    /// Make the ends of relationships that no row makes, with this label or that of their id space
    #[arg(long, value_name = "LABEL", num_args = 0..=1, default_missing_value = "")]
    pub create_ends: Option<String>,
    /// Rows refer to nodes of the graph by a property: Space=Label.key. Can be given many times
    #[arg(long, value_name = "SPACE=LABEL.KEY",
        value_parser = retrograph_ingest::ExistingSpace::parse)]
    pub existing: Vec<retrograph_ingest::ExistingSpace>,
    /// Where the data comes from, as recorded with each commit [default: the source's name]
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,
    /// Who imports, as recorded with each commit [default: the user of the system]
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    #[command(flatten)]
    pub server: ServerArguments,
}

/// `retrograph import …`
#[derive(Debug, Subcommand)]
pub enum ImportSource {
    /// CSV files with typed headers, as neo4j-admin reads them
    Csv(CsvArguments),
    /// A file of JSON objects, one a line, as APOC exports them
    Jsonl(JsonlArguments),
    /// The history of a git repository: commits, authors, files
    Git(GitArguments),
}

impl ImportSource {
    /// The server that is asked to import.
    pub const fn server(&self) -> &ServerArguments {
        match self {
            Self::Csv(arguments) => &arguments.import.server,
            Self::Jsonl(arguments) => &arguments.import.server,
            Self::Git(arguments) => &arguments.import.server,
        }
    }
}

/// `retrograph import csv`
#[derive(Debug, Args)]
#[command(after_help = "Example: retrograph import csv --graph shop --nodes \
    Person=people.csv --relationships KNOWS=knows.csv")]
pub struct CsvArguments {
    /// Files of nodes with labels that all of them get. Can be given many times
    #[arg(long, value_name = "[LABEL:LABEL=]FILE,FILE…",
        value_parser = retrograph_ingest::csv::FileGroup::parse)]
    pub nodes: Vec<retrograph_ingest::csv::FileGroup>,
    /// Files of relationships with their type. Can be given many times
    #[arg(long, value_name = "[TYPE=]FILE,FILE…", required_unless_present = "nodes",
        value_parser = retrograph_ingest::csv::FileGroup::parse)]
    pub relationships: Vec<retrograph_ingest::csv::FileGroup>,
    /// Between fields: a character or `tab`
    #[arg(long, value_name = "CHARACTER", default_value = ",", value_parser = parse_byte)]
    pub delimiter: u8,
    /// Between the items of a list
    #[arg(long, value_name = "CHARACTER", default_value_t = ';')]
    pub array_delimiter: char,
    /// Around fields that hold a delimiter
    #[arg(long, value_name = "CHARACTER", default_value = "\"", value_parser = parse_byte)]
    pub quote: u8,
    /// Files after the first of a group begin with a header line of their own
    #[arg(long)]
    pub ignore_data_headers: bool,
    #[command(flatten)]
    pub import: ImportArguments,
}

/// `retrograph import jsonl`
#[derive(Debug, Args)]
#[command(after_help = "Example: retrograph import jsonl --graph shop export.jsonl")]
pub struct JsonlArguments {
    /// The file
    pub file: PathBuf,
    #[command(flatten)]
    pub import: ImportArguments,
}

/// `retrograph import git`
#[derive(Debug, Args)]
#[command(after_help = "Example: retrograph import git --graph linux --history ~/src/linux")]
pub struct GitArguments {
    /// The repository
    pub repository: PathBuf,
    /// A branch, tag or commit whose history is read
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    pub revision: String,
    #[command(flatten)]
    pub import: ImportArguments,
}

/// `retrograph export`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: retrograph export harbor --as-of 2026-01-10T12:00:00Z \
    --format jsonl > harbor.jsonl"
)]
pub struct ExportArguments {
    /// The graph
    pub graph: String,
    #[command(flatten)]
    pub moment: MomentArguments,
    /// JSON Lines, or two CSV files with typed headers
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub format: ExportFormat,
    /// The file for JSON Lines [default: standard output], or the directory for CSV
    #[arg(long, value_name = "PATH", required_if_eq("format", "csv"))]
    pub to: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerArguments,
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line
    Jsonl,
    /// `nodes.csv` and `relationships.csv`
    Csv,
}

/// `retrograph info`
#[derive(Debug, Args)]
#[command(after_help = "Example: retrograph info harbor --output json")]
pub struct InfoArguments {
    /// Only this graph
    pub graph: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    #[command(flatten)]
    pub server: ServerArguments,
}

/// `retrograph demo`
#[derive(Debug, Args)]
#[command(after_help = "Example: retrograph demo --data ./demo-data --size medium")]
pub struct DemoArguments {
    /// How large a case
    #[arg(long, value_enum, default_value_t = Size::Small)]
    pub size: Size,
}

/// `retrograph graph …`
#[derive(Debug, Subcommand)]
pub enum GraphAction {
    /// Make an empty graph
    #[command(after_help = "Example: retrograph graph create harbor")]
    Create {
        /// Its name: lower-case letters, digits, `-`, `_` and `.`
        name: String,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// List the graphs
    #[command(after_help = "Example: retrograph graph list --output json")]
    List {
        /// How they are printed
        #[arg(long, value_enum, default_value_t = Format::Table)]
        output: Format,
        #[command(flatten)]
        server: ServerArguments,
    },
}

impl GraphAction {
    /// The server that is asked.
    pub const fn server(&self) -> &ServerArguments {
        match self {
            Self::Create { server, .. } | Self::List { server, .. } => server,
        }
    }
}

fn parse_byte(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match *text.as_bytes() {
            [byte] if byte.is_ascii() => Ok(byte),
            _ => Err(format!(
                "`{text}` is not one ASCII character; a tab is written `tab`"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Every command that does something shows how.
    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command) {
            if command.get_subcommands().next().is_none() {
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(help.contains("Example: "), "{}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }

    #[test]
    fn delimiters_are_one_character() {
        assert_eq!((parse_byte("tab"), parse_byte("|")), (Ok(b'\t'), Ok(b'|')));
        assert!(parse_byte("||").is_err() && parse_byte("é").is_err());
    }
}
