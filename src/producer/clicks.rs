//! Clicks in a shop's pages: sessions, funnels and bots.
//!
//! Many lanes run side by side, each through one session after another. Of the events in a row each belongs to another lane,
//! so a session's clicks are apart as its visitor reads. Which session a click belongs to follows from the lane's stretch of
//! 256 clicks: it is cut into sessions by random lengths, most of them short, few very long.

use std::sync::Arc;

use super::dataset::Form;
use super::fields::{Event, Fields, encode};
use super::id::Id;
use super::json::integer;
use super::people::{COUNTRIES, CUSTOMERS, Customers, Popularity};
use super::random::{BLOCK, Blocks, below, mix};
use super::schema::{Fingerprints, Kind, Schema, field};
use super::skew::{Choice, Power, gather, scatter};
use super::timeline::{Slot, Timeline};
use super::{Recipe, Record};

/// A visitor's clicks are about this many seconds apart.
const READING: u64 = 30;

/// The clicks of a lane's stretch, as a power of two: no session is longer.
const STRETCH_BITS: u32 = 8;
const STRETCH: u64 = 1 << STRETCH_BITS;

/// A session's length follows from so many random bits.
const LENGTH_BITS: u32 = 12;

/// Sessions of `n` clicks or more are `n` to the power of this, in hundredths: the tail is heavy.
const TAIL: u32 = 130;

/// The steps to the end of the funnel.
const CLOSING: [&str; 4] = ["cart", "checkout", "payment", "purchase"];

/// Of 256 sessions, how many get this far and no farther, or less far: to nothing, cart, checkout, payment, purchase.
const REACH: [u32; 5] = [178, 214, 228, 236, 256];

const DEVICES: [&str; 8] =
    ["mobile", "mobile", "mobile", "mobile", "desktop", "desktop", "desktop", "tablet"];
const REFERRERS: [Option<&str>; 8] =
    [None, None, None, Some("search"), Some("search"), Some("social"), Some("newsletter"), Some("partner")];

/// Clicks, with the tables that they need.
#[derive(Clone, Debug)]
pub(super) struct Clicks {
    timeline: Arc<Timeline>,
    /// How many lanes there are, as a power of two.
    lanes: u32,
    /// What a click has of its own.
    own: Blocks,
    /// How stretches are cut.
    stretches: Blocks,
    /// What a session's clicks have in common.
    sessions: Blocks,
    lengths: Box<[u8]>,
    customers: Popularity,
    products: Popularity,
    countries: Box<[u8]>,
    elsewhere: Choice,
    fingerprints: Fingerprints,
}

/// Where a session lies in its lane.
#[derive(Clone, Copy, Debug)]
struct Session {
    lane: u64,
    /// The number of its first click in the lane.
    first: u64,
    length: u64,
}

struct Click {
    id: Id,
    session: Id,
    time: i64,
    sequence: u64,
    visitor: i64,
    customer: Option<i64>,
    step: &'static str,
    product: Option<i64>,
    country: &'static str,
    is_bot: bool,
    dwell: i64,
    /// Random bits of the session.
    bits: u32,
}

impl Clicks {
    pub const UNITS: [&str; 1] = ["ms"];

    pub fn new(recipe: &Recipe, timeline: &Arc<Timeline>) -> Self {
        let seed = recipe.seed;
        let power = Power::new(TAIL);
        // How many of the random numbers stand for sessions of at least each length.
        let at_least: Vec<u64> = (1..=STRETCH).map(|length| power.of(length) >> (62 - LENGTH_BITS)).collect();
        let lengths = (0..1_u64 << LENGTH_BITS)
            .map(|number| at_least.partition_point(|count| number < *count).saturating_sub(1) as u8)
            .collect();
        Self {
            timeline: Arc::clone(timeline),
            lanes: (u64::from(recipe.rate.get()) * READING).next_power_of_two().ilog2(),
            own: Blocks::new(seed, "clicks"),
            stretches: Blocks::new(seed, "clicks stretches"),
            sessions: Blocks::new(seed, "clicks sessions"),
            lengths,
            customers: Popularity::of_customers(seed),
            products: Popularity::of_products(seed),
            countries: Customers::new(seed).all_countries(),
            elsewhere: Choice::weighted(&COUNTRIES.map(|country| country.share)),
            fingerprints: Fingerprints::new(&Self::schema()),
        }
    }

