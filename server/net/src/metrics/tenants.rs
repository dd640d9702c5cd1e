//! Queries by tenant: how many, how they ended, what they cost, how many run and wait.
//!
//! Whoever makes tenants must not be able to make metrics without end: the first so many that run something
//! are told by name, those after them all together, without a name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use retrograph_admission::Units;

use super::exposition::{Exposition, Kind};

/// How many tenants are told by name.
const NAMED_MAX: usize = 200;

/// A tenant, and how many of its queries run and wait.
type Load = (Arc<str>, u32, u32);

/// What the queries of a tenant came to, since the server started.
#[derive(Debug, Default)]
pub struct Tenant {
    /// Those that ran to their end.
    pub done: AtomicU64,
    /// Those that failed, or waited until nobody wanted them any more.
    pub failed: AtomicU64,
    /// Those that were turned away.
    pub rejected: AtomicU64,
    /// Thousandths of request units.
    milliunits: AtomicU64,
}

impl Tenant {
    /// Counts what a query cost.
    pub fn charge(&self, units: Units) {
        self.milliunits.fetch_add(units.0, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Tenants {
    named: RwLock<HashMap<Arc<str>, Arc<Tenant>>>,
    others: Arc<Tenant>,
}

impl Tenants {
    /// What is counted of a tenant.
    pub fn of(&self, name: &Arc<str>) -> Arc<Tenant> {
        if let Some(known) = self.named.read().get(name) {
            return Arc::clone(known);
        }
        let mut named = self.named.write();
        let is_full = named.len() >= NAMED_MAX;
        match named.get(name) {
            Some(known) => Arc::clone(known),
            None if is_full => Arc::clone(&self.others),
            None => Arc::clone(named.entry(Arc::clone(name)).or_default()),
        }
    }

    /// Writes what was counted; with it how many queries of each tenant run and wait.
    pub fn write(&self, out: &mut Exposition, loads: &[Load]) {
        let named = self.named.read();
        let mut all: Vec<(&str, &Tenant)> = named
            .iter()
            .map(|(name, tenant)| (&**name, &**tenant))
            .collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        if named.len() >= NAMED_MAX {
            // A label that is empty is none.
            all.push(("", &self.others));
        }
        let mut family = out.family(
            "retrograph_tenant_queries_total",
            Kind::Counter,
            "Queries of a tenant that have ended, by how they ended.",
        );
        for (name, tenant) in &all {
            for (end, count) in [
                ("done", &tenant.done),
                ("failed", &tenant.failed),
                ("rejected", &tenant.rejected),
            ] {
                let count = count.load(Ordering::Relaxed);
                family.sample("", &[("tenant", name), ("end", end)], count as f64);
            }
        }
        let mut family = out.family(
            "retrograph_tenant_units_total",
            Kind::Counter,
            "Request units that the queries of a tenant have used.",
        );
        for (name, tenant) in &all {
            let units = Units(tenant.milliunits.load(Ordering::Relaxed));
            family.sample("", &[("tenant", name)], units.as_f64());
        }
        let load_of = |name: &str, which: fn(&Load) -> u32| -> u64 {
            let is_meant = |load: &&Load| match name {
                "" => !named.contains_key(&load.0),
                name => *load.0 == *name,
            };
            let loads = loads.iter().filter(is_meant);
            loads.map(|load| u64::from(which(load))).sum()
        };
        let mut gauges = |metric, help, which| {
            let mut family = out.family(metric, Kind::Gauge, help);
            for (name, _) in &all {
                family.sample("", &[("tenant", name)], load_of(name, which) as f64);
            }
        };
        gauges(
            "retrograph_tenant_running",
            "Queries of a tenant that run.",
            |load| load.1,
        );
        gauges(
            "retrograph_tenant_waiting",
            "Queries of a tenant that wait for their turn.",
            |load| load.2,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tenants: &Tenants, loads: &[Load]) -> String {
        let mut out = Exposition::default();
        tenants.write(&mut out, loads);
        out.finish()
    }

    #[track_caller]
    fn assert_tells(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}: {text}");
        }
    }

    #[test]
    fn queries_are_told_by_tenant() {
        let tenants = Tenants::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        tenants.of(&a).done.fetch_add(2, Ordering::Relaxed);
        tenants.of(&a).charge(Units(1_500));
        tenants.of(&b).rejected.fetch_add(1, Ordering::Relaxed);
        let text = told(&tenants, &[(a, 3, 0), (b, 1, 4), ("c".into(), 9, 9)]);
        assert_tells(
            &text,
            &[
                "retrograph_tenant_queries_total{tenant=\"a\",end=\"done\"} 2",
                "retrograph_tenant_queries_total{tenant=\"b\",end=\"rejected\"} 1",
                "retrograph_tenant_units_total{tenant=\"a\"} 1.5",
                "retrograph_tenant_running{tenant=\"a\"} 3",
                "retrograph_tenant_waiting{tenant=\"b\"} 4",
            ],
        );
        assert!(!text.contains("\"c\"") && !text.contains("tenant=\"\""));
    }

    #[test]
    fn there_are_never_more_than_so_many_names() {
        let tenants = Tenants::default();
        let name = |number: usize| -> Arc<str> { format!("t{number}").into() };
        for number in 0..NAMED_MAX * 3 {
            tenants
                .of(&name(number))
                .done
                .fetch_add(1, Ordering::Relaxed);
        }
        let loads = [
            (name(0), 1, 0),
            (name(NAMED_MAX), 2, 3),
            (name(NAMED_MAX + 1), 2, 0),
        ];
        let text = told(&tenants, &loads);
        let others = NAMED_MAX * 2;
        assert_tells(
            &text,
            &[
                "retrograph_tenant_queries_total{tenant=\"t0\",end=\"done\"} 1",
                &format!("retrograph_tenant_queries_total{{tenant=\"\",end=\"done\"}} {others}"),
                "retrograph_tenant_running{tenant=\"t0\"} 1",
                "retrograph_tenant_running{tenant=\"\"} 4",
                "retrograph_tenant_waiting{tenant=\"\"} 3",
            ],
        );
        let lines = text.lines().filter(|line| line.contains("_units_total{"));
        assert_eq!(lines.count(), NAMED_MAX + 1);
    }
}
