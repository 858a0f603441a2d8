//! Tests on real databases: what the drivers get wrong unless they are watched, what is refused as unsafe, and that a
//! batch loads exactly what deciding it needs.

mod databases;
mod durability;
mod errors;
mod facts;
mod money;
mod statistics;
mod stream;
mod traps;
