//! The events of a described dataset.

use std::fmt::Write as _;
use std::sync::Arc;

use super::pattern::Part;
use super::spec::Reference;
use super::{Amounts, Column, Described, Maker};
use crate::producer::Record;
use crate::producer::dataset::Form;
use crate::producer::fields::{Event, Fields, encode};
use crate::producer::id::Id;
use crate::producer::json::{integer, time_text};
use crate::producer::people::Popularity;
use crate::producer::random::{BLOCK, Blocks, below};
use crate::producer::schema::Fingerprints;
use crate::producer::sensors::DEVICES;
use crate::producer::skew::Choice;
use crate::producer::timeline::Slot;

/// The random words that a field has for a value.
const WORDS: usize = BLOCK / 2;

/// Events, with the tables that they need.
#[derive(Clone, Debug)]
pub(in crate::producer) struct Rows {
    described: Arc<Described>,
    sources: Vec<Source>,
    values: Vec<Value>,
    /// The texts that patterns made, by field.
    texts: Vec<String>,
    fingerprints: Fingerprints,
}

/// What a field's values come from.
#[derive(Clone, Debug)]
struct Source {
    blocks: Blocks,
    table: Table,
}

#[derive(Clone, Debug)]
enum Table {
    None,
    Weighted(Choice),
    Popular(Popularity),
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Null,
    Long(i64),
    /// The index of a word of the choice.
    Word(usize),
    Boolean(bool),
    Time(i64),
    /// What lies in [`Rows::texts`].
    Text,
}

impl Rows {
    pub fn new(described: &Arc<Described>, seed: u64) -> Self {
        let columns = &described.columns;
        let source = |column: &Column| Source {
            blocks: Blocks::new(seed, &format!("{} field {}", described.name, column.name)),
            table: Table::new(&column.maker, seed),
        };
        Self {
            sources: columns.iter().map(source).collect(),
            values: vec![Value::Null; columns.len()],
            texts: vec![String::new(); columns.len()],
            fingerprints: Fingerprints::new(&described.schema()),
            described: Arc::clone(described),
        }
    }

    /// What its amounts are counted in.
    pub fn units(&self) -> Vec<&str> {
        match &self.described.amounts {
            Some(Amounts::By { by, .. }) => match &self.described.columns[*by].maker {
                Maker::Choice { words, .. } => words.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            },
            Some(Amounts::In { unit, .. }) => vec![unit],
            None => Vec::new(),
        }
    }

    /// Writes an event, and says its amount and the index of its unit.
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> Option<(usize, i64)> {
        let Self { described, sources, values, texts, fingerprints } = self;
        let left_out = usize::from(described.has_added && !form.changed);
        let columns = &described.columns[..described.columns.len() - left_out];
        for (index, (column, source)) in columns.iter().zip(sources).enumerate() {
            let (made, rest) = texts.split_at_mut(index);
            let above = Row { id: slot.id, columns, values, texts: made };
            values[index] = source.value(column, slot, &above, &mut rest[0]);
        }
        let row = Row { id: slot.id, columns, values, texts };
        match described.key {
            Some(key) => row.append(key, &mut record.key),
            None => record.key.extend_from_slice(&slot.id.text()),
        }
        encode(&row, form, fingerprints, record);
        match (described.amounts.as_ref()?, &*values) {
            (Amounts::By { of, by }, values) => match (values[*of], values[*by]) {
                (Value::Long(amount), Value::Word(unit)) => Some((unit, amount)),
                _ => None,
            },
            (Amounts::In { of, .. }, values) => match values[*of] {
                Value::Long(amount) => Some((0, amount)),
                _ => None,
            },
        }
    }
}

impl Table {
    fn new(maker: &Maker, seed: u64) -> Self {
        match maker {
            Maker::Choice { weights, .. } => Self::Weighted(Choice::weighted(weights)),
            Maker::Zipf { count, hundredths, scattered, .. } => {
                let ranks = Choice::zipf(*count, *hundredths);
                if *scattered {
                    Self::Popular(Popularity::new(*count, Arc::new(ranks), seed))
                } else {
                    Self::Weighted(ranks)
                }
            }
            Maker::Reference(Reference::Customers) => Self::Popular(Popularity::of_customers(seed)),
            Maker::Reference(Reference::Products) => Self::Popular(Popularity::of_products(seed)),
            _ => Self::None,
        }
    }

    /// One of its things, by 64 random bits.
    fn pick(&self, which: u32, cell: u32) -> u32 {
        match self {
            Self::None => 0,
            Self::Weighted(choice) => choice.choose(which, cell),
            Self::Popular(popularity) => popularity.pick(which, cell),
        }
    }
}

