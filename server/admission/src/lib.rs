//! When a query may run, and how much it may take.
//!
//! A server has so many *slots* in which queries run. [`Admission`] hands them out: at once while there are
//! any, else by a fair turn among the tenants that wait, and among the users of each. It knows names of
//! tenants and users and their [`Limits`], and nothing of sockets, graphs or queries.
//!
//! ```text
//! arrive ──► queue of the user ──► turn of the tenant ──► slot ──► finish, charged what it used
//!    └─► rejected, with a time after which trying again makes sense
//! ```
//!
//! [`scheduler`] decides, without clock or thread: time comes in as a [`Moment`]. [`Admission`] is the
//! door around it at which threads wait. [`Pool`] counts memory: query, user, tenant, process.

mod bucket;
mod door;
mod fair;
mod limits;
mod memory;
mod moment;
pub mod scheduler;
mod slow;
mod units;

pub use door::{Admission, Permit, Settings, Wait, machine_bytes};
pub use limits::{BadLimit, Limits};
pub use memory::{OverBudget, Pool};
pub use moment::Moment;
pub use scheduler::{Rejected, Requester};
pub use slow::{SlowLog, SlowQuery};
pub use units::{Units, Usage};
