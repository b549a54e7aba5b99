//! YAML's syntax as go-yaml v2 reads it: its own early fork of libyaml, whose errors and extensions Helm's users see.
//! Kept libraries follow later libyamls, which differ in what they accept (`{a:{`, `%YAML 1.2`) and in what they say.

mod characters;
mod parser;
mod quoted;
mod scalars;
mod scanner;
mod tags;
mod token;

pub(super) use parser::{Event, Parser, ScalarEvent};
