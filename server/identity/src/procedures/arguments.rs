//! The arguments of a call.

use retrograph_admission::Limits;
use retrograph_engine::{QueryError, RuntimeError};
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use crate::{Action, Actions, Existing};

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// How many records an auditor is shown unless they say.
const AUDITED: i64 = 1_000;

/// The values that a procedure is called with.
pub(super) struct Arguments<'a> {
    pub(super) name: &'static str,
    pub(super) values: &'a [Value],
}

impl Arguments<'_> {
    fn wrong(&self, place: usize, wanted: &str) -> QueryError {
        let message = format!("`{}`: argument {} is to be {wanted}", self.name, place + 1);
        RuntimeError::argument(message).into()
    }

    pub(super) fn optional_text(&self, place: usize) -> Result<Option<String>, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(place, "a string")),
        }
    }

    pub(super) fn text(&self, place: usize) -> Result<String, QueryError> {
        self.optional_text(place)?
            .ok_or_else(|| self.wrong(place, "a string"))
    }

    /// A name or a list of names; nothing if it is left out.
    pub(super) fn optional_names(&self, place: usize) -> Result<Option<Vec<String>>, QueryError> {
        let wanted = "a string or a list of strings";
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) => Ok(Some(vec![name.to_string()])),
            Some(Value::List(items)) => {
                let name = |item: &Value| match item {
                    Value::String(name) => Ok(name.to_string()),
                    _ => Err(self.wrong(place, wanted)),
                };
                items.iter().map(name).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(self.wrong(place, wanted)),
        }
    }

    /// A name or a list of names.
    pub(super) fn names(&self, place: usize) -> Result<Vec<String>, QueryError> {
        self.optional_names(place)?
            .ok_or_else(|| self.wrong(place, "a string or a list of strings"))
    }

    pub(super) fn optional_flag(&self, place: usize) -> Result<Option<bool>, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(place, "true or false")),
        }
    }

    pub(super) fn flag(&self, place: usize, unless_given: bool) -> Result<bool, QueryError> {
        Ok(self.optional_flag(place)?.unwrap_or(unless_given))
    }

    /// What happens to something that has the name already.
    pub(super) fn existing(&self, place: usize) -> Result<Existing, QueryError> {
        match self.optional_text(place)?.as_deref() {
            None | Some("fail") => Ok(Existing::Fail),
            Some("keep") => Ok(Existing::Keep),
            Some("replace") => Ok(Existing::Replace),
            Some(_) => Err(self.wrong(place, "'fail', 'keep' or 'replace'")),
        }
    }

    pub(super) fn limit(&self, place: usize) -> Result<usize, QueryError> {
        let limit = match self.values.get(place) {
            None | Some(Value::Null) => AUDITED,
            Some(Value::Int(limit)) => *limit,
            Some(_) => return Err(self.wrong(place, "a number of rows")),
        };
        usize::try_from(limit).map_err(|_| self.wrong(place, "a number of rows"))
    }

    pub(super) fn actions(&self, place: usize) -> Result<Actions, QueryError> {
        let wanted = "a list of actions: read, read-past, write, schema, admin, audit";
        let Some(Value::List(items)) = self.values.get(place) else {
            return Err(self.wrong(place, wanted));
        };
        let action = |item: &Value| match item {
            Value::String(name) => Action::from_name(name),
            _ => None,
        };
        let actions: Option<Actions> = items.iter().map(action).collect();
        actions.ok_or_else(|| self.wrong(place, wanted))
    }

    /// Limits, of which those that are given are changed.
    pub(super) fn limits(&self, place: usize, mut limits: Limits) -> Result<Limits, QueryError> {
        let wanted = "a map of limits to integers or null";
        let Some(Value::Map(given)) = self.values.get(place) else {
            return Err(self.wrong(place, wanted));
        };
        for (name, value) in given.iter() {
            let value = match value {
                Value::Null => None,
                Value::Int(number) => Some(*number),
                _ => return Err(self.wrong(place, wanted)),
            };
            limits
                .set(name, value)
                .map_err(|bad| RuntimeError::argument(bad.to_string()))?;
        }
        Ok(limits)
    }

    /// So many days from now.
    pub(super) fn days(&self, place: usize) -> Result<Option<SystemTime>, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(days)) if *days > 0 => {
                let span = days.checked_mul(MICROSECONDS_A_DAY);
                let end = span.and_then(|span| MachineClock.now().0.checked_add(span));
                let end =
                    end.ok_or_else(|| self.wrong(place, "a number of days within all time"))?;
                Ok(Some(SystemTime(end)))
            }
            Some(_) => Err(self.wrong(place, "a positive number of days")),
        }
    }
}
