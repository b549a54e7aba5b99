//! Products: the reference dataset, and their prices.

use super::Record;
use super::dataset::Form;
use super::fields::{Event, Fields, encode};
use super::id::Id;
use super::json::integer;
use super::random::{BLOCK, Blocks, below};
use super::schema::{Fingerprints, Kind, Schema, field};
use super::timeline::Slot;

/// How many products there are: their numbers begin with 1.
pub(super) const PRODUCTS: u32 = 10_000;

/// A category with its words and the range of its prices in euro cents.
struct Category {
    name: &'static str,
    things: [&'static str; 4],
    prices: [u32; 2],
}

const CATEGORIES: [Category; 10] = [
    Category { name: "books", things: ["Novel", "Atlas", "Cookbook", "Comic"], prices: [599, 4_999] },
    Category { name: "toys", things: ["Puzzle", "Kite", "Robot", "Train"], prices: [499, 9_999] },
    Category { name: "garden", things: ["Spade", "Planter", "Lantern", "Hose"], prices: [799, 19_999] },
    Category { name: "kitchen", things: ["Kettle", "Pan", "Knife", "Grinder"], prices: [999, 24_999] },
    Category { name: "clothing", things: ["Coat", "Shirt", "Scarf", "Boots"], prices: [1_499, 29_999] },
    Category { name: "sports", things: ["Racket", "Tent", "Ball", "Helmet"], prices: [999, 39_999] },
    Category {
        name: "audio",
        things: ["Headphones", "Speaker", "Turntable", "Radio"],
        prices: [1_999, 59_999],
    },
    Category { name: "furniture", things: ["Chair", "Shelf", "Desk", "Lamp"], prices: [2_999, 99_999] },
    Category {
        name: "computing",
        things: ["Keyboard", "Monitor", "Dock", "Tablet"],
        prices: [1_999, 149_999],
    },
    Category { name: "grocery", things: ["Tea", "Coffee", "Honey", "Olive oil"], prices: [199, 2_499] },
];

const QUALITIES: [&str; 8] = ["Plain", "Sturdy", "Light", "Classic", "Nordic", "Compact", "Deluxe", "Quiet"];

/// Products are older than this: 2020-01-01, in milliseconds since 1970.
const INTRODUCED_BEFORE: i64 = 1_577_836_800_000;
const FIVE_YEARS: u32 = 157_766_400;

/// The products of a seed.
#[derive(Clone, Debug)]
pub(super) struct Products {
    blocks: Blocks,
    fingerprints: Fingerprints,
}

struct Product {
    id: Id,
    number: i64,
    words: [u32; BLOCK],
    price: u32,
}

fn category(words: &[u32; BLOCK]) -> &'static Category {
    &CATEGORIES[below(words[0], CATEGORIES.len() as u32) as usize]
}

/// Low prices are more usual than high ones; all end with 9.
fn price(words: &[u32; BLOCK]) -> u32 {
    let [low, high] = category(words).prices;
    let part = (u64::from(words[1]) * u64::from(words[2])) >> 32;
    let price = low + below(part as u32, high - low);
    price / 10 * 10 + 9
}

impl Products {
    pub fn new(seed: u64) -> Self {
        Self { blocks: Blocks::new(seed, "products"), fingerprints: Fingerprints::new(&Self::schema()) }
    }

    pub fn schema() -> Schema {
        Schema {
            name: "products".to_owned(),
            doc: "The products of the shop: each window has all of them once.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this record."),
                field("product_id", Kind::Long, "The product's number, from 1."),
                field("name", Kind::MaybeText, "What it is called."),
                field(
                    "category",
                    Kind::Text,
                    "books, toys, garden, kitchen, clothing, sports, audio, furniture, computing or grocery.",
                ),
                field("currency", Kind::Text, "EUR: orders in other currencies follow from this price."),
                field("price_minor", Kind::Long, "The price in euro cents."),
                field("introduced_at", Kind::Time, "Since when it is sold: before all orders."),
            ],
            added: Some(field("weight_grams", Kind::MaybeLong, "What it weighs.")),
        }
    }

    /// The prices of all products, in euro cents.
    pub fn all_prices(mut self) -> Box<[u32]> {
        (0..PRODUCTS).map(|index| price(self.blocks.block(u64::from(index)))).collect()
    }

    /// Writes a product, and says its price.
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> i64 {
        let words = *self.blocks.block(slot.ordinal);
        let product =
            Product { id: slot.id, number: slot.ordinal.cast_signed() + 1, price: price(&words), words };
        integer(&mut record.key, product.number);
        encode(&product, form, &self.fingerprints, record);
        i64::from(product.price)
    }
}

impl Event for Product {
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let category = category(&self.words);
        let quality = QUALITIES[below(self.words[3], 8) as usize];
        let thing = category.things[below(self.words[4], 4) as usize];
        to.id("event_id", self.id);
        to.long("product_id", self.number);
        to.maybe_text("name", Some(&format!("{quality} {thing} {}", self.number)));
        to.text("category", category.name);
        to.text("currency", "EUR");
        to.long("price_minor", i64::from(self.price));
        to.time(
            "introduced_at",
            INTRODUCED_BEFORE - 1000 * i64::from(below(self.words[5], FIVE_YEARS)) - 1000,
        );
        if changed {
            to.maybe_long("weight_grams", Some(i64::from(below(self.words[6], 4_900)) + 100));
        }
    }
}
