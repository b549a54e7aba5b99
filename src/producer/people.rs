//! Customers: the reference dataset, and what orders and clicks must know of them.

use super::Record;
use std::sync::{Arc, LazyLock};

use super::dataset::Form;
use super::fields::{Event, Fields, encode};
use super::id::Id;
use super::json::integer;
use super::products::PRODUCTS;
use super::random::{BLOCK, Blocks, below};
use super::schema::{Fingerprints, Kind, Schema, field};
use super::skew::{Choice, Shuffle};
use super::timeline::Slot;

/// How many customers there are: their numbers begin with 1.
pub(super) const CUSTOMERS: u32 = 100_000;

/// A country with its share of a hundred customers, its currency and its cities.
pub(super) struct Country {
    pub code: &'static str,
    pub share: u64,
    /// An index into [`CURRENCIES`].
    pub currency: usize,
    cities: [&'static str; 4],
}

/// A currency, and how many of its minor units are worth ten thousand euro cents.
pub(super) struct Currency {
    pub code: &'static str,
    pub per_10_000_cents: u64,
}

/// The currencies. The yen has no smaller unit.
pub(super) const CURRENCIES: [Currency; 7] = [
    Currency { code: "EUR", per_10_000_cents: 10_000 },
    Currency { code: "GBP", per_10_000_cents: 8_600 },
    Currency { code: "USD", per_10_000_cents: 10_800 },
    Currency { code: "CHF", per_10_000_cents: 9_500 },
    Currency { code: "PLN", per_10_000_cents: 43_000 },
    Currency { code: "SEK", per_10_000_cents: 113_000 },
    Currency { code: "JPY", per_10_000_cents: 16_300 },
];

/// Where customers live.
pub(super) const COUNTRIES: [Country; 12] = [
    Country { code: "DE", share: 26, currency: 0, cities: ["Berlin", "Hamburg", "München", "Köln"] },
    Country { code: "FR", share: 14, currency: 0, cities: ["Paris", "Lyon", "Marseille", "Lille"] },
    Country { code: "GB", share: 13, currency: 1, cities: ["London", "Leeds", "Bristol", "Glasgow"] },
    Country { code: "US", share: 12, currency: 2, cities: ["New York", "Chicago", "Seattle", "Austin"] },
    Country { code: "IT", share: 8, currency: 0, cities: ["Milano", "Roma", "Torino", "Bologna"] },
    Country { code: "ES", share: 7, currency: 0, cities: ["Madrid", "Barcelona", "Valencia", "Sevilla"] },
    Country { code: "PL", share: 6, currency: 4, cities: ["Warszawa", "Kraków", "Gdańsk", "Wrocław"] },
    Country { code: "NL", share: 5, currency: 0, cities: ["Amsterdam", "Rotterdam", "Utrecht", "Eindhoven"] },
    Country { code: "CH", share: 3, currency: 3, cities: ["Zürich", "Genève", "Basel", "Bern"] },
    Country { code: "SE", share: 3, currency: 5, cities: ["Stockholm", "Göteborg", "Malmö", "Uppsala"] },
    Country { code: "AT", share: 2, currency: 0, cities: ["Wien", "Graz", "Linz", "Salzburg"] },
    Country { code: "JP", share: 1, currency: 6, cities: ["Tokyo", "Osaka", "Nagoya", "Sapporo"] },
];

const FIRST_NAMES: [&str; 32] = [
    "Anna", "Ben", "Clara", "David", "Elena", "Felix", "Grace", "Hugo", "Ida", "Jakub", "Katja", "Liam",
    "Mia", "Noah", "Olga", "Paul", "Rosa", "Samuel", "Tilda", "Yuki", "Léa", "Björn", "Zoë", "Matteo",
    "Nina", "Oscar", "Petra", "Rafael", "Sofia", "Tomasz", "Ursula", "Viktor",
];

const LAST_NAMES: [&str; 32] = [
    "Müller", "Martin", "Smith", "Rossi", "García", "Kowalski", "de Vries", "Keller", "Lindberg", "Gruber",
    "Sato", "Weber", "Dubois", "Jones", "Bianchi", "López", "Nowak", "Bakker", "Meier", "Svensson", "Huber",
    "Tanaka", "Fischer", "Moreau", "Taylor", "Ricci", "Sánchez", "Wójcik", "Visser", "Schmid", "Nilsson",
    "O'Brien",
];

const TIERS: [&str; 4] = ["basic", "silver", "gold", "platinum"];

/// All customers have registered in the ten years before this: 2020-01-01, in milliseconds since 1970.
const REGISTERED_BEFORE: i64 = 1_577_836_800_000;
const TEN_YEARS: u32 = 315_532_800;

/// The customers of a seed.
#[derive(Clone, Debug)]
pub(super) struct Customers {
    blocks: Blocks,
    countries: Choice,
    fingerprints: Fingerprints,
}

/// A customer.
struct Customer {
    id: Id,
    number: i64,
    words: [u32; BLOCK],
    country: &'static Country,
}

impl Customers {
    pub fn new(seed: u64) -> Self {
        Self {
            blocks: Blocks::new(seed, "customers"),
            countries: Choice::weighted(&COUNTRIES.map(|country| country.share)),
            fingerprints: Fingerprints::new(&Self::schema()),
        }
    }