    pub fn schema() -> Schema {
        Schema {
            name: "clicks".to_owned(),
            doc: "Clicks in a shop's pages.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this click."),
                field("session_id", Kind::Id, "The session: the id of its first click."),
                field("sequence", Kind::Long, "Which click of its session this is, from 1."),
                field("clicked_at", Kind::Time, "When it happened."),
                field("visitor_id", Kind::Long, "Who clicks, known by a cookie."),
                field(
                    "customer_id",
                    Kind::MaybeLong,
                    "The customer of the same seed, if the visitor has signed in.",
                ),
                field("step", Kind::Text, "home, search or product; then cart, checkout, payment, purchase."),
                field("product_id", Kind::MaybeLong, "The product that is looked at, of the same seed."),
                field("country", Kind::Text, "The visitor's country, by ISO 3166."),
                field("device", Kind::MaybeText, "mobile, desktop or tablet."),
                field(
                    "referrer",
                    Kind::MaybeText,
                    "Where the visitor came from: search, social, newsletter or partner.",
                ),
                field("is_bot", Kind::Boolean, "Whether it is no person."),
                field("dwell_ms", Kind::Long, "How long the page was open, in milliseconds."),
            ],
            added: Some(field("consent", Kind::MaybeText, "What the visitor agreed to: all or necessary.")),
        }
    }

    /// Writes a click, and says how long its page was open.
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> (usize, i64) {
        let click = self.click(slot);
        integer(&mut record.key, click.visitor);
        encode(&click, form, &self.fingerprints, record);
        (0, click.dwell)
    }

    /// The lane of an event, and which of the lane's clicks it is. The lanes come in another order in each round.
    fn place(&self, ordinal: u64) -> (u64, u64) {
        let round = ordinal >> self.lanes;
        let lane = scatter(ordinal & ((1 << self.lanes) - 1), self.lanes, round);
        // Stretches end at different times.
        (lane, round + mix(lane) % STRETCH)
    }

    /// The event that is this click of a lane.
    fn ordinal(&self, lane: u64, click: u64) -> u64 {
        let round = click.saturating_sub(mix(lane) % STRETCH);
        round << self.lanes | gather(lane, self.lanes, round)
    }

    fn session(&mut self, lane: u64, click: u64) -> Session {
        let (stretch, place) = (click >> STRETCH_BITS, click % STRETCH);
        let words = self.stretches.group(stretch << self.lanes | lane);
        let mut first = 0;
        for half in 0..2 * words.len() {
            let bits = words[half / 2] >> (half % 2 * 16) & ((1 << LENGTH_BITS) - 1);
            let next = first + u64::from(self.lengths[bits as usize]) + 1;
            if place < next {
                let length = next.min(STRETCH) - first;
                return Session { lane, first: stretch * STRETCH + first, length };
            }
            first = next;
        }
        // So many short sessions in a row are rare; the last one takes the rest.
        Session { lane, first: stretch * STRETCH + first, length: STRETCH - first }
    }

    fn click(&mut self, slot: &Slot) -> Click {
        let (lane, number) = self.place(slot.ordinal);
        let session = self.session(lane, number);
        let first = self.timeline.slot(self.ordinal(session.lane, session.first));
        let common = self.sessions.block(session.first << self.lanes | lane);
        let sequence = number - session.first;
        // The longer, the likelier it is no person.
        let people = match session.length {
            0..16 => 252,
            16..64 => 230,
            _ => 60,
        };
        let is_bot = common[0] & 0xff >= people;
        let signed_in = !is_bot && below(common[9], 4) == 0;
        let regular = self.customers.pick(common[1], common[2]);
        let (visitor, country) = if signed_in {
            (i64::from(regular) + 1, self.countries[regular as usize])
        } else {
            let visitor = i64::from(CUSTOMERS) + 1 + (i64::from(common[3]) << 8 | i64::from(common[4] >> 24));
            (visitor, self.elsewhere.choose(common[5], common[6]) as u8)
        };
        let reach = common[7] & 0xff;
        let closing = REACH.iter().filter(|up_to| reach >= **up_to).count() as u64;
        let closing = if is_bot { 0 } else { closing.min(session.length - 1) };
        let bits = common[8];

        let own = self.own.block(slot.ordinal);
        let browse = if own[0] & 0xff < 90 { "search" } else { "product" };
        let to_end = session.length - sequence;
        let step = if to_end <= closing {
            CLOSING[(closing - to_end) as usize]
        } else if sequence == 0 && !is_bot && own[0] & 0x300 != 0 {
            "home"
        } else {
            browse
        };
        let product =
            matches!(step, "product" | "cart").then(|| i64::from(self.products.pick(own[1], own[2])) + 1);
        // Most pages are left soon, some stay open for long.
        let dwell = if is_bot {
            20 + i64::from(below(own[3], 180))
        } else {
            let scale = 1_000_i64 << own[3].leading_zeros().min(9);
            scale + i64::from(below(own[4], scale as u32))
        };
        Click {
            id: slot.id,
            session: first.id,
            time: slot.time,
            sequence: sequence + 1,
            visitor,
            customer: signed_in.then_some(visitor),
            step,
            product,
            country: COUNTRIES[usize::from(country)].code,
            is_bot,
            dwell,
            bits,
        }
    }
}

