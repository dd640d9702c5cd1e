//! The log store of a member, and the driver that commits entries through it.
