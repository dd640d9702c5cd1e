//! Rows of rules against the model.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use retrograph_graph::ids::{ElementId, KeyId};
use retrograph_graph::value::{Point, Value};
use retrograph_graph::{
    GraphRead, IndexSort, NextProperty, PointBox, RowsSought, RuleDefinition, RuleKind, Target,
};

use super::{History, Names, Properties, State, all, value};

/// A point of the plane.
pub fn point(x: f64, y: f64) -> Value {
    Value::Point(Arc::new(Point {
        srid: 7203,
        coordinates: [x, y, 0.0],
        dimensions: 2,
    }))
}

impl History<'_> {
    /// Makes an index of one of many shapes.
    pub(super) fn create_rule(&mut self, shape: u8) {
        let name = format!("i{}", self.index_count);
        self.index_count += 1;
        let labels = [0, 1, 2].map(|at| Target::Label(self.labels[at]));
        let types = [0, 1].map(|at| Target::Type(self.types[at]));
        let [k, l] = [self.keys[0], self.keys[1]];
        let (targets, keys, sort) = match shape % 12 {
            0 => (vec![labels[0]], vec![k, l], IndexSort::Range),
            1 => (vec![labels[1]], vec![l, k], IndexSort::Range),
            2 => (vec![labels[0], labels[1]], vec![k], IndexSort::Range),
            3 => (vec![types[0]], vec![k], IndexSort::Range),
            4 => (vec![types[1]], vec![k, l], IndexSort::Range),
            5 => (types.to_vec(), vec![l], IndexSort::Range),
            6 => (vec![labels[0]], vec![k], IndexSort::Text),
            7 => (vec![types[0]], vec![k], IndexSort::Text),
            8 => (labels.to_vec(), vec![l], IndexSort::Text),
            9 => (vec![labels[0]], vec![k], IndexSort::Point),
            10 => (vec![types[0]], vec![k], IndexSort::Point),
            _ => (vec![labels[2], labels[0]], vec![k], IndexSort::Point),
        };
        let kind = RuleKind::Index(sort);
        let made = self.transaction().create_rule(&name, targets, keys, kind);
        if made.is_ok() {
            self.indexes.push(name);
        }
    }
}

/// Compares what the rows of rules find with a look at every element.
pub fn check_rules(read: &GraphRead, state: &State, names: &Names) {
    let catalog = read.catalog();
    let labels = names.labels.iter().copied().map(Target::Label);
    let targets = labels.chain(names.types.iter().copied().map(Target::Type));
    let mut seen = BTreeSet::new();
    for rule in targets.flat_map(|target| catalog.usable_rules(target)) {
        // Each version by some of the rules and each rule in some of the versions, to save time.
        let is_turn = (read.version().0 + u64::from(rule.id.0)).is_multiple_of(3);
        if seen.insert(rule.id) && is_turn {
            Checked::new(read, state, &rule).check();
        }
    }
}

/// A rule and the elements it is about.
struct Checked<'a> {
    read: &'a GraphRead,
    rule: &'a RuleDefinition,
    elements: Vec<(ElementId, &'a Properties)>,
}

impl<'a> Checked<'a> {
    fn new(read: &'a GraphRead, state: &'a State, rule: &'a RuleDefinition) -> Self {
        let nodes = state.nodes.iter().filter(|(_, (labels, _))| {
            let mut labels = labels.iter();
            labels.any(|label| rule.targets.contains(&Target::Label(*label)))
        });
        let relationships = state
            .relationships
            .iter()
            .filter(|(_, (type_id, ..))| rule.targets.contains(&Target::Type(*type_id)));
        let elements = nodes
            .map(|(id, (_, properties))| (ElementId::Node(*id), properties))
            .chain(relationships.map(|(id, row)| (ElementId::Relationship(*id), &row.3)));
        Self {
            read,
            rule,
            elements: elements.collect(),
        }
    }

