//! A reader of temporal expressions, so that tests can be written the way queries are:
//! `eval("date({year: 1984, week: 10}).dayOfWeek")`.

use crate::value::temporal::*;
use crate::value::{Map, Value};

/// Evaluates an expression and prints the result; an error is printed behind `error: `.
pub fn eval(text: &str) -> String {
    let mut reader = Reader { text };
    let result = reader.sum();
    assert!(
        reader.text.trim().is_empty(),
        "unread in {text}: {}",
        reader.text
    );
    match result {
        Ok(value) => crate::value::text::to_text(&value),
        Err(error) => format!("error: {error}"),
    }
}

struct Reader<'a> {
    text: &'a str,
}

type Outcome = Result<Value, TemporalError>;

impl Reader<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.text = self.text.trim_start();
        match self.text.strip_prefix(token) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) {
        assert!(self.eat(token), "expected {token} at {}", self.text);
    }

    fn word(&mut self) -> String {
        self.text = self.text.trim_start();
        let end = self
            .text
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        word.to_owned()
    }

    fn sum(&mut self) -> Outcome {
        let mut left = self.product()?;
        loop {
            let plus = self.eat("+");
            if !plus && !self.eat("-") {
                return Ok(left);
            }
            let right = self.product()?;
            let Value::Duration(d) = &right else {
                panic!("{right:?} is no duration")
            };
            left = if plus {
                add(&left, d)?
            } else {
                subtract(&left, d)?
            };
        }
    }

    fn product(&mut self) -> Outcome {
        let mut left = self.primary()?;
        loop {
            let times = self.eat("*");
            if !times && !self.eat("/") {
                return Ok(left);
            }
            let right = self.primary()?;
            let Value::Duration(d) = &left else {
                panic!("{left:?} is no duration")
            };
            left = if times {
                d.times(&right)?.into()
            } else {
                d.divided_by(&right)?.into()
            };
        }
    }

    fn primary(&mut self) -> Outcome {
        if self.eat("(") {
            let value = self.sum();
            self.expect(")");
            return value;
        }
        if self.eat("'") {
            let (text, rest) = self.text.split_once('\'').unwrap();
            self.text = rest;
            return Ok(text.into());
        }
        if self.eat("{") {
            let mut map = Map::new();
            while !self.eat("}") {
                let name = self.word();
                self.expect(":");
                map.insert(name.as_str().into(), self.sum()?);
                self.eat(",");
            }
            return Ok(Value::map(map));
        }
        if self
            .text
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            self.text = self.text.trim_start();
            let end = self.text[1..].find(|c: char| !c.is_ascii_digit() && c != '.');
            let (number, rest) = self
                .text
                .split_at(end.map_or(self.text.len(), |end| end + 1));
            self.text = rest;
            return Ok(match number.parse() {
                Ok(int) => Value::Int(int),
                Err(_) => Value::Float(number.parse().unwrap()),
            });
        }
        let mut name = self.word();
        while self.eat(".") {
            name = format!("{name}.{}", self.word());
        }
        self.expect("(");
        let mut arguments = Vec::new();
        while !self.eat(")") {
            arguments.push(self.sum()?);
            self.eat(",");
        }
        let mut value = call(&name, &arguments)?;
        while self.eat(".") {
            let name = self.word();
            value = component(&value, &name)?.unwrap_or_default();
        }
        Ok(value)
    }
}

fn call(name: &str, arguments: &[Value]) -> Outcome {
    let kind = |name: &str| match name {
        "date" => TemporalType::Date,
        "localtime" => TemporalType::LocalTime,
        "time" => TemporalType::Time,
        "localdatetime" => TemporalType::LocalDateTime,
        "datetime" => TemporalType::DateTime,
        _ => panic!("no function {name}"),
    };
    let empty = Map::new();
    Ok(match (name, arguments) {
        ("duration", [Value::String(text)]) => Duration::parse(text)?.into(),
        ("duration", [Value::Map(map)]) => Duration::from_map(map)?.into(),
        ("duration.between", [a, b]) => Duration::between(a, b)?.into(),
        ("duration.inMonths", [a, b]) => Duration::in_months(a, b)?.into(),
        ("duration.inDays", [a, b]) => Duration::in_days(a, b)?.into(),
        ("duration.inSeconds", [a, b]) => Duration::in_seconds(a, b)?.into(),
        ("datetime.fromepoch", [Value::Int(s), Value::Int(n)]) => {
            DateTime::from_epoch(*s, *n)?.into()
        }
        ("datetime.fromepochmillis", [Value::Int(n)]) => DateTime::from_epoch_millis(*n)?.into(),
        (_, [Value::String(unit), value, rest @ ..]) => {
            let fields = match rest {
                [Value::Map(map)] => map,
                _ => &empty,
            };
            truncate(
                kind(name.strip_suffix(".truncate").unwrap()),
                unit,
                value,
                fields,
            )?
        }
        (_, [value]) => construct(kind(name), value)?,
        _ => panic!("no function {name} of {} arguments", arguments.len()),
    })
}