impl Event for Click {
    #[inline]
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let of_eight = |shift: u32| (self.bits >> shift & 7) as usize;
        to.id("event_id", self.id);
        to.id("session_id", self.session);
        to.long("sequence", self.sequence.cast_signed());
        to.time("clicked_at", self.time);
        to.long("visitor_id", self.visitor);
        to.maybe_long("customer_id", self.customer);
        to.text("step", self.step);
        to.maybe_long("product_id", self.product);
        to.text("country", self.country);
        to.maybe_text("device", Some(DEVICES[of_eight(0)]));
        to.maybe_text("referrer", REFERRERS[of_eight(3)]);
        to.boolean("is_bot", self.is_bot);
        to.long("dwell_ms", self.dwell);
        if changed {
            to.maybe_text("consent", Some(if of_eight(6) < 5 { "all" } else { "necessary" }));
        }
    }
}

const _: () = assert!(BLOCK >= 10, "a session has one block");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::Dirt;
    use crate::producer::tests::{assert_fits, recipe};

    #[test]
    fn long_sessions_are_rare_by_a_power_law() {
        let recipe = recipe("clicks", Dirt::NONE);
        let mut clicks = Clicks::new(&recipe, &recipe.timeline());
        // By length: 1, 2 and 3, 4 to 7...
        let mut counts = [0; 7];
        for (lane, stretch) in (0..64).flat_map(|lane| (0..40).map(move |stretch| (lane, stretch))) {
            let mut place = 0;
            // Sessions that begin late may be cut off by the stretch's end.
            while place < STRETCH / 2 {
                let session = clicks.session(lane, stretch * STRETCH + place);
                assert_eq!(session.first, stretch * STRETCH + place);
                counts[session.length.ilog2().min(6) as usize] += 1;
                place += session.length;
            }
        }
        let at_least = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0].map(|length: f64| length.powf(-1.3));
        let mut weights = at_least;
        (0..6).for_each(|index| weights[index] -= at_least[index + 1]);
        assert_fits("sessions", &counts, &weights);
    }
}
