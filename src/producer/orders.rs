//! Orders of a shop.

use std::sync::Arc;

use super::dataset::Form;
use super::json::{Json, integer};
use super::random::{Blocks, below};
use super::timeline::{Slot, Timeline};
use super::{Format, Recipe, Record};

/// Orders of a shop.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    blocks: Blocks,
}

struct Item {
    product: u32,
    quantity: u32,
    price: u32,
}

impl Orders {
    pub const UNITS: [&str; 4] = ["EUR", "USD", "GBP", "JPY"];

    pub fn new(recipe: &Recipe, _timeline: &Arc<Timeline>) -> Self {
        Self { blocks: Blocks::new(recipe.seed, "orders") }
    }

    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> (usize, i64) {
        let words = self.blocks.pair(slot.ordinal);
        let customer = i64::from(below(words[0], 100_000)) + 1;
        let unit = below(words[1], 4) as usize;
        let items: Vec<Item> = (0..=below(words[2], 4) as usize)
            .map(|line| Item {
                product: below(words[4 + line * 3], 10_000) + 1,
                quantity: below(words[5 + line * 3], 3) + 1,
                price: below(words[6 + line * 3], 20_000) + 99,
            })
            .collect();
        let amount: i64 = items.iter().map(|item| i64::from(item.quantity) * i64::from(item.price)).sum();
        integer(&mut record.key, customer);
        let Format::Json = form.format;
        let mut json = Json::new(&mut record.value);
        json.id("event_id", slot.id);
        json.id("order_id", slot.id);
        json.long("version", 1);
        json.text("status", Some("placed"));
        json.long("customer_id", customer);
        json.time("ordered_at", slot.time);
        json.time("updated_at", slot.time);
        json.text("channel", (!form.nulls).then_some("web"));
        json.text("currency", Some(Self::UNITS[unit]));
        json.long("amount_minor", amount);
        json.list("items", &items, |json, item| {
            json.long("product_id", i64::from(item.product));
            json.long("quantity", i64::from(item.quantity));
            json.long("unit_price_minor", i64::from(item.price));
        });
        if form.changed {
            json.text("loyalty_tier", Some("gold"));
        }
        json.end();
        (unit, amount)
    }
}