    fn expect(&self, sought: &RowsSought<'_>, test: &dyn Fn(&[&Value]) -> bool) {
        let id = self.rule.id;
        let found = all(|cursor, limit, out| {
            self.read.seek_rows(id, sought, cursor, limit, out).unwrap();
        });
        let once: BTreeSet<ElementId> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len(), "{sought:?} finds one twice");
        let values = |properties: &'a Properties| -> Option<Vec<&'a Value>> {
            let value = |key: &KeyId| properties.get(key);
            self.rule.keys.iter().map(value).collect()
        };
        let expected: BTreeSet<ElementId> = self
            .elements
            .iter()
            .filter(|(_, properties)| values(properties).is_some_and(|values| test(&values)))
            .map(|(element, _)| *element)
            .collect();
        assert_eq!(once, expected, "{sought:?} under {:?}", self.rule);
    }

    fn check(&self) {
        match self.rule.kind {
            RuleKind::Index(IndexSort::Text) => self.check_text(),
            RuleKind::Index(IndexSort::Point) => self.check_points(),
            _ => self.check_values(),
        }
    }

    fn check_values(&self) {
        self.expect(&RowsSought::Values(&[], NextProperty::Any), &|_| true);
        self.check_next(&[]);
        // An integer, a string, minus zero, NaN and a point.
        for first in [1, 5, 11, 12, 13].map(value) {
            let is_numeral = matches!(first, Value::Int(_));
            let equal = [first];
            self.expect(&RowsSought::Values(&equal, NextProperty::Any), &|values| {
                values[0].equivalent(&equal[0])
            });
            if self.rule.keys.len() < 2 || !is_numeral {
                continue;
            }
            self.check_next(&equal);
            for second in [2, 5, 12].map(value) {
                let equal = [equal[0].clone(), second];
                self.expect(&RowsSought::Values(&equal, NextProperty::Any), &|values| {
                    values[0].equivalent(&equal[0]) && values[1].equivalent(&equal[1])
                });
            }
        }
    }

    /// Ranges and prefixes of the property behind those that are equal to values.
    fn check_next(&self, equal: &[Value]) {
        let at = equal.len();
        let begins = |values: &[&Value]| {
            let mut pairs = values.iter().zip(equal);
            pairs.all(|(value, wanted)| value.equivalent(wanted))
        };
        let (one, text) = (Value::Int(1), Value::string("one"));
        let bounds = match self.rule.kind {
            RuleKind::Index(IndexSort::Text) => &[&text][..],
            _ => &[&one, &text],
        };
        for &bound in bounds {
            let above = NextProperty::Range(Bound::Excluded(bound), Bound::Unbounded);
            self.expect(&RowsSought::Values(equal, above), &|values| {
                begins(values) && values[at].compare(bound).is_gt() == Some(true)
            });
            let up_to = NextProperty::Range(Bound::Unbounded, Bound::Included(bound));
            self.expect(&RowsSought::Values(equal, up_to), &|values| {
                begins(values) && values[at].compare(bound).is_le() == Some(true)
            });
            let none = NextProperty::Range(Bound::Excluded(bound), Bound::Excluded(bound));
            self.expect(&RowsSought::Values(equal, none), &|_| false);
        }
        let begun = NextProperty::Prefix("one");
        self.expect(&RowsSought::Values(equal, begun), &|values| {
            begins(values) && matches!(values[at], Value::String(text) if text.starts_with("one"))
        });
    }

    fn check_text(&self) {
        let tested = |test: &'static dyn Fn(&str) -> bool| move |values: &[&Value]| matches!(values[0], Value::String(text) if test(text));
        self.check_next(&[]);
        let any = RowsSought::Values(&[], NextProperty::Any);
        self.expect(&any, &tested(&|_| true));
        let one = [Value::string("one")];
        let equal = RowsSought::Values(&one, NextProperty::Any);
        self.expect(&equal, &tested(&|text| text == "one"));
        let within = RowsSought::Containing("ne");
        self.expect(&within, &tested(&|text| text.contains("ne")));
        self.expect(&RowsSought::Containing(""), &tested(&|_| true));
        let nul = RowsSought::Containing("\0n");
        self.expect(&nul, &tested(&|text| text.contains("\0n")));
        let ending = RowsSought::EndingWith("one");
        self.expect(&ending, &tested(&|text| text.ends_with("one")));
    }

    fn check_points(&self) {
        let is_point = |value: &Value| matches!(value, Value::Point(_));
        for choice in [13, 14] {
            let equal = [value(choice)];
            self.expect(&RowsSought::Values(&equal, NextProperty::Any), &|values| {
                values[0].equivalent(&equal[0])
            });
        }
        let plane = |lower, upper| PointBox {
            srid: 7203,
            dimensions: 2,
            lower,
            upper,
        };
        let small = [plane([0.5, -0.5, 0.0], [2.0, 0.0, 0.0])];
        let everything = [
            plane([-1e9, -1e9, 0.0], [1.0, 1e9, 0.0]),
            plane([1.0, -1e9, 0.0], [f64::INFINITY, 1e9, 0.0]),
        ];
        self.expect(&RowsSought::Boxes(&small), &|values| {
            values[0].equivalent(&value(14))
        });
        self.expect(&RowsSought::Boxes(&everything), &|values| {
            is_point(values[0])
        });
        self.expect(&RowsSought::Boxes(&[]), &|_| false);
    }
}
