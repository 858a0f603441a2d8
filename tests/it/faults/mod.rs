//! What goes wrong around the program: it is killed, its disk fills up, its database goes away, its peers hang up.
//! After every fault the same question: is everything that was acknowledged there, exactly once?

mod checker;
mod commit_unknown;
mod disk;
mod durability;
mod hangups;
mod killed;
mod load;
mod locked;
mod poison;
mod races;
mod restarts;
