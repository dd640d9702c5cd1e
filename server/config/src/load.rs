//! Reading settings from where they are given.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::declaration::Declaration;
use crate::settings::{SECTIONS, Settings, declarations};
use crate::value::Value;

/// The variable of the environment that names the file.
pub const CONFIG_VARIABLE: &str = "RETROGRAPH_CONFIG";

/// Variables of the environment that are no settings.
const OTHER_VARIABLES: [&str; 9] = [
    CONFIG_VARIABLE,
    "RETROGRAPH_API_KEY",
    "RETROGRAPH_CA",
    "RETROGRAPH_CLIENT_CERTIFICATE",
    "RETROGRAPH_CLIENT_KEY",
    "RETROGRAPH_HISTORY",
    "RETROGRAPH_PASSWORD",
    "RETROGRAPH_SERVER",
    "RETROGRAPH_USER",
];

/// How variables of settings begin.
const PREFIX: &str = "RETROGRAPH_";

/// Where settings are given.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What flags say, by key.
    pub flags: BTreeMap<String, OsString>,
    /// The environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The file.
    pub file: Option<PathBuf>,
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// The file, with line and column.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Nobody gave it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(variable) => f.write_str(variable),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something is wrong with what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: String,
    /// What, and what helps.
    pub message: String,
    /// Line and column in the file, by which problems are sorted; others come last.
    position: (usize, usize),
}

impl Problem {
    /// Something is wrong at a place.
    #[must_use]
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
            position: (usize::MAX, 0),
        }
    }

    fn at(origin: &Origin, message: impl Into<String>) -> Self {
        let mut problem = Self::new(origin.to_string(), message);
        if let Origin::File { line, column, .. } = *origin {
            problem.position = (line, column);
        }
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A setting in effect.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The setting.
    pub declaration: &'static Declaration,
    /// Its value as TOML; none if it is not set.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// What reading found.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, if there is no problem.
    pub settings: Option<Settings>,
    /// The settings with where they come from, in the order of declaration; those that could be read.
    pub effective: Vec<Effective>,
    /// All problems.
    pub problems: Vec<Problem>,
    /// What is no problem and yet worth a look.
    pub warnings: Vec<String>,
}

impl Loaded {
    fn origin(&self, key: &str) -> Option<&Origin> {
        let mut effective = self.effective.iter();
        let found = effective.find(|effective| effective.declaration.key() == key);
        found.map(|effective| &effective.origin)
    }

    /// Where a setting comes from, for messages about its value.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        match self.origin(key) {
            None | Some(Origin::Default) => format!("`{key}`"),
            Some(origin) => origin.to_string(),
        }
    }
}

/// Reads settings from where they are given.
#[must_use]
pub fn load(sources: &Sources) -> Loaded {
    let mut problems = Vec::new();
    let text = sources.file.as_deref().and_then(|path| {
        let read = std::fs::read_to_string(path);
        read.map_err(|error| {
            let message = format!("cannot be read: {error}");
            problems.push(Problem::new(path.display().to_string(), message));
        })
        .ok()
    });
    let file = sources
        .file
        .as_deref()
        .zip(text.as_deref())
        .and_then(|(path, text)| File::parse(path, text, &mut problems));
    let mut reader = Reader {
        sources,
        file,
        effective: Vec::new(),
        problems,
    };
    if let Some(file) = &reader.file {
        let unknown = file.unknown();
        reader.problems.extend(unknown);
    }
    let settings = Settings::read(&mut reader);
    let Reader {
        effective,
        problems,
        ..
    } = reader;
    let mut loaded = Loaded {
        settings: None,
        effective,
        problems,
        warnings: mistyped_variables(sources),
    };
    loaded.problems.sort_by_key(|problem| problem.position);
    if let Some(settings) = settings {
        for (key, message) in settings.contradictions() {
            let origin = loaded.origin(key).unwrap_or(&Origin::Default);
            let problem = Problem::at(origin, format!("`{key}` {message}"));
            loaded.problems.push(problem);
        }
        loaded.problems.sort_by_key(|problem| problem.position);
        loaded.settings = loaded.problems.is_empty().then_some(settings);
    }
    loaded
}

/// Variables that look like those of settings and are none. Not a problem: orchestrators set variables
/// named after services.
fn mistyped_variables(sources: &Sources) -> Vec<String> {
    let known: Vec<String> = declarations().map(Declaration::variable).collect();
    let names = sources.environment.keys().filter_map(|name| name.to_str());
    names
        .filter(|name| !OTHER_VARIABLES.contains(name) && !known.iter().any(|known| known == name))
        .filter_map(|name| {
            let rests = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
            let like = most_alike(name.strip_prefix(PREFIX)?, rests)?;
            Some(format!(
                "the variable {name} of the environment is no setting; did you mean {PREFIX}{like}?"
            ))
        })
        .collect()
}

/// The name that was meant, if there is one that differs little.
fn most_alike<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// A file that is being read.
struct File<'s> {
    path: &'s Path,
    text: &'s str,
    /// What it says, as far as it is TOML.
    table: DeTable<'s>,
}

