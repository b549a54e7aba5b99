//! Orders of a shop, and what becomes of them.
//!
//! Every order has four events: it is placed, and its status changes three times, hours and days later. Of four events in
//! a row the first places an order, and each of the others tells of one placed before: which one follows from a
//! permutation, so that every order has each of its events exactly once, and any of them can be made alone.

use std::sync::Arc;

use super::dataset::Form;
use super::fields::{Event, Fields, encode};
use super::id::Id;
use super::json::integer;
use super::people::{COUNTRIES, CURRENCIES, Customers, Popularity};
use super::products::Products;
use super::random::{BLOCK, Blocks, below};
use super::schema::{Fingerprints, Kind, Schema, field};
use super::skew::scatter;
use super::timeline::{Slot, Timeline};
use super::{Recipe, Record};

/// How many events an order has.
const VERSIONS: u64 = 4;

const MOST_ITEMS: usize = 6;

/// Of 256 orders, how many have one item, up to two, up to three...
const ITEMS_UP_TO: [u32; MOST_ITEMS] = [115, 180, 217, 238, 250, 256];

/// The ways that orders go. Of 256 orders, how many go this way or one before it.
const WAYS: [(u32, [&str; VERSIONS as usize]); 4] = [
    (225, ["placed", "paid", "shipped", "delivered"]),
    (238, ["placed", "paid", "shipped", "returned"]),
    (248, ["placed", "paid", "cancelled", "refunded"]),
    (256, ["placed", "declined", "cancelled", "closed"]),
];

/// How much later, in seconds, an order gets to its second, third and fourth event at the earliest, about; at the latest it
/// is six times this. No order gets to one before it can have had the one before.
const LATER: [u64; 3] = [300, 21_600, 172_800];

const CHANNELS: [&str; 8] = ["web", "web", "web", "app", "app", "app", "store", "partner"];
const PAYMENTS: [&str; 8] = ["card", "card", "card", "card", "paypal", "paypal", "invoice", "transfer"];
const CAMPAIGNS: [&str; 4] = ["newsletter", "search", "social", "friends"];

/// Orders, with the tables that they need.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    timeline: Arc<Timeline>,
    /// The orders that are placed, in turn.
    placed: Blocks,
    /// Those of which something is told later, here and there.
    earlier: Blocks,
    customers: Popularity,
    products: Popularity,
    countries: Box<[u8]>,
    prices: Box<[u32]>,
    /// For each later event, within how many orders (as a power of two) its order lies.
    spans: [u32; LATER.len()],
    fingerprints: Fingerprints,
}

#[derive(Clone, Copy, Default)]
struct Item {
    product: i64,
    quantity: i64,
    price: i64,
}

struct Order {
    event: Id,
    placed: Id,
    version: usize,
    customer: i64,
    ordered_at: i64,
    updated_at: i64,
    /// An index into [`COUNTRIES`].
    country: usize,
    currency: usize,
    discount: i64,
    shipping: i64,
    amount: i64,
    /// Random bits for the rest.
    bits: u32,
    way: u32,
    items: [Item; MOST_ITEMS],
    count: usize,
}

impl Orders {
    pub fn new(recipe: &Recipe, timeline: &Arc<Timeline>) -> Self {
        let seed = recipe.seed;
        let span = |seconds: u64| {
            let orders = u64::from(recipe.rate.get()) * seconds / VERSIONS;
            orders.max(1).next_power_of_two().ilog2()
        };
        Self {
            timeline: Arc::clone(timeline),
            placed: Blocks::new(seed, "orders"),
            earlier: Blocks::new(seed, "orders"),
            customers: Popularity::of_customers(seed),
            products: Popularity::of_products(seed),
            countries: Customers::new(seed).all_countries(),
            prices: Products::new(seed).all_prices(),
            spans: LATER.map(span),
            fingerprints: Fingerprints::new(&Self::schema()),
        }
    }