    pub fn schema() -> Schema {
        Schema {
            name: "customers".to_owned(),
            doc: "The customers of the shop: each window has all of them once.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this record."),
                field("customer_id", Kind::Long, "The customer's number, from 1."),
                field("name", Kind::MaybeText, "First and last name."),
                field("email", Kind::MaybeText, "The address for mail, unique to the customer."),
                field("country", Kind::Text, "The country, by ISO 3166."),
                field("city", Kind::MaybeText, "The city."),
                field("currency", Kind::Text, "The currency that the customer pays in, by ISO 4217."),
                field("tier", Kind::Text, "basic, silver, gold or platinum."),
                field("registered_at", Kind::Time, "When the customer registered: before all orders."),
            ],
            added: Some(field("language", Kind::MaybeText, "The language that the customer reads.")),
        }
    }

    /// The country of a customer, as an index into [`COUNTRIES`].
    pub fn country(&mut self, index: u32) -> u8 {
        let words = self.blocks.block(u64::from(index));
        self.countries.choose(words[0], words[1]) as u8
    }

    /// The countries of all customers.
    pub fn all_countries(mut self) -> Box<[u8]> {
        (0..CUSTOMERS).map(|index| self.country(index)).collect()
    }

    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) {
        let country = &COUNTRIES[usize::from(self.country(slot.ordinal as u32))];
        let words = *self.blocks.block(slot.ordinal);
        let customer = Customer { id: slot.id, number: slot.ordinal.cast_signed() + 1, words, country };
        integer(&mut record.key, customer.number);
        encode(&customer, form, &self.fingerprints, record);
    }
}

impl Event for Customer {
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let pick = |word: usize, of: u32| below(self.words[word], of) as usize;
        let first = FIRST_NAMES[pick(2, 32)];
        let last = LAST_NAMES[pick(3, 32)];
        let tier = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3][pick(4, 20)];
        to.id("event_id", self.id);
        to.long("customer_id", self.number);
        to.maybe_text("name", Some(&format!("{first} {last}")));
        to.maybe_text("email", Some(&format!("customer{}@example.com", self.number)));
        to.text("country", self.country.code);
        to.maybe_text("city", Some(self.country.cities[pick(5, 4)]));
        to.text("currency", CURRENCIES[self.country.currency].code);
        to.text("tier", TIERS[tier]);
        to.time(
            "registered_at",
            REGISTERED_BEFORE - 1000 * i64::from(below(self.words[6], TEN_YEARS)) - 1000,
        );
        if changed {
            to.maybe_text("language", Some(if pick(7, 3) == 0 { "en" } else { "local" }));
        }
    }
}

/// Which customers are seen how often: by Zipf's law, whatever their numbers.
#[derive(Clone, Debug)]
pub(super) struct Popularity {
    ranks: Arc<Choice>,
    shuffle: Shuffle,
}

impl Popularity {
    /// Of so many, with the choice of a rank.
    pub fn new(count: u32, ranks: Arc<Choice>, seed: u64) -> Self {
        Self { ranks, shuffle: Shuffle::new(count, seed) }
    }

    /// One of them, from 0, by 64 random bits.
    #[inline]
    pub fn pick(&self, which: u32, cell: u32) -> u32 {
        self.shuffle.number(self.ranks.choose(which, cell))
    }

    /// Of customers.
    pub fn of_customers(seed: u64) -> Self {
        static RANKS: LazyLock<Arc<Choice>> = LazyLock::new(|| Arc::new(Choice::zipf(CUSTOMERS, 75)));
        Self::new(CUSTOMERS, Arc::clone(&RANKS), seed)
    }

    /// Of products.
    pub fn of_products(seed: u64) -> Self {
        static RANKS: LazyLock<Arc<Choice>> = LazyLock::new(|| Arc::new(Choice::zipf(PRODUCTS, 95)));
        Self::new(PRODUCTS, Arc::clone(&RANKS), seed)
    }
}