impl<'s> File<'s> {
    /// Reads a file that is TOML; of another one only that is told.
    fn parse(path: &'s Path, text: &'s str, problems: &mut Vec<Problem>) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let file = Self {
            path,
            text,
            table: table.into_inner(),
        };
        problems.extend(errors.iter().map(|error| {
            let place = file.place(error.span().unwrap_or(0..0));
            Problem::at(&place, error.message())
        }));
        errors.is_empty().then_some(file)
    }

    fn place(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Origin::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The value of a setting and its place.
    fn get(&self, section: &str, name: &str) -> Option<(&DeValue<'s>, Origin)> {
        let table = match section {
            "" => &self.table,
            section => self.table.get(section)?.get_ref().as_table()?,
        };
        let value = table.get(name)?;
        Some((value.get_ref(), self.place(value.span())))
    }

    /// Keys that no setting has.
    fn unknown(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, value) in &self.table {
            let name: &str = key.get_ref();
            let is_setting =
                declarations().any(|known| known.section.is_empty() && known.name == name);
            let section = SECTIONS
                .iter()
                .find(|known| !known.name.is_empty() && known.name == name);
            match (section, value.get_ref().as_table()) {
                _ if is_setting => {}
                (Some(_), Some(table)) => {
                    for inner in table.keys() {
                        let is_known = declarations()
                            .any(|known| known.section == name && known.name == &**inner.get_ref());
                        if !is_known {
                            problems.push(
                                self.no_setting(
                                    &format!("{name}.{}", inner.get_ref()),
                                    inner.span(),
                                ),
                            );
                        }
                    }
                }
                (Some(_), None) => problems.push(Problem::at(
                    &self.place(value.span()),
                    format!("`{name}` is a section: write [{name}] and its settings below"),
                )),
                (None, _) => problems.push(self.no_setting(name, key.span())),
            }
        }
        problems
    }

    fn no_setting(&self, key: &str, span: Range<usize>) -> Problem {
        let known: Vec<String> = declarations().map(Declaration::key).collect();
        let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
        names.extend(SECTIONS.iter().map(|section| section.name));
        // Somebody may also leave the section out, or give another one.
        let last = key.rsplit('.').next().unwrap_or(key);
        let like = known
            .iter()
            .map(String::as_str)
            .find(|known| known.rsplit('.').next() == Some(last))
            .or_else(|| most_alike(key, names.into_iter()));
        let suggestion = match like {
            Some(like) => format!("; did you mean `{like}`?"),
            None => String::new(),
        };
        let message = format!("there is no setting `{key}`{suggestion}");
        Problem::at(&self.place(span), message)
    }
}

/// Reads one setting after the other.
pub(crate) struct Reader<'s> {
    sources: &'s Sources,
    file: Option<File<'s>>,
    effective: Vec<Effective>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads a setting: from all that give it, so that what is wrong is found; the first counts.
    pub(crate) fn read<T: Value>(&mut self, section: &str, name: &str) -> Option<T> {
        let declaration =
            declarations().find(|known| known.section == section && known.name == name)?;
        let (key, flag) = (declaration.key(), declaration.flag());
        let variable = declaration.variable();
        let mut given: Vec<(Origin, Option<T>, String)> = Vec::new();
        let lossy = |text: &OsStr| text.to_string_lossy().into_owned();
        if let Some(text) = self.sources.flags.get(&key) {
            given.push((Origin::Flag(flag), T::from_os(text), lossy(text)));
        }
        // A variable that is set to nothing is what orchestrators make of one that is not set.
        let text = self.sources.environment.get(OsStr::new(&variable));
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            given.push((Origin::Variable(variable), T::from_os(text), lossy(text)));
        }
        if let Some(file) = &self.file
            && let Some((value, place)) = file.get(section, name)
        {
            let folder = file.path.parent().unwrap_or(Path::new(""));
            given.push((place, T::from_toml(value, folder), shown(value)));
        }
        if given.is_empty() {
            let value = match declaration.default {
                Some(text) => T::from_text(text),
                None => T::unset(),
            };
            let text = declaration.default.unwrap_or_default().to_owned();
            given.push((Origin::Default, value, text));
        }
        let checked: Vec<_> = given
            .into_iter()
            .map(|(origin, value, text)| {
                let value = self.check(declaration, &origin, value, &text);
                (origin, value)
            })
            .collect();
        let (origin, value) = checked.into_iter().next()?;
        let value = value?;
        self.effective.push(Effective {
            declaration,
            value: value.show(),
            origin,
        });
        Some(value)
    }

    fn check<T: Value>(
        &mut self,
        declaration: &Declaration,
        origin: &Origin,
        value: Option<T>,
        text: &str,
    ) -> Option<T> {
        let key = declaration.key();
        let mut problem = |message: String| {
            self.problems.push(Problem::at(origin, message));
            None
        };
        let Some(value) = value else {
            return problem(format!("`{key}` is {}, not `{text}`", declaration.expected));
        };
        if let Some((least, most)) = declaration.range {
            let is_below = T::from_text(least).is_none_or(|least| value < least);
            let is_above = T::from_text(most).is_none_or(|most| value > most);
            if is_below || is_above {
                return problem(format!(
                    "`{key}` is between {least} and {most}, not `{text}`"
                ));
            }
        }
        Some(value)
    }
}

/// A value of a file, as messages quote it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(claim) => claim.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}
