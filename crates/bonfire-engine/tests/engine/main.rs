//! The engine on a machine where everything is counted and nothing is left to
//! chance.

mod allocations;
mod generations;
mod inline;
mod minimal;
mod pokes;
mod said;
mod sites;
mod sizes;
mod sys;
mod told;