impl Source {
    fn value(&mut self, column: &Column, slot: &Slot, above: &Row<'_>, text: &mut String) -> Value {
        let number = match column.per.map(|per| above.values[per]) {
            None => slot.ordinal,
            Some(Value::Long(number)) => number.cast_unsigned(),
            Some(Value::Word(word)) => word as u64,
            // What a thing has is not known where the thing is not.
            Some(_) => return Value::Null,
        };
        let (halves, _) = self.blocks.block(number / 2).as_chunks::<WORDS>();
        let words = &halves[number as usize % 2];
        if column.nulls.is_some_and(|nulls| below(words[0], 1_000_000) < nulls.in_millionths()) {
            return Value::Null;
        }
        let bits = u64::from(words[1]) << 32 | u64::from(words[2]);
        match &column.maker {
            Maker::Uniform { from, count } => Value::Long(from + among(bits, *count)),
            Maker::Bell { from, count } => {
                let dice: u64 = words[1..5].iter().map(|word| u64::from(*word)).sum();
                Value::Long(from + among(dice << 30, *count))
            }
            Maker::Doubling { from, to } => {
                let octave = from.ilog2() + below(words[3], to.ilog2() - from.ilog2() + 1);
                let least = (*from).max(1 << octave);
                let most = (*to).min((2 << octave) - 1);
                Value::Long(least.cast_signed() + among(bits, most - least + 1))
            }
            Maker::Zipf { from, .. } => Value::Long(from + i64::from(self.table.pick(words[1], words[2]))),
            Maker::Choice { .. } => Value::Word(self.table.pick(words[1], words[2]) as usize),
            Maker::Reference(Reference::Devices) => Value::Long(1 + i64::from(below(words[1], DEVICES))),
            Maker::Reference(_) => Value::Long(1 + i64::from(self.table.pick(words[1], words[2]))),
            Maker::Boolean(share) => Value::Boolean(below(words[1], 1_000_000) < share.in_millionths()),
            Maker::Time { from, count } => Value::Time(slot.time + from + among(bits, *count)),
            Maker::Serial { first } => Value::Long(first + slot.ordinal.cast_signed()),
            Maker::Pattern(parts) => {
                let more = u64::from(words[3]) << 32 | u64::from(words[4]);
                above.fill(parts, [bits, more], text);
                Value::Text
            }
        }
    }
}

/// A number below `count`, from 64 random bits.
fn among(bits: u64, count: u64) -> i64 {
    ((u128::from(bits) * u128::from(count)) >> 64) as i64
}

/// An event's values.
struct Row<'r> {
    id: Id,
    columns: &'r [Column],
    values: &'r [Value],
    texts: &'r [String],
}

impl Row<'_> {
    fn word(&self, column: usize, word: usize) -> &str {
        match &self.columns[column].maker {
            Maker::Choice { words, .. } => &words[word],
            _ => "",
        }
    }

    /// Appends a value as plain text.
    fn append(&self, column: usize, out: &mut Vec<u8>) {
        match self.values[column] {
            Value::Null => {}
            Value::Long(number) => integer(out, number),
            Value::Word(word) => out.extend_from_slice(self.word(column, word).as_bytes()),
            Value::Boolean(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
            Value::Time(time) => out.extend_from_slice(&time_text(time)),
            Value::Text => out.extend_from_slice(self.texts[column].as_bytes()),
        }
    }

    /// Makes the text of a pattern. The first ten random characters come of the first bits, the others of the second.
    fn fill(&self, parts: &[Part], mut bits: [u64; 2], text: &mut String) {
        text.clear();
        let mut drawn = 0;
        let mut draw = |of: u8| {
            let bits = &mut bits[usize::from(drawn >= super::pattern::MOST_RANDOM / 2)];
            drawn += 1;
            let product = u128::from(*bits) * u128::from(of);
            *bits = product as u64;
            (product >> 64) as u8
        };
        for part in parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Digit => text.push(char::from(b'0' + draw(10))),
                Part::Letter => text.push(char::from(b'A' + draw(26))),
                Part::Field(column) => match self.values[*column] {
                    Value::Long(number) => {
                        // Writing into memory cannot fail.
                        let _ = write!(text, "{number}");
                    }
                    Value::Word(word) => text.push_str(self.word(*column, word)),
                    Value::Text => text.push_str(&self.texts[*column]),
                    Value::Boolean(yes) => text.push_str(if yes { "true" } else { "false" }),
                    Value::Time(time) => time_text(time).iter().for_each(|byte| text.push(char::from(*byte))),
                    Value::Null => {}
                },
            }
        }
    }
}

impl Event for Row<'_> {
    fn fields<F: Fields>(&self, _: bool, to: &mut F) {
        to.id("event_id", self.id);
        for (index, column) in self.columns.iter().enumerate() {
            let (name, may_be_null) = (column.name.as_str(), column.nulls.is_some());
            match (self.values[index], may_be_null) {
                (Value::Long(number), false) => to.long(name, number),
                (Value::Long(number), true) => to.maybe_long(name, Some(number)),
                (Value::Word(word), false) => to.words(name, self.word(index, word)),
                (Value::Word(word), true) => to.maybe_text(name, Some(self.word(index, word))),
                (Value::Text, false) => to.words(name, &self.texts[index]),
                (Value::Text, true) => to.maybe_text(name, Some(&self.texts[index])),
                (Value::Boolean(yes), false) => to.boolean(name, yes),
                (Value::Boolean(yes), true) => to.maybe_boolean(name, Some(yes)),
                (Value::Time(time), false) => to.time(name, time),
                (Value::Time(time), true) => to.maybe_time(name, Some(time)),
                (Value::Null, _) => to.maybe_text(name, None),
            }
        }
    }
}
