-- Countries by ISO 3166, with the region that gold's tables put them in.
CREATE TABLE IF NOT EXISTS countries (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{2}$'),
    name text NOT NULL,
    region text NOT NULL,
    currency text NOT NULL
);
TRUNCATE countries;
INSERT INTO countries (code, name, region, currency) VALUES
    ('AT', 'Austria', 'central', 'EUR'),
    ('AU', 'Australia', 'asia-pacific', 'AUD'),
    ('BE', 'Belgium', 'west', 'EUR'),
    ('BR', 'Brazil', 'americas', 'BRL'),
    ('CA', 'Canada', 'americas', 'CAD'),
    ('CH', 'Switzerland', 'central', 'CHF'),
    ('CN', 'China', 'asia-pacific', 'CNY'),
    ('CZ', 'Czechia', 'central', 'CZK'),
    ('DE', 'Germany', 'central', 'EUR'),
    ('DK', 'Denmark', 'north', 'DKK'),
    ('ES', 'Spain', 'south', 'EUR'),
    ('FI', 'Finland', 'north', 'EUR'),
    ('FR', 'France', 'west', 'EUR'),
    ('GB', 'United Kingdom', 'west', 'GBP'),
    ('GR', 'Greece', 'south', 'EUR'),
    ('IE', 'Ireland', 'west', 'EUR'),
    ('IN', 'India', 'asia-pacific', 'INR'),
    ('IT', 'Italy', 'south', 'EUR'),
    ('JP', 'Japan', 'asia-pacific', 'JPY'),
    ('KR', 'South Korea', 'asia-pacific', 'KRW'),
    ('LU', 'Luxembourg', 'west', 'EUR'),
    ('MX', 'Mexico', 'americas', 'MXN'),
    ('NL', 'Netherlands', 'west', 'EUR'),
    ('NO', 'Norway', 'north', 'NOK'),
    ('PL', 'Poland', 'central', 'PLN'),
    ('PT', 'Portugal', 'south', 'EUR'),
    ('SE', 'Sweden', 'north', 'SEK'),
    ('SG', 'Singapore', 'asia-pacific', 'SGD'),
    ('US', 'United States', 'americas', 'USD');