    /// The currencies of its amounts.
    pub fn units() -> Vec<&'static str> {
        CURRENCIES.iter().map(|currency| currency.code).collect()
    }

    pub fn schema() -> Schema {
        Schema {
            name: "orders".to_owned(),
            doc: "Orders of a shop: each event has the whole order, as it is from then on.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this event."),
                field("order_id", Kind::Id, "The order: the id of the event that placed it."),
                field("version", Kind::Long, "Which of the order's four events this is, from 1."),
                field(
                    "status",
                    Kind::Text,
                    "placed; paid or declined; shipped or cancelled; delivered, returned, refunded or closed.",
                ),
                field("customer_id", Kind::Long, "Who ordered: a customer of the same seed."),
                field("ordered_at", Kind::Time, "When the order was placed."),
                field("updated_at", Kind::Time, "When this event happened."),
                field("channel", Kind::MaybeText, "web, app, store or partner."),
                field("country", Kind::Text, "The customer's country, by ISO 3166."),
                field("currency", Kind::Text, "The customer's currency, by ISO 4217."),
                field("payment_method", Kind::MaybeText, "card, paypal, invoice or transfer."),
                field("discount_minor", Kind::Long, "What is taken off the items' prices, in minor units."),
                field("shipping_minor", Kind::Long, "What shipping costs, in minor units."),
                field(
                    "amount_minor",
                    Kind::Long,
                    "What the customer pays, in minor units: items, less discount, and shipping.",
                ),
                field(
                    "items",
                    Kind::List(vec![
                        field("product_id", Kind::Long, "A product of the same seed."),
                        field("quantity", Kind::Long, "How many of it."),
                        field(
                            "unit_price_minor",
                            Kind::Long,
                            "The price of one, in minor units of the order's currency.",
                        ),
                    ]),
                    "What was ordered.",
                ),
            ],
            added: Some(field(
                "campaign",
                Kind::MaybeText,
                "The campaign that brought the order: newsletter, search, social or friends.",
            )),
        }
    }

    /// Writes an event; placing an order has an amount.
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> Option<(usize, i64)> {
        let order = self.order(slot);
        integer(&mut record.key, order.customer);
        encode(&order, form, &self.fingerprints, record);
        (order.version == 0).then_some((order.currency, order.amount))
    }

    /// Of which order an event tells, and how manieth of its events it is, from 0.
    pub(super) fn subject(&self, ordinal: u64) -> (u64, usize) {
        let (turn, version) = (ordinal / VERSIONS, (ordinal % VERSIONS) as usize);
        let Some(bits) = version.checked_sub(1).map(|index| self.spans[index]) else {
            return (turn, 0);
        };
        // The orders of a span get to this event in another order, between one and three spans later.
        let span = turn >> bits;
        let place = scatter(turn & ((1 << bits) - 1), bits, span << 2 | version as u64);
        (span.saturating_sub(2) << bits | place, version)
    }

    #[inline]
    fn order(&mut self, slot: &Slot) -> Order {
        let (number, version) = self.subject(slot.ordinal);
        let (words, placed) = if version == 0 {
            (self.placed.pair(number), *slot)
        } else {
            (self.earlier.pair(number), self.timeline.slot(number * VERSIONS))
        };
        let customer = self.customers.pick(words[0], words[1]);
        let country = usize::from(self.countries[customer as usize]);
        let currency = COUNTRIES[country].currency;
        let minor = |cents: u64| (cents * CURRENCIES[currency].per_10_000_cents / 10_000).cast_signed();
        let roll = words[2] & 0xff;
        let count = 1 + ITEMS_UP_TO.iter().filter(|up_to| roll >= **up_to).count();
        let mut items = [Item::default(); MOST_ITEMS];
        let mut sum = 0;
        for (item, words) in items[..count].iter_mut().zip(words[8..].chunks_exact(4)) {
            let product = self.products.pick(words[0], words[1]);
            // Most buy one, few buy many.
            let quantity = i64::from(words[2].leading_zeros().min(9)) + 1;
            let price = minor(u64::from(self.prices[product as usize]));
            *item = Item { product: i64::from(product) + 1, quantity, price };
            sum += quantity * price;
        }
        let discount = if below(words[3], 16) == 0 { sum / 10 } else { 0 };
        let shipping = if sum >= minor(5_000) { 0 } else { minor(490) };
        Order {
            event: slot.id,
            placed: placed.id,
            version,
            customer: i64::from(customer) + 1,
            ordered_at: placed.time,
            updated_at: slot.time,
            country,
            currency,
            discount,
            shipping,
            amount: sum - discount + shipping,
            bits: words[4],
            way: words[5] & 0xff,
            items,
            count,
        }
    }
}

impl Event for Order {
    #[inline]
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let way = WAYS.iter().find(|(up_to, _)| self.way < *up_to).map_or(WAYS[0].1, |(_, way)| *way);
        let of_eight = |shift: u32| (self.bits >> shift & 7) as usize;
        to.id("event_id", self.event);
        to.id("order_id", self.placed);
        to.long("version", self.version as i64 + 1);
        to.text("status", way[self.version]);
        to.long("customer_id", self.customer);
        to.time("ordered_at", self.ordered_at);
        to.time("updated_at", self.updated_at);
        to.maybe_text("channel", Some(CHANNELS[of_eight(0)]));
        to.text("country", COUNTRIES[self.country].code);
        to.text("currency", CURRENCIES[self.currency].code);
        to.maybe_text("payment_method", Some(PAYMENTS[of_eight(3)]));
        to.long("discount_minor", self.discount);
        to.long("shipping_minor", self.shipping);
        to.long("amount_minor", self.amount);
        to.list("items", &self.items[..self.count], |to, item| {
            to.long("product_id", item.product);
            to.long("quantity", item.quantity);
            to.long("unit_price_minor", item.price);
        });
        if changed {
            to.maybe_text("campaign", Some(CAMPAIGNS[below(self.bits, 4) as usize]));
        }
    }
}

const _: () = assert!(8 + 4 * MOST_ITEMS <= 2 * BLOCK, "an order has two blocks");
